// A query of any shape, with its terms looked up in one shard: what boolean_eval.h walks over,
// chunk by chunk.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/types.h"
#include "shard/phrase_leaf.h"
#include "shard/poll.h"
#include "shard/posting_list.h"
#include "shard/query.h"
#include "shard/scorer.h"
#include "shard/shard_file.h"

namespace canopy {

struct QueryNode {
  enum class Kind { kNone, kAll, kTerm, kPhrase, kBoolean, kConstant };

  // The matches of a phrase in the chunk looked at last, so that scoring need not decode positions
  // again.
  struct PhraseMatches {
    uint32_t chunk = ~uint32_t{0};
    std::vector<uint16_t> docs;
    std::vector<FixedScore> parts;
  };

  Kind kind = Kind::kNone;
  FixedScore constant = 0;                // kAll, kConstant: what a match scores
  float weight = 0;                       // kTerm
  const LengthNorms* norms = nullptr;     // kTerm
  const PostingList* postings = nullptr;  // kTerm
  std::unique_ptr<PhraseLeaf> phrase;     // kPhrase
  PhraseMatches phrase_matches;           // kPhrase
  // kBoolean: as in ShardQuery, but every match needs at least `needed` of should. must and filter:
  // cheap ones first. kConstant: must[0].
  std::vector<QueryNode> must, should, must_not, filter;
  uint32_t needed = 0;

  // The node matches wherever one of should does.
  bool IsUnion() const {
    return kind == Kind::kBoolean && must.empty() && filter.empty() && must_not.empty() &&
           needed <= 1;
  }
};

// Thread safety: one thread. Lifetime: borrows the shard.
class QueryTree final {
 public:
  // REQUIRES: ValidateQuery accepted the query. DATA_LOSS (damaged postings), CANCELLED,
  // DEADLINE_EXCEEDED.
  static absl::StatusOr<std::unique_ptr<QueryTree>> Make(const ShardFile& shard,
                                                         const ShardQuery& query, Poll& poll);

  QueryNode& root() { return root_; }
  // ShardSearchResult::cost.
  uint64_t cost() const { return cost_; }

 private:
  explicit QueryTree(const ShardFile& shard) : shard_(shard) {}
  absl::StatusOr<QueryNode> MakeNode(const ShardQuery& query, float boost, Poll& poll);
  absl::StatusOr<QueryNode> MakeTerm(const ShardQuery& query, float boost);
  absl::StatusOr<QueryNode> MakeBoolean(const ShardQuery& query, float boost, Poll& poll);
  absl::Status MakeNodes(const std::vector<ShardQuery>& queries, float boost, Poll& poll,
                         std::vector<QueryNode>& nodes);
  const LengthNorms& Norms(const std::string& field);

  const ShardFile& shard_;
  std::map<std::string, LengthNorms> norms_;  // by field
  std::deque<PostingList> postings_;          // together, so that many are gone quickly
  uint64_t cost_ = 0;
  QueryNode root_;
};

}  // namespace canopy
