#include "shard/position_source.h"

#include <algorithm>

#include "base/status.h"

namespace canopy {
namespace {

// A block of which fewer documents are asked for is not decoded as a whole.
constexpr size_t kFewInBlock = 4;
// Nor is one of more bytes, so that deadlines are looked at in between.
constexpr size_t kMaxBlockBytes = 1 << 16;
// Finding a single posting costs as much as so many positions.
constexpr size_t kSingleWork = 16;
// How many documents ahead the caches are told what will be read.
constexpr size_t kPrefetchBlock = 16;
constexpr size_t kPrefetchPositions = 8;

}  // namespace

uint16_t* PositionSource::Append(size_t count) {
  const size_t offset = used_;
  used_ += count;
  if (sums_.size() < used_ + kSumSlack) sums_.resize(std::max(2 * sums_.size(), used_ + kSumSlack));
  return sums_.data() + offset;
}

bool PositionSource::AddFrequencies(uint32_t first_rank, uint32_t postings, uint64_t most) {
  if (kernels_.add_frequencies(frequencies_.bytes + first_rank, postings, starts_.data())) {
    return starts_[postings] <= most;
  }
  uint64_t sum = 0;
  for (uint32_t i = 0; i < postings && sum <= most; ++i) {
    starts_[i] = static_cast<uint32_t>(sum);
    sum += frequencies_.At(first_rank + i);
  }
  starts_[postings] = static_cast<uint32_t>(sum);
  return sum <= most;
}

absl::Status PositionSource::LoadSingle(uint32_t rank, Place& place) {
  ASSIGN_OR_RETURN(const uint8_t* const begin, reader_.Seek(rank));
  const TermFrequency tf = frequencies_.At(rank);
  // Every position takes a byte at least: memory is not taken for a frequency that cannot be true.
  if (static_cast<uint64_t>(reader_.end() - begin) < tf) return reader_.Damage(rank);
  if (tf > kMaxSliceTf) return absl::OkStatus();
  place = {used_, tf, 0};
  const bool fits = kernels_.decode_sums(begin, reader_.end(), tf, Append(tf)) != nullptr;
  return fits ? absl::OkStatus() : reader_.Damage(rank);
}

absl::Status PositionSource::LoadBlock(const PositionBlock& block, absl::Span<const uint32_t> ranks,
                                       absl::Span<Place> places) {
  const uint32_t postings = ranks.back() - block.first_rank + 1;
  // Every position takes a byte at least.
  if (!AddFrequencies(block.first_rank, postings, block.size())) {
    return reader_.Damage(ranks.back());
  }
  const size_t count = starts_[postings];
  const size_t offset = used_;
  uint16_t* const sums = Append(count);
  if (kernels_.decode_sums(block.begin, block.end, count, sums) == nullptr) {
    return reader_.Damage(ranks.back());
  }
  for (size_t i = 0; i < ranks.size(); ++i) {
    const uint32_t at = ranks[i] - block.first_rank;
    const uint32_t start = starts_[at];
    places[i] = {offset + start, starts_[at + 1] - start,
                 start == 0 ? uint16_t{0} : sums[start - 1]};
  }
  return absl::OkStatus();
}

absl::Status PositionSource::Load(absl::Span<const uint32_t> ranks,
                                  std::vector<PositionSlice>& slices, Poll& poll) {
  used_ = 0;
  places_.assign(ranks.size(), Place());
  size_t prefetched = 0;
  for (size_t i = 0; i < ranks.size();) {
    for (; prefetched < std::min(ranks.size(), i + kPrefetchBlock); ++prefetched) {
      if (ranks[prefetched] != kNoRank) reader_.PrefetchBlock(ranks[prefetched]);
    }
    const size_t ahead = i + kPrefetchPositions;
    if (ahead < ranks.size() && ranks[ahead] != kNoRank) reader_.PrefetchPositions(ranks[ahead]);
    if (ranks[i] == kNoRank) {
      ++i;
      continue;
    }
    const uint32_t block_end = (ranks[i] / kPositionBlockPostings + 1) * kPositionBlockPostings;
    size_t end = i + 1;
    while (end < ranks.size() && ranks[end] < block_end) ++end;
    ASSIGN_OR_RETURN(const PositionBlock block, reader_.Block(ranks[i] / kPositionBlockPostings));
    if (end - i >= kFewInBlock && block.size() <= kMaxBlockBytes) {
      RETURN_IF_ERROR(
          LoadBlock(block, ranks.subspan(i, end - i), absl::MakeSpan(places_).subspan(i, end - i)));
      if (poll.ShouldStop(block.size())) return poll.status();
      i = end;
    }
    for (; i < end; ++i) {
      RETURN_IF_ERROR(LoadSingle(ranks[i], places_[i]));
      if (poll.ShouldStop(kSingleWork + places_[i].count)) return poll.status();
    }
  }
  slices.resize(ranks.size());
  for (size_t i = 0; i < ranks.size(); ++i) {
    slices[i] = {sums_.data() + places_[i].offset, places_[i].count, places_[i].base};
  }
  return absl::OkStatus();
}

}  // namespace canopy
