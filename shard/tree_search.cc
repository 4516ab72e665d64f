#include "shard/tree_search.h"

#include <memory>
#include <vector>

#include "base/status.h"
#include "shard/boolean_eval.h"

namespace canopy {

absl::StatusOr<uint64_t> SearchTree(const ShardFile& shard, QueryTree& tree, Poll& poll,
                                    SearchScratch& scratch, TopK* best) {
  BooleanEvaluator evaluator(shard, tree, poll, scratch);
  const SetKernels& kernels = CurrentSetKernels();
  const auto matches = std::make_unique<ChunkBits>();
  const auto docs = std::make_unique<ChunkArray>();
  std::vector<FixedScore> scores(best == nullptr ? 0 : kChunkDocs);
  const uint32_t num_chunks = shard.num_chunks();
  uint64_t total = 0;
  for (uint32_t chunk = 0; chunk < num_chunks; ++chunk) {
    RETURN_IF_ERROR(evaluator.Match(chunk, *matches));
    const uint32_t count = kernels.count(matches->words.data());
    total += count;
    if (best == nullptr || count == 0) continue;
    kernels.to_array(matches->words.data(), docs->data());
    for (uint32_t i = 0; i < count; ++i) scores[(*docs)[i]] = 0;
    RETURN_IF_ERROR(evaluator.Score(chunk, *matches, scores.data()));
    for (uint32_t i = 0; i < count; ++i) {
      if (poll.ShouldStop(kOfferWork)) return poll.status();
      best->Offer(chunk * kChunkDocs + (*docs)[i], scores[(*docs)[i]]);
    }
  }
  return total;
}

}  // namespace canopy
