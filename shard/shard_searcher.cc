#include "shard/shard_searcher.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/status.h"
#include "shard/count_matches.h"
#include "shard/flat_query.h"
#include "shard/intersection_top_k.h"
#include "shard/phrase_leaf.h"
#include "shard/phrase_search.h"
#include "shard/poll.h"
#include "shard/query_tree.h"
#include "shard/query_validation.h"
#include "shard/search_scratch.h"
#include "shard/top_k.h"
#include "shard/tree_search.h"
#include "shard/word_top_k.h"

namespace canopy {
namespace {

// Intersections that are expected to have fewer matches are scored entirely: choosing words would
// cost more.
constexpr double kFewMatches = 256;
// The same for queries whose rarest required term is in fewer documents.
constexpr uint32_t kFewPostings = 1024;

// As if terms were independent.
double ExpectedMatches(const ShardFile& shard, const FlatQuery& query) {
  const auto docs = static_cast<double>(shard.docs());
  double expected = docs;
  for (const FlatTerm& term : query.required()) expected *= term.postings.df() / docs;
  return expected;
}

bool HasFewMatches(const ShardFile& shard, const FlatQuery& query) {
  if (query.num_required == 0) return false;
  uint32_t rarest = query.required()[0].postings.df();
  for (const FlatTerm& term : query.required()) {
    rarest = std::min(rarest, term.postings.df());
  }
  return rarest < kFewPostings || ExpectedMatches(shard, query) < kFewMatches;
}

// The total when only the best were looked for.
void SetLowerBound(const SearchOptions& options, ShardSearchResult& result) {
  result.total = result.hits.size();
  // Fewer than k, and none left out for its score: these are all there are.
  result.total_is_exact = result.hits.size() < options.k && options.score_threshold <= 0;
}

absl::StatusOr<ShardSearchResult> SearchFlat(const ShardFile& shard, const FlatQuery& query,
                                             const SearchOptions& options, Poll& poll) {
  ShardSearchResult result;
  for (const FlatTerm& term : query.terms) result.cost += term.postings.df();
  if (query.matches_nothing) return result;
  SearchScratch& scratch = ThreadSearchScratch();
  if (options.k == 0) {
    ASSIGN_OR_RETURN(result.total, CountMatches(shard, query, poll, scratch));
    return result;
  }
  TopK best(options.k, options.score_threshold);
  if (HasFewMatches(shard, query)) {
    ASSIGN_OR_RETURN(result.total, ScoreAllMatches(shard, query, poll, scratch, best));
    result.hits = best.Take();
    return result;
  }
  RETURN_IF_ERROR(FindBestByWords(shard, query, poll, scratch, best));
  result.hits = best.Take();
  const bool total_is_free = query.terms.size() == 1 && shard.live_docs() == nullptr;
  if (options.total == TotalMode::kExact || total_is_free) {
    ASSIGN_OR_RETURN(result.total, CountMatches(shard, query, poll, scratch));
  } else {
    SetLowerBound(options, result);
  }
  return result;
}

// What is left of `query` when boolean nodes of a single clause are taken off; `boost` takes their
// boosts.
const ShardQuery& Unwrap(const ShardQuery& query, float& boost) {
  const ShardQuery* inner = &query;
  while (inner->kind == ShardQuery::Kind::kBoolean && inner->filter.empty() &&
         inner->must_not.empty() && inner->must.size() + inner->should.size() == 1) {
    const uint32_t shoulds = inner->should.empty() ? 0 : 1;
    if (inner->minimum_should_match.value_or(shoulds) != shoulds) break;
    boost *= inner->boost;
    inner = inner->must.empty() ? &inner->should[0] : &inner->must[0];
  }
  boost *= inner->boost;
  return *inner;
}

// The query is one term, and what matches are its postings, all of them.
bool IsCountedByFrequency(const ShardFile& shard, const ShardQuery& query) {
  return query.kind == ShardQuery::Kind::kTerm && shard.live_docs() == nullptr &&
         (query.field.empty() || !shard.has_field_spans());
}

absl::StatusOr<ShardSearchResult> CountTerm(const ShardFile& shard, const ShardQuery& query) {
  ASSIGN_OR_RETURN(const std::optional<TermInfo> info, shard.FindTerm(query.terms[0]));
  ShardSearchResult result;
  result.total = info ? info->df : 0;
  result.cost = result.total;
  return result;
}

absl::StatusOr<ShardSearchResult> SearchPhrase(const ShardFile& shard, const ShardQuery& query,
                                               float boost, const SearchOptions& options,
                                               Poll& poll) {
  ShardSearchResult result;
  ASSIGN_OR_RETURN(const std::unique_ptr<PhraseLeaf> phrase,
                   PhraseLeaf::Make(shard, query, boost, poll));
  if (phrase == nullptr) return result;
  result.cost = phrase->postings();
  SearchScratch& scratch = ThreadSearchScratch();
  if (options.k == 0) {
    ASSIGN_OR_RETURN(result.total, CountPhrase(shard, *phrase, poll, scratch, nullptr));
    return result;
  }
  TopK best(options.k, options.score_threshold);
  if (options.total == TotalMode::kExact || !CanPrunePhrase(*phrase)) {
    ASSIGN_OR_RETURN(result.total, CountPhrase(shard, *phrase, poll, scratch, &best));
    result.hits = best.Take();
    return result;
  }
  RETURN_IF_ERROR(FindBestPhrases(shard, *phrase, poll, scratch, best));
  result.hits = best.Take();
  SetLowerBound(options, result);
  return result;
}

absl::StatusOr<ShardSearchResult> SearchAnyShape(const ShardFile& shard, const ShardQuery& query,
                                                 const SearchOptions& options, Poll& poll) {
  ASSIGN_OR_RETURN(const std::unique_ptr<QueryTree> tree, QueryTree::Make(shard, query, poll));
  ShardSearchResult result;
  result.cost = tree->cost();
  if (tree->root().kind == QueryNode::Kind::kNone) return result;
  SearchScratch& scratch = ThreadSearchScratch();
  if (options.k == 0) {
    ASSIGN_OR_RETURN(result.total, SearchTree(shard, *tree, poll, scratch, nullptr));
    return result;
  }
  TopK best(options.k, options.score_threshold);
  ASSIGN_OR_RETURN(result.total, SearchTree(shard, *tree, poll, scratch, &best));
  result.hits = best.Take();
  return result;
}

}  // namespace

absl::StatusOr<ShardSearchResult> SearchShard(const ShardFile& shard, const ShardQuery& query,
                                              const SearchOptions& options) {
  Poll poll(options.cancellation);
  if (poll.ShouldStop(0)) return poll.status();
  RETURN_IF_ERROR(ValidateQuery(shard, query));
  if (options.strategy == SearchStrategy::kPruned) {
    float boost = 1;
    const ShardQuery& inner = Unwrap(query, boost);
    if (options.k == 0 && IsCountedByFrequency(shard, inner)) return CountTerm(shard, inner);
    ASSIGN_OR_RETURN(const std::optional<FlatQuery> flat, MakeFlatQuery(shard, query));
    if (flat) return SearchFlat(shard, *flat, options, poll);
    if (inner.kind == ShardQuery::Kind::kPhrase && !inner.terms.empty()) {
      return SearchPhrase(shard, inner, boost, options, poll);
    }
  }
  return SearchAnyShape(shard, query, options, poll);
}

}  // namespace canopy
