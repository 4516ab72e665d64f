#include "leaf/plan_query.h"

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "shard/poll.h"

namespace canopy {
namespace {

// Planning a clause costs as much as looking at so many postings.
constexpr size_t kClauseWork = 64;

using Clauses = google::protobuf::RepeatedPtrField<v1::Query>;

// REQUIRES: a kind is set.
absl::Status NotBuilt(const v1::Query& query) {
  const auto* const kinds = v1::Query::descriptor()->FindOneofByName("kind");
  const auto* const kind = query.GetReflection()->GetOneofFieldDescriptor(query, kinds);
  return absl::UnimplementedError(Concat(kind->name(), " queries are not built yet"));
}

absl::StatusOr<ShardQuery> PlanTerm(const v1::TermQuery& term) {
  if (term.text().empty()) return absl::InvalidArgumentError("a term query without text");
  return ShardQuery::Term(term.text(), term.field());
}

absl::StatusOr<ShardQuery> PlanPhrase(const v1::PhraseQuery& phrase) {
  if (phrase.terms().empty()) {
    return absl::InvalidArgumentError("a phrase query without terms: it has not been analyzed");
  }
  for (const std::string& term : phrase.terms()) {
    if (term.empty()) return absl::InvalidArgumentError("a phrase query with an empty term");
  }
  return ShardQuery::Phrase({phrase.terms().begin(), phrase.terms().end()}, phrase.slop(),
                            phrase.field());
}

absl::StatusOr<ShardQuery> Plan(const v1::Query& query, Poll& poll);

absl::Status PlanClauses(const Clauses& clauses, Poll& poll, std::vector<ShardQuery>& planned) {
  planned.reserve(clauses.size());
  for (const v1::Query& clause : clauses) {
    if (poll.ShouldStop(kClauseWork)) return poll.status();
    ASSIGN_OR_RETURN(ShardQuery query, Plan(clause, poll));
    planned.push_back(std::move(query));
  }
  return absl::OkStatus();
}

absl::StatusOr<ShardQuery> PlanBoolean(const v1::BooleanQuery& boolean, Poll& poll) {
  ShardQuery planned;
  planned.kind = ShardQuery::Kind::kBoolean;
  RETURN_IF_ERROR(PlanClauses(boolean.must(), poll, planned.must));
  RETURN_IF_ERROR(PlanClauses(boolean.should(), poll, planned.should));
  RETURN_IF_ERROR(PlanClauses(boolean.must_not(), poll, planned.must_not));
  RETURN_IF_ERROR(PlanClauses(boolean.filter(), poll, planned.filter));
  if (boolean.has_minimum_should_match()) {
    planned.minimum_should_match = boolean.minimum_should_match();
  }
  return planned;
}

absl::StatusOr<ShardQuery> PlanBoost(const v1::BoostQuery& boost, Poll& poll) {
  ASSIGN_OR_RETURN(ShardQuery planned, Plan(boost.query(), poll));
  planned.boost *= boost.factor();
  return planned;
}

absl::StatusOr<ShardQuery> PlanConstantScore(const v1::ConstantScoreQuery& constant, Poll& poll) {
  ASSIGN_OR_RETURN(ShardQuery inner, Plan(constant.query(), poll));
  return ShardQuery::ConstantScore(std::move(inner), constant.score());
}

absl::StatusOr<ShardQuery> Plan(const v1::Query& query, Poll& poll) {
  switch (query.kind_case()) {
    case v1::Query::kTerm:
      return PlanTerm(query.term());
    case v1::Query::kBoolean:
      return PlanBoolean(query.boolean(), poll);
    case v1::Query::kPhrase:
      return PlanPhrase(query.phrase());
    case v1::Query::kMatchAll:
      return ShardQuery::MatchAll();
    case v1::Query::kBoost:
      return PlanBoost(query.boost(), poll);
    case v1::Query::kConstantScore:
      return PlanConstantScore(query.constant_score(), poll);
    case v1::Query::kMatchNone:
      return ShardQuery();
    case v1::Query::KIND_NOT_SET:
      return absl::InvalidArgumentError(
          "a query without a kind, or of a kind that is not known here");
    default:
      return NotBuilt(query);
  }
}

}  // namespace

absl::StatusOr<ShardQuery> PlanQuery(const v1::Query& query, const Cancellation* cancellation) {
  Poll poll(cancellation);
  return Plan(query, poll);
}

}  // namespace canopy
