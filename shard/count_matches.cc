#include "shard/count_matches.h"

#include <algorithm>
#include <array>

#include "shard/chunk_matcher.h"

namespace canopy {
namespace {

// Fetches the beginnings of the containers; what comes behind them the processor fetches by itself.
void Prefetch(const ChunkContainers& chunk) {
  constexpr size_t kCacheLine = 64, kLines = 8;
  const auto fetch = [](const ContainerView& container) {
    const bool is_bitset = container.bitset != nullptr;
    const auto* const data = is_bitset ? reinterpret_cast<const char*>(container.bitset)
                                       : reinterpret_cast<const char*>(container.array);
    const size_t size =
        is_bitset ? kBitsetWords * sizeof(uint64_t) : container.cardinality * sizeof(uint16_t);
    for (size_t at = 0; at < std::min(size, kLines * kCacheLine); at += kCacheLine) {
      __builtin_prefetch(data + at);
    }
  };
  for (size_t i = 0; i < chunk.num_required; ++i) fetch(*chunk.required[i]);
  for (size_t i = 0; i < chunk.num_optional; ++i) fetch(*chunk.optional[i]);
  for (size_t i = 0; i < chunk.num_excluded; ++i) fetch(*chunk.excluded[i]);
}

}  // namespace

absl::StatusOr<uint64_t> CountMatches(const ShardFile& shard, const FlatQuery& query, Poll& poll,
                                      SearchScratch& scratch) {
  if (query.matches_nothing) return uint64_t{0};
  // One term, nothing deleted: its document frequency.
  const size_t matching = query.num_required + (query.needs_optional ? query.num_optional : 0);
  if (matching == 1 && query.excluded().empty() && shard.live_docs() == nullptr) {
    return uint64_t{query.terms[0].postings.df()};
  }
  ChunkWalk walk(query);
  ChunkMatcher matcher(query, shard.live_docs(), scratch.match);
  std::array<ChunkContainers, 2> chunks;  // the one being counted, and the one after it
  uint64_t total = 0;
  bool more = walk.Next(chunks[0]);
  for (size_t current = 0; more; current ^= 1) {
    ChunkContainers& next = chunks[current ^ 1];
    more = walk.Next(next);
    if (more) Prefetch(next);
    if (poll.ShouldStop(kBitsetWords * query.terms.size())) return poll.status();
    total += matcher.Count(chunks[current]);
  }
  return total;
}

}  // namespace canopy
