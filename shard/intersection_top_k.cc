#include "shard/intersection_top_k.h"

#include <algorithm>

#include "base/status.h"
#include "shard/chunk_matcher.h"
#include "shard/exact_scorer.h"

namespace canopy {
namespace {

// Scores one chunk's matches in batches.
class ChunkScorer final {
 public:
  ChunkScorer(const ShardFile& shard, const FlatQuery& query, const LengthNorms& norms, TopK& best)
      : query_(query), exact_(norms, shard.length_codes()), best_(best) {}

  absl::Status Score(uint32_t chunk, const uint16_t* docs, size_t n, Poll& poll) {
    const size_t scored_end = query_.num_required + query_.num_optional;
    for (size_t from = 0; from < n; from += kScoreBatch) {
      const size_t size = std::min(kScoreBatch, n - from);
      if (poll.ShouldStop(size * (scored_end + kOfferWork))) return poll.status();
      exact_.Start(chunk, docs + from, size);
      for (size_t term = 0; term < scored_end; ++term) {
        if (query_.terms[term].weight == 0) continue;
        const ContainerView* const container = FindContainer(query_.terms[term].postings, chunk);
        if (container == nullptr) continue;
        exact_.Add(query_.terms[term], *container, container->window_ranks);
      }
      for (size_t i = 0; i < size; ++i) {
        best_.Offer(chunk * kChunkDocs + docs[from + i], exact_.scores()[i]);
      }
    }
    return absl::OkStatus();
  }

 private:
  const FlatQuery& query_;
  ExactScorer exact_;
  TopK& best_;
};

}  // namespace

absl::StatusOr<uint64_t> ScoreAllMatches(const ShardFile& shard, const FlatQuery& query, Poll& poll,
                                         SearchScratch& scratch, TopK& best) {
  const CollectionStats& stats = shard.stats();
  const LengthNorms norms = LengthNorms::Make(stats.k1, stats.b, query.average_length);
  ChunkWalk walk(query);
  ChunkMatcher matcher(query, shard.live_docs(), scratch.match);
  ChunkScorer scorer(shard, query, norms, best);
  ChunkContainers chunk;
  uint64_t total = 0;
  while (walk.Next(chunk)) {
    if (poll.ShouldStop(kBitsetWords * query.terms.size())) return poll.status();
    const ChunkSet matches = matcher.Match(chunk);
    total += matches.count;
    if (matches.count == 0) continue;
    const uint16_t* docs = matches.array;
    if (docs == nullptr) {
      CurrentSetKernels().to_array(matches.bitset, scratch.docs.data());
      docs = scratch.docs.data();
    }
    RETURN_IF_ERROR(scorer.Score(chunk.chunk, docs, matches.count, poll));
  }
  return total;
}

}  // namespace canopy
