#include "shard/position_source.h"

#include <algorithm>

#include "base/status.h"

namespace canopy {
namespace {

// A block of which fewer documents are asked for is not decoded as a whole.
constexpr size_t kFewInBlock = 4;
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

void PositionSource::AddFrequencies(uint32_t first_rank, uint32_t postings) {
  if (kernels_.add_frequencies(frequencies_.bytes + first_rank, postings, starts_.data())) return;
  uint32_t sum = 0;
  for (uint32_t i = 0; i < postings; ++i) {
    starts_[i] = sum;
    sum += frequencies_.At(first_rank + i);
  }
  starts_[postings] = sum;
}

uint64_t PositionSource::SumOfFrequencies(uint32_t begin, uint32_t end) const {
  const uint32_t sum = kernels_.sum_frequencies(frequencies_.bytes + begin, end - begin);
  if (sum != kNoSum) return sum;
  uint64_t exact = 0;
  for (uint32_t rank = begin; rank < end; ++rank) exact += frequencies_.At(rank);
  return exact;
}

absl::Status PositionSource::LoadSingle(uint32_t rank, Place& place) {
  const uint32_t block = rank / kPositionBlockPostings;
  if (block != block_ || rank < next_rank_) {
    ASSIGN_OR_RETURN(const PositionBlock view, reader_.Block(block));
    block_ = block;
    next_rank_ = view.first_rank;
    next_ = view.begin;
    block_end_ = view.end;
  }
  const uint8_t* const begin = kernels_.skip(next_, block_end_, SumOfFrequencies(next_rank_, rank));
  place = {used_, frequencies_.At(rank), 0};
  // Every position takes a byte at least: memory is not taken for a frequency that cannot be true.
  if (begin == nullptr || static_cast<uint64_t>(block_end_ - begin) < place.count) {
    return reader_.Damage(rank);
  }
  next_ = kernels_.decode_sums(begin, block_end_, place.count, Append(place.count));
  if (next_ == nullptr) return reader_.Damage(rank);
  next_rank_ = rank + 1;
  return absl::OkStatus();
}

absl::Status PositionSource::LoadBlock(absl::Span<const uint32_t> ranks, absl::Span<Place> places) {
  ASSIGN_OR_RETURN(const PositionBlock block,
                   reader_.Block(ranks.front() / kPositionBlockPostings));
  const uint32_t postings = ranks.back() - block.first_rank + 1;
  AddFrequencies(block.first_rank, postings);
  const size_t count = starts_[postings];
  if (static_cast<uint64_t>(block.end - block.begin) < count) return reader_.Damage(ranks.back());
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
                                  std::vector<PositionSlice>& slices) {
  used_ = 0;
  block_ = kNoRank;
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
    if (end - i >= kFewInBlock) {
      RETURN_IF_ERROR(
          LoadBlock(ranks.subspan(i, end - i), absl::MakeSpan(places_).subspan(i, end - i)));
    } else {
      for (size_t at = i; at < end; ++at) RETURN_IF_ERROR(LoadSingle(ranks[at], places_[at]));
    }
    i = end;
  }
  slices.resize(ranks.size());
  for (size_t i = 0; i < ranks.size(); ++i) {
    slices[i] = {sums_.data() + places_[i].offset, places_[i].count, places_[i].base};
  }
  return absl::OkStatus();
}

}  // namespace canopy
