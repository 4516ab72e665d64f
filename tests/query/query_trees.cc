#include "tests/query/query_trees.h"

#include <algorithm>

namespace canopy {
namespace {

using Clauses = google::protobuf::RepeatedPtrField<v1::Query>;

void AddAll(const std::vector<v1::Query>& from, Clauses* to) {
  for (const v1::Query& query : from) *to->Add() = query;
}

size_t Below(std::mt19937_64& random, size_t limit) {
  return std::uniform_int_distribution<size_t>(0, limit - 1)(random);
}

std::string RandomText(std::mt19937_64& random) {
  static const std::vector<std::string> pieces = {
      "a",  "b", "word", "AND", "OR", "NOT", "TO", " ", "(",  ")",        "\"",          "^",
      "~",  ":", "*",    "?",   "\\", "+",   "-",  "[", "]",  "{",        "}",           "\xC3\xA9",
      "\t", "=", "!",    "&",   "|",  "#",   "/",  "1", ".5", "\xC2\xA0", "\xE3\x80\x80"};
  std::string text = pieces[Below(random, pieces.size())];
  for (size_t more = Below(random, 4); more > 0; --more)
    text += pieces[Below(random, pieces.size())];
  return text;
}

std::string RandomField(std::mt19937_64& random) {
  return Below(random, 2) == 0 ? "" : RandomText(random);
}

float RandomWeight(std::mt19937_64& random) {
  static const std::vector<float> weights = {0,    -0.0f, 1,           2,     0.5f,
                                             1000, 1e-5f, 3.14159274f, 1e-38f};
  return weights[Below(random, weights.size())];
}

std::vector<v1::Query> RandomTrees(std::mt19937_64& random, int depth) {
  std::vector<v1::Query> trees(Below(random, 3));
  for (v1::Query& tree : trees) tree = RandomTree(random, depth);
  return trees;
}

v1::Query RandomBoolean(std::mt19937_64& random, int depth) {
  BooleanClauses clauses;
  clauses.must = RandomTrees(random, depth);
  clauses.should = RandomTrees(random, depth);
  clauses.must_not = RandomTrees(random, depth);
  clauses.filter = RandomTrees(random, depth);
  const bool required = !clauses.must.empty() || !clauses.filter.empty();
  if (Below(random, 2) == 0) {
    const int least = required ? 0 : 1;
    const int most = static_cast<int>(clauses.should.size());
    if (least <= most) clauses.minimum_should_match = least + Below(random, most - least + 1);
  }
  return Boolean(clauses);
}

v1::Query RandomRange(std::mt19937_64& random) {
  v1::Query query;
  v1::RangeQuery& range = *query.mutable_range();
  range.set_field(RandomField(random));
  if (Below(random, 3) > 0) range.set_lower(Below(random, 9) == 0 ? "" : RandomText(random));
  if (Below(random, 3) > 0) range.set_upper(RandomText(random));
  range.set_lower_exclusive(Below(random, 2) == 0);
  range.set_upper_exclusive(Below(random, 2) == 0);
  return query;
}

std::string RandomPattern(std::mt19937_64& random) {
  std::string pattern;
  do {
    pattern += Below(random, 2) == 0 ? "*" : "?";
    if (Below(random, 2) == 0) continue;
    for (char c : RandomText(random)) {
      if (c == '*' || c == '?' || c == '\\' || Below(random, 4) == 0) pattern += '\\';
      pattern += c;
    }
  } while (Below(random, 3) > 0);
  return pattern;
}

v1::Query RandomLeaf(std::mt19937_64& random) {
  switch (Below(random, 9)) {
    case 0:
      return Phrase(RandomText(random), Below(random, 3), RandomField(random));
    case 1:
      return Prefix(RandomText(random), RandomField(random));
    case 2:
      return Wildcard(RandomPattern(random), RandomField(random));
    case 3:
      return Fuzzy(RandomText(random), 1 + Below(random, 2), RandomField(random));
    case 4:
      return RandomRange(random);
    case 5:
      return Exists(RandomText(random));
    case 6:
      return Below(random, 2) == 0 ? MatchAll() : MatchNone();
    default:
      return Term(RandomText(random), RandomField(random));
  }
}

}  // namespace

v1::Query Term(const std::string& text, const std::string& field) {
  v1::Query query;
  query.mutable_term()->set_text(text);
  query.mutable_term()->set_field(field);
  return query;
}

v1::Query Phrase(const std::string& text, uint32_t slop, const std::string& field) {
  v1::Query query;
  query.mutable_phrase()->set_text(text);
  query.mutable_phrase()->set_slop(slop);
  query.mutable_phrase()->set_field(field);
  return query;
}

v1::Query Prefix(const std::string& prefix, const std::string& field) {
  v1::Query query;
  query.mutable_prefix()->set_prefix(prefix);
  query.mutable_prefix()->set_field(field);
  return query;
}

v1::Query Wildcard(const std::string& pattern, const std::string& field) {
  v1::Query query;
  query.mutable_wildcard()->set_pattern(pattern);
  query.mutable_wildcard()->set_field(field);
  return query;
}

v1::Query Fuzzy(const std::string& text, uint32_t max_edits, const std::string& field) {
  v1::Query query;
  query.mutable_fuzzy()->set_text(text);
  query.mutable_fuzzy()->set_max_edits(max_edits);
  query.mutable_fuzzy()->set_field(field);
  return query;
}

v1::Query Exists(const std::string& field) {
  v1::Query query;
  query.mutable_exists()->set_field(field);
  return query;
}

v1::Query MatchAll() {
  v1::Query query;
  query.mutable_match_all();
  return query;
}

v1::Query MatchNone() {
  v1::Query query;
  query.mutable_match_none();
  return query;
}

v1::Query Boost(v1::Query query, float factor) {
  v1::Query boosted;
  *boosted.mutable_boost()->mutable_query() = std::move(query);
  boosted.mutable_boost()->set_factor(factor);
  return boosted;
}

v1::Query ConstantScore(v1::Query query, float score) {
  v1::Query constant;
  *constant.mutable_constant_score()->mutable_query() = std::move(query);
  constant.mutable_constant_score()->set_score(score);
  return constant;
}

v1::Query Boolean(const BooleanClauses& clauses) {
  v1::Query query;
  v1::BooleanQuery& boolean = *query.mutable_boolean();
  AddAll(clauses.must, boolean.mutable_must());
  AddAll(clauses.should, boolean.mutable_should());
  AddAll(clauses.must_not, boolean.mutable_must_not());
  AddAll(clauses.filter, boolean.mutable_filter());
  if (clauses.minimum_should_match >= 0) {
    boolean.set_minimum_should_match(clauses.minimum_should_match);
  }
  return query;
}

v1::Query Any(const std::vector<v1::Query>& clauses) { return Boolean({.should = clauses}); }

v1::Query All(const std::vector<v1::Query>& clauses) { return Boolean({.must = clauses}); }

v1::Query Not(const v1::Query& query) {
  return Boolean({.must_not = {query}, .filter = {MatchAll()}});
}

v1::Query RandomTree(std::mt19937_64& random, int depth) {
  if (depth <= 1) return RandomLeaf(random);
  switch (Below(random, 6)) {
    case 0:
    case 1:
      return RandomLeaf(random);
    case 2:
      return Boost(RandomTree(random, depth - 1), RandomWeight(random));
    case 3:
      return ConstantScore(RandomTree(random, depth - 1), RandomWeight(random));
    default:
      return RandomBoolean(random, depth - 1);
  }
}

}  // namespace canopy
