#include "shard/query_validation.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "base/strings.h"
#include "shard/shard_searcher.h"

namespace canopy {
namespace {

class Validator final {
 public:
  explicit Validator(const ShardFile& shard) : shard_(shard) {}

  // Boosts are multiplied as those who score do it, in float: nothing overflows there unnoticed.
  absl::Status Visit(const ShardQuery& query, size_t depth, float boost) {
    if (depth > kMaxShardQueryDepth) {
      return absl::InvalidArgumentError(Concat("the query is nested more than ",
                                               kMaxShardQueryDepth,
                                               " deep, the limit (kMaxShardQueryDepth)"));
    }
    RETURN_IF_ERROR(CheckFactor(query.boost, "boost"));
    boost *= query.boost;
    switch (query.kind) {
      case ShardQuery::Kind::kTerm:
        if (query.terms.size() != 1) {
          return absl::InvalidArgumentError(
              Concat("a term query has ", query.terms.size(), " terms, expected 1"));
        }
        return VisitTerms(query, boost);
      case ShardQuery::Kind::kPhrase:
        return VisitTerms(query, boost);
      case ShardQuery::Kind::kBoolean:
        return VisitBoolean(query, depth, boost);
      case ShardQuery::Kind::kConstantScore:
        if (query.must.size() != 1) {
          return absl::InvalidArgumentError(
              Concat("a constant score query has ", query.must.size(), " clauses, expected 1"));
        }
        RETURN_IF_ERROR(CheckFactor(query.constant_score, "constant score"));
        RETURN_IF_ERROR(AddLeaves(1, boost * query.constant_score));
        return Visit(query.must[0], depth + 1, 0);
      case ShardQuery::Kind::kMatchAll:
      case ShardQuery::Kind::kMatchNone:
        return AddLeaves(1, boost);
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckFactor(float value, std::string_view name) {
    if (std::isfinite(value) && value >= 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        Concat("a ", name, " of ", value, ", expected a finite number not below 0"));
  }

  absl::Status VisitTerms(const ShardQuery& query, float boost) {
    if (!query.field.empty() && !shard_.FieldNumber(query.field)) {
      return absl::InvalidArgumentError(Concat("no field \"", query.field, "\" in the collection"));
    }
    if (query.terms.size() > kMaxPhraseTerms) {
      return absl::InvalidArgumentError(Concat("a phrase has ", query.terms.size(),
                                               " terms, the limit is ", kMaxPhraseTerms,
                                               " (kMaxPhraseTerms)"));
    }
    const size_t terms = std::max<size_t>(1, query.terms.size());
    return AddLeaves(terms, double{boost} * static_cast<double>(terms));
  }

  absl::Status VisitBoolean(const ShardQuery& query, size_t depth, float boost) {
    for (const auto* clauses : {&query.must, &query.should, &query.must_not, &query.filter}) {
      const bool scored = clauses == &query.must || clauses == &query.should;
      for (const ShardQuery& clause : *clauses) {
        RETURN_IF_ERROR(Visit(clause, depth + 1, scored ? boost : 0.0f));
      }
    }
    return AddLeaves(query.must.empty() && query.should.empty() ? 1 : 0, 0);
  }

  absl::Status AddLeaves(size_t leaves, double boost) {
    leaves_ += leaves;
    if (leaves_ > kMaxShardQueryClauses) {
      return absl::InvalidArgumentError(Concat("the query has more than ", kMaxShardQueryClauses,
                                               " terms, the limit (kMaxShardQueryClauses)"));
    }
    boosts_ += boost;
    if (!(boosts_ <= kMaxBoostSum)) {
      return absl::InvalidArgumentError(Concat("the boosts of the query add up to ", boosts_,
                                               ", the limit is ", kMaxBoostSum, " (kMaxBoostSum)"));
    }
    return absl::OkStatus();
  }

  const ShardFile& shard_;
  size_t leaves_ = 0;
  double boosts_ = 0;
};

}  // namespace

absl::Status ValidateQuery(const ShardFile& shard, const ShardQuery& query) {
  return Validator(shard).Visit(query, 1, 1);
}

}  // namespace canopy
