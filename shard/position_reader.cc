#include "shard/position_reader.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "shard/format.h"
#include "shard/varint.h"

namespace canopy {

absl::StatusOr<PositionReader> PositionReader::Open(const Section& positions, const TermInfo& term,
                                                    const FrequencyView& frequencies) {
  PositionReader reader;
  reader.section_ = &positions;
  reader.frequencies_ = frequencies;
  reader.kernels_ = &CurrentPositionKernels();
  reader.df_ = term.df;
  reader.begin_ = positions.begin() + term.positions;
  reader.end_ = reader.begin_ + term.positions_size;
  if (term.df > kPositionBlockPostings) {
    const uint64_t blocks =
        (uint64_t{term.df} + kPositionBlockPostings - 1) / kPositionBlockPostings;
    const uint64_t table_size = blocks * sizeof(uint32_t);
    if (table_size > term.positions_size) {
      return positions.Damage(term.positions, Concat("table of ", blocks, " blocks in ",
                                                     term.positions_size, " bytes"));
    }
    reader.table_ = reader.begin_;
    reader.begin_ += table_size;
  }
  reader.next_ = reader.begin_;
  return reader;
}

absl::Status PositionReader::Damage(uint32_t rank) const {
  return section_->Damage(
      static_cast<uint64_t>(begin_ - section_->begin()),
      Concat("positions of posting ", rank, " of ", df_, " are cut or do not ascend"));
}

absl::StatusOr<PositionBlock> PositionReader::Block(uint32_t block) const {
  const uint64_t first_rank = uint64_t{block} * kPositionBlockPostings;
  if (first_rank >= df_) return Damage(static_cast<uint32_t>(first_rank));
  PositionBlock view{begin_, end_, static_cast<uint32_t>(first_rank),
                     df_ - static_cast<uint32_t>(first_rank)};
  const auto size = static_cast<uint64_t>(end_ - begin_);
  uint64_t from = 0, to = size;
  if (table_ != nullptr) from = LoadAs<uint32_t>(table_ + block * sizeof(uint32_t));
  if (view.postings > kPositionBlockPostings) {
    view.postings = kPositionBlockPostings;
    to = LoadAs<uint32_t>(table_ + (block + 1) * sizeof(uint32_t));
  }
  if (from > to || to > size) return Damage(view.first_rank);
  view.begin = begin_ + from;
  view.end = begin_ + to;
  return view;
}

// From the start of the block to where the posting would be if all had equally many positions.
void PositionReader::PrefetchPositions(uint32_t rank) const {
  const auto block = Block(rank / kPositionBlockPostings);
  if (!block.ok()) return;
  const auto size = static_cast<size_t>(block->end - block->begin);
  const size_t reach = size * (rank - block->first_rank + 1) / block->postings;
  constexpr size_t kCacheLine = 64, kMaxPrefetch = 1024;
  for (size_t at = 0; at < std::min(reach + kCacheLine, kMaxPrefetch); at += kCacheLine) {
    __builtin_prefetch(block->begin + at);
  }
}

uint64_t PositionReader::SumOfTfs(uint32_t begin, uint32_t end) const {
  const uint32_t sum = kernels_->sum_frequencies(frequencies_.bytes + begin, end - begin);
  if (sum != kNoSum) return sum;
  uint64_t exact = 0;
  for (uint32_t rank = begin; rank < end; ++rank) exact += frequencies_.At(rank);
  return exact;
}

absl::StatusOr<const uint8_t*> PositionReader::Seek(uint32_t rank) {
  if (rank >= df_) return Damage(rank);
  const uint32_t block = rank / kPositionBlockPostings;
  if (rank < next_rank_ || block != next_rank_ / kPositionBlockPostings) {
    ASSIGN_OR_RETURN(const PositionBlock view, Block(block));
    next_rank_ = view.first_rank;
    next_ = view.begin;
  }
  if (rank != next_rank_) {
    const uint8_t* found = kernels_->skip(next_, end_, SumOfTfs(next_rank_, rank));
    if (found == nullptr) return Damage(rank);
    next_ = found;
    next_rank_ = rank;
  }
  return next_;
}

absl::Status PositionReader::Read(uint32_t rank, TermFrequency tf, std::vector<uint32_t>& out) {
  ASSIGN_OR_RETURN(const uint8_t* at, Seek(rank));
  if (static_cast<uint64_t>(end_ - at) < tf)
    return Damage(rank);  // before `out` grows: each takes a byte at least
  const size_t before = out.size();
  out.resize(before + tf);
  uint64_t position = 0;
  for (TermFrequency i = 0; i < tf; ++i) {
    uint64_t difference = 0;
    if (at < end_ && *at < 0x80) [[likely]] {
      difference = *at++;
    } else {
      at = TakeVarint(at, end_, difference);
      if (at == nullptr) return Damage(rank);
    }
    position += difference;
    if ((i > 0 && difference == 0) || difference > UINT32_MAX || position > UINT32_MAX)
      return Damage(rank);
    out[before + i] = static_cast<uint32_t>(position);
  }
  next_ = at;
  next_rank_ = rank + 1;
  return absl::OkStatus();
}

}  // namespace canopy
