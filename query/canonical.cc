#include "query/canonical.h"

#include <string>
#include <utility>

namespace canopy {
namespace {

using Clauses = google::protobuf::RepeatedPtrField<v1::Query>;

bool ScoresNothing(const v1::Query& query) {
  return query.has_constant_score() && query.constant_score().score() == 0;
}

void MoveUnscoredToFilter(v1::BooleanQuery& boolean) {
  Clauses scored;
  for (v1::Query& clause : *boolean.mutable_must()) {
    if (ScoresNothing(clause)) {
      *boolean.add_filter() = std::move(*clause.mutable_constant_score()->mutable_query());
    } else {
      *scored.Add() = std::move(clause);
    }
  }
  boolean.mutable_must()->Swap(&scored);
}

void CanonicalizeAll(Clauses& clauses) {
  for (v1::Query& clause : clauses) clause = Canonical(std::move(clause));
}

// 0 for -0.
float WithoutSignOfZero(float value) { return value == 0 ? 0 : value; }

struct WildcardPattern {
  std::string text;     // without escapes
  std::string pattern;  // with the needed escapes only
  size_t wildcards = 0;
  bool ends_with_star = false;
};

WildcardPattern ReadPattern(std::string_view pattern) {
  WildcardPattern result;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bool escaped = pattern[i] == '\\' && i + 1 < pattern.size();
    const char c = pattern[escaped ? ++i : i];
    const bool special = c == '*' || c == '?';
    const bool wildcard = special && !escaped;
    result.wildcards += wildcard;
    result.ends_with_star = wildcard && c == '*';
    if (!wildcard && (special || c == '\\')) result.pattern.push_back('\\');
    result.pattern.push_back(c);
    result.text.push_back(c);
  }
  return result;
}

v1::Query CanonicalWildcard(v1::Query query) {
  WildcardPattern pattern = ReadPattern(query.wildcard().pattern());
  if (pattern.wildcards != 1 || !pattern.ends_with_star) {
    query.mutable_wildcard()->set_pattern(std::move(pattern.pattern));
    return query;
  }
  v1::Query result;
  pattern.text.pop_back();
  if (!pattern.text.empty()) {
    result.mutable_prefix()->set_field(query.wildcard().field());
    result.mutable_prefix()->set_prefix(std::move(pattern.text));
  } else if (!query.wildcard().field().empty()) {
    result.mutable_exists()->set_field(query.wildcard().field());
  } else {
    result.mutable_match_all();
  }
  return result;
}

v1::Query CanonicalRange(v1::Query query) {
  v1::RangeQuery& range = *query.mutable_range();
  if (!range.has_lower()) range.clear_lower_exclusive();
  if (!range.has_upper()) range.clear_upper_exclusive();
  return query;
}

}  // namespace

v1::Query CanonicalBoolean(v1::BooleanQuery boolean) {
  v1::Query result;
  MoveUnscoredToFilter(boolean);
  const int required = boolean.must_size() + boolean.filter_size();
  if (required + boolean.should_size() == 0) {
    result.mutable_match_none();
    return result;
  }
  const uint32_t default_minimum = required == 0 ? 1 : 0;
  if (boolean.minimum_should_match() == default_minimum) boolean.clear_minimum_should_match();
  const bool single = required + boolean.should_size() + boolean.must_not_size() == 1 &&
                      !boolean.has_minimum_should_match();
  if (single && boolean.must_size() == 1) return std::move(*boolean.mutable_must(0));
  if (single && boolean.should_size() == 1) return std::move(*boolean.mutable_should(0));
  *result.mutable_boolean() = std::move(boolean);
  return result;
}

v1::Query CanonicalBoost(v1::Query inner, float factor) {
  if (factor == 1) return inner;
  v1::Query result;
  *result.mutable_boost()->mutable_query() = std::move(inner);
  result.mutable_boost()->set_factor(WithoutSignOfZero(factor));
  return result;
}

v1::Query CanonicalConstantScore(v1::Query inner, float score) {
  v1::Query result;
  *result.mutable_constant_score()->mutable_query() = std::move(inner);
  result.mutable_constant_score()->set_score(WithoutSignOfZero(score));
  return result;
}

v1::Query Canonical(v1::Query query) {
  switch (query.kind_case()) {
    case v1::Query::kBoolean: {
      v1::BooleanQuery& boolean = *query.mutable_boolean();
      CanonicalizeAll(*boolean.mutable_must());
      CanonicalizeAll(*boolean.mutable_should());
      CanonicalizeAll(*boolean.mutable_must_not());
      CanonicalizeAll(*boolean.mutable_filter());
      return CanonicalBoolean(std::move(boolean));
    }
    case v1::Query::kBoost:
      return CanonicalBoost(Canonical(std::move(*query.mutable_boost()->mutable_query())),
                            query.boost().factor());
    case v1::Query::kConstantScore:
      return CanonicalConstantScore(
          Canonical(std::move(*query.mutable_constant_score()->mutable_query())),
          query.constant_score().score());
    case v1::Query::kWildcard:
      return CanonicalWildcard(std::move(query));
    case v1::Query::kRange:
      return CanonicalRange(std::move(query));
    default:
      return query;
  }
}

}  // namespace canopy
