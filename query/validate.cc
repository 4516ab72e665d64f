#include "query/validate.h"

#include <cstddef>
#include <initializer_list>
#include <string>
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

struct QuerySize {
  size_t nodes = 0;
  size_t bytes = 0;  // of texts and field names
};

// Of one node, without what is below it.
size_t TextBytes(const v1::Query& query) {
  switch (query.kind_case()) {
    case v1::Query::kTerm:
      return query.term().field().size() + query.term().text().size();
    case v1::Query::kPhrase:
      return query.phrase().field().size() + query.phrase().text().size();
    case v1::Query::kPrefix:
      return query.prefix().field().size() + query.prefix().prefix().size();
    case v1::Query::kWildcard:
      return query.wildcard().field().size() + query.wildcard().pattern().size();
    case v1::Query::kFuzzy:
      return query.fuzzy().field().size() + query.fuzzy().text().size();
    case v1::Query::kRange:
      return query.range().field().size() + query.range().lower().size() +
             query.range().upper().size();
    case v1::Query::kExists:
      return query.exists().field().size();
    default:
      return 0;
  }
}

absl::Status AddSize(const v1::Query& query, size_t depth, QuerySize& size) {
  if (depth > kMaxQueryDepth) {
    return absl::InvalidArgumentError(
        Concat("query is nested deeper than the limit of ", kMaxQueryDepth, " (query depth)"));
  }
  ++size.nodes;
  size.bytes += TextBytes(query);
  return ForEachChild(query,
                      [&](const v1::Query& child) { return AddSize(child, depth + 1, size); });
}

// REQUIRES: a kind is set.
std::string KindName(const v1::Query& query) {
  const auto* const kinds = v1::Query::descriptor()->FindOneofByName("kind");
  return query.GetReflection()->GetOneofFieldDescriptor(query, kinds)->name();
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
    case v1::Query::KIND_NOT_SET:
      return absl::InvalidArgumentError("query node without a kind (or of a newer kind)");
    default:
      return absl::UnimplementedError(Concat(KindName(query), " queries are not built yet"));
  }
}

absl::Status CheckTree(const v1::Query& query) {
  RETURN_IF_ERROR(CheckNode(query));
  return ForEachChild(query, CheckTree);
}

}  // namespace

absl::Status CheckQuerySize(const v1::Query& query) {
  QuerySize size;
  RETURN_IF_ERROR(AddSize(query, 1, size));
  if (size.nodes > kMaxQueryClauses) {
    return absl::InvalidArgumentError(Concat(
        "query has ", size.nodes, " clauses, groups and boosts counted, more than the limit of ",
        kMaxQueryClauses, " (query clauses)"));
  }
  if (size.bytes > kMaxQueryBytes) {
    return absl::InvalidArgumentError(Concat("query has ", size.bytes,
                                             " bytes of text, more than the limit of ",
                                             kMaxQueryBytes, " (query bytes)"));
  }
  return absl::OkStatus();
}

absl::Status ValidateQuery(const v1::Query& query) {
  RETURN_IF_ERROR(CheckQuerySize(query));
  return CheckTree(query);
}

}  // namespace canopy
