// A query cut into what leaves match and what the root combines: the nodes whose bitmaps are
// fetched, each once, and how they stand together. In a query's flow: the first step of a query
// that is scattered by term. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "canopy/v1/query.pb.h"

namespace canopy {

// Which documents match; scores play no part.
struct TermExpression {
  enum class Kind : uint8_t { kNone, kNode, kBoolean };

  Kind kind = Kind::kNone;
  size_t node = 0;  // kNode: place in TermPlan::nodes
  // kBoolean: all of must, at least `needed` of should, none of must_not. There is a must clause,
  // or needed > 0; there are at least `needed` should clauses, and none when it is 0.
  std::vector<TermExpression> must = {}, should = {}, must_not = {};
  uint32_t needed = 0;
};

struct TermNode {
  v1::Query query;    // a term, a phrase, match_all, ...: anything but a boolean
  uint64_t hash = 0;  // the same for the same node of whatever query
  // How often its bytes go through an operation of Evaluate (posting_bitmap.h), at most: for every
  // use once in each boolean above it, where documents are counted clause by clause as often as the
  // count has bits.
  size_t weight = 0;
};

struct TermPlan {
  std::vector<TermNode> nodes;  // no two are equal
  TermExpression root;
};

// `query`: from AnalyzeQuery (analyze_query.h), so not deeper than kMaxQueryDepth. Boosts, constant
// scores and should clauses of which none is needed leave no trace.
TermPlan MakeTermPlan(const v1::Query& query);

}  // namespace canopy
