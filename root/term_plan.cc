#include "root/term_plan.h"

#include <algorithm>
#include <bit>
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
    plan_.nodes[place->second].weight += std::max<size_t>(operations_, 1);
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
    Append(boolean.must(), 1, expression.must);
    Append(boolean.filter(), 1, expression.must);
    const size_t count_bits = std::bit_width(static_cast<uint32_t>(boolean.should_size()));
    if (needed > 0) Append(boolean.should(), needed == 1 ? 1 : count_bits, expression.should);
    Append(boolean.must_not(), 1, expression.must_not);
    return expression;
  }

  // `operations`: that the boolean does on each clause.
  void Append(const Clauses& clauses, size_t operations, std::vector<TermExpression>& expressions) {
    operations_ += operations;
    for (const v1::Query& clause : clauses) expressions.push_back(Express(clause));
    operations_ -= operations;
  }

  TermPlan plan_;
  std::map<std::string, size_t> places_;  // in plan_.nodes, by their bytes
  size_t operations_ = 0;                 // of all booleans that we are in
};

}  // namespace

TermPlan MakeTermPlan(const v1::Query& query) { return TermPlanner().Make(query); }

}  // namespace canopy
