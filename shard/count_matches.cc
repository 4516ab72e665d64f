#include "shard/count_matches.h"

#include "shard/chunk_matcher.h"
#include "shard/poll.h"

namespace canopy {

absl::StatusOr<uint64_t> CountMatches(const ShardFile& shard, const FlatQuery& query,
                                      const Cancellation* cancellation, SearchScratch& scratch) {
  if (query.matches_nothing) return uint64_t{0};
  // One term, nothing deleted: its document frequency.
  const size_t matching = query.num_required + (query.needs_optional ? query.num_optional : 0);
  if (matching == 1 && query.excluded().empty() && shard.live_docs() == nullptr) {
    return uint64_t{query.terms[0].postings.df()};
  }
  ChunkWalk walk(query);
  ChunkMatcher matcher(query, shard.live_docs(), scratch.match);
  ChunkContainers chunk;
  Poll poll(cancellation);
  uint64_t total = 0;
  while (walk.Next(chunk)) {
    if (poll.ShouldStop(kChunkDocs)) return poll.status();
    total += matcher.Count(chunk);
  }
  return total;
}

}  // namespace canopy
