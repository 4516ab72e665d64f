#include "query/validate.h"

#include <cstddef>
#include <initializer_list>
#include <string_view>

#include "base/status.h"
#include "base/strings.h"
#include "query/limits.h"

namespace canopy {
namespace {

using Clauses = google::protobuf::RepeatedPtrField<v1::Query>;

// Calls `visit` for each query directly below `query`, until one is not OK.
template <typename Visit>
absl::Status ForEachChild(const v1::Query& query, const Visit& visit) {
  switch (query.kind_case()) {
    case v1::Query::kBoolean: {
      const v1::BooleanQuery& boolean = query.boolean();
      for (const Clauses* clauses :
           {&boolean.must(), &boolean.should(), &boolean.must_not(), &boolean.filter()}) {
        for (const v1::Query& clause : *clauses) RETURN_IF_ERROR(visit(clause));
      }
      return absl::OkStatus();
    }
    case v1::Query::kBoost:
      return visit(query.boost().query());
    case v1::Query::kConstantScore:
      return visit(query.constant_score().query());
    default:
      return absl::OkStatus();
  }
}

absl::Status CheckDepth(const v1::Query& query, size_t depth) {
  if (depth > kMaxQueryDepth) {
    return absl::InvalidArgumentError(
        Concat("query is nested deeper than the limit of ", kMaxQueryDepth, " (query depth)"));
  }
  return ForEachChild(query, [&](const v1::Query& child) { return CheckDepth(child, depth + 1); });
}

absl::Status NotBuilt(std::string_view kind) {
  return absl::UnimplementedError(Concat(kind, " queries are not built yet"));
}

absl::Status CheckWeight(std::string_view name, float weight) {
  if (weight >= 0 && weight <= kMaxBoost) return absl::OkStatus();  // false for NaN
  return absl::InvalidArgumentError(
      Concat(name, " ", weight, " is not a number from 0 to ", kMaxBoost));
}

absl::Status CheckPhrase(const v1::PhraseQuery& phrase) {
  if (phrase.terms_size() > 0) {
    return absl::InvalidArgumentError(
        "phrase.terms is for analyzed queries, from a root to a leaf; send phrase.text");
  }
  if (phrase.slop() > kMaxPhraseSlop) {
    return absl::InvalidArgumentError(
        Concat("phrase.slop ", phrase.slop(), " is over the limit of ", kMaxPhraseSlop));
  }
  return absl::OkStatus();
}

absl::Status CheckBoolean(const v1::BooleanQuery& boolean) {
  if (!boolean.has_minimum_should_match()) return absl::OkStatus();
  const uint32_t minimum = boolean.minimum_should_match();
  if (minimum > static_cast<uint32_t>(boolean.should_size())) {
    return absl::InvalidArgumentError(Concat("minimum_should_match ", minimum, " is more than the ",
                                             boolean.should_size(), " should clauses"));
  }
  if (minimum == 0 && boolean.must_size() + boolean.filter_size() == 0) {
    return absl::InvalidArgumentError(
        "minimum_should_match 0 needs a must or filter clause; add filter: match_all for all "
        "documents");
  }
  return absl::OkStatus();
}

// One node, without what is below it.
absl::Status CheckNode(const v1::Query& query) {
  switch (query.kind_case()) {
    case v1::Query::kTerm:
      if (!query.term().text().empty()) return absl::OkStatus();
      return absl::InvalidArgumentError("term query without text");
    case v1::Query::kPhrase:
      return CheckPhrase(query.phrase());
    case v1::Query::kBoolean:
      return CheckBoolean(query.boolean());
    case v1::Query::kBoost:
      if (!query.boost().has_query()) return absl::InvalidArgumentError("boost without a query");
      return CheckWeight("boost factor", query.boost().factor());
    case v1::Query::kConstantScore:
      if (!query.constant_score().has_query()) {
        return absl::InvalidArgumentError("constant_score without a query");
      }
      return CheckWeight("constant score", query.constant_score().score());
    case v1::Query::kMatchAll:
    case v1::Query::kMatchNone:
      return absl::OkStatus();
    case v1::Query::kPrefix:
      return NotBuilt("prefix");
    case v1::Query::kWildcard:
      return NotBuilt("wildcard");
    case v1::Query::kFuzzy:
      return NotBuilt("fuzzy");
    case v1::Query::kRange:
      return NotBuilt("range");
    case v1::Query::kExists:
      return NotBuilt("exists");
    case v1::Query::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("query node without a kind (or of a newer kind)");
}

absl::Status CheckTree(const v1::Query& query, size_t& leaves) {
  const bool inner = query.has_boolean() || query.has_boost() || query.has_constant_score();
  leaves += inner ? 0 : 1;
  RETURN_IF_ERROR(CheckNode(query));
  return ForEachChild(query, [&](const v1::Query& child) { return CheckTree(child, leaves); });
}

}  // namespace

absl::Status CheckQueryDepth(const v1::Query& query) { return CheckDepth(query, 1); }

absl::Status ValidateQuery(const v1::Query& query) {
  RETURN_IF_ERROR(CheckQueryDepth(query));
  size_t leaves = 0;
  RETURN_IF_ERROR(CheckTree(query, leaves));
  if (leaves > kMaxQueryClauses) {
    return absl::InvalidArgumentError(Concat("query has ", leaves,
                                             " clauses, more than the limit of ", kMaxQueryClauses,
                                             " (query clauses)"));
  }
  return absl::OkStatus();
}

}  // namespace canopy
