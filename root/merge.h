// The one merge function of every scatter: answers of shards in, one list of hits out. It does not
// depend on the order in which answers arrived, and neither do its bits.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "canopy/v1/search.pb.h"

namespace canopy {

// The order of hits: score descending, then document ascending.
inline bool RanksBefore(const v1::ShardHit& a, const v1::ShardHit& b) {
  return a.score() != b.score() ? a.score() > b.score() : a.doc() < b.doc();
}

struct MergedHits {
  uint64_t total = 0;
  bool total_is_exact = true;      // of the shards that answered
  std::vector<v1::ShardHit> hits;  // places offset to offset + k of the merged list
};

// `answers`: one place a shard; null where a shard did not answer. Each answer's hits stand by
// score descending, then document ascending (CheckShardAnswer); the merged list has the same order.
// Totals add up.
MergedHits MergeAnswers(absl::Span<const v1::ShardAnswer* const> answers, uint32_t offset,
                        uint32_t k);

// What an answer must fit.
struct ShardAsked {
  uint64_t docs_in_shard = 0;
  uint32_t num_shards = 0;
  uint32_t k = 0;              // hits asked for
  bool has_threshold = false;  // hits with lower scores were not asked for
};

// What MergeAnswers relies on, checked of what came over the network. INTERNAL, saying what is
// wrong: hits out of order, of another shard, with a score that is not finite and >= 0, more than
// `k` or fewer than there must be; documents covered that are not those of the state.
absl::Status CheckShardAnswer(const v1::ShardAnswer& answer, const ShardAsked& asked);

}  // namespace canopy
