#include "root/term_plan.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/checksum.h"

namespace canopy {
namespace {

using Clauses = google::protobuf::RepeatedPtrField<v1::Query>;

class TermPlanner final {
 public:
  TermPlan Make(const v1::Query& query) {
    plan_.root = Express(query);
    return std::move(plan_);
  }

 private:
  TermExpression Express(const v1::Query& query) {
    switch (query.kind_case()) {
      case v1::Query::kMatchNone:
        return {};
      case v1::Query::kBoolean:
        return ExpressBoolean(query.boolean());
      case v1::Query::kBoost:
        return Express(query.boost().query());
      case v1::Query::kConstantScore:
        return Express(query.constant_score().query());
      default:
        return ExpressNode(query);
    }
  }

  TermExpression ExpressNode(const v1::Query& query) {
    const auto [place, is_new] = places_.emplace(query.SerializeAsString(), plan_.nodes.size());
    if (is_new) plan_.nodes.push_back({.query = query, .hash = Checksum(place->first)});
    ++plan_.nodes[place->second].uses;
    return {.kind = TermExpression::Kind::kNode, .node = place->second};
  }

  TermExpression ExpressBoolean(const v1::BooleanQuery& boolean) {
    const bool required = boolean.must_size() + boolean.filter_size() > 0;
    // Nothing required and nothing needed does not come from AnalyzeQuery.
    const uint32_t least = required ? 0 : 1;
    const uint32_t needed = boolean.has_minimum_should_match()
                                ? std::max(boolean.minimum_should_match(), least)
                                : least;
    if (needed > static_cast<uint32_t>(boolean.should_size())) return {};
    TermExpression expression;
    expression.kind = TermExpression::Kind::kBoolean;
    expression.needed = needed;
    Append(boolean.must(), expression.must);
    Append(boolean.filter(), expression.must);
    if (needed > 0) Append(boolean.should(), expression.should);
    Append(boolean.must_not(), expression.must_not);
    return expression;
  }

  void Append(const Clauses& clauses, std::vector<TermExpression>& expressions) {
    for (const v1::Query& clause : clauses) expressions.push_back(Express(clause));
  }

  TermPlan plan_;
  std::map<std::string, size_t> places_;  // in plan_.nodes, by their bytes
};

}  // namespace

TermPlan MakeTermPlan(const v1::Query& query) { return TermPlanner().Make(query); }

}  // namespace canopy
