// Short ways to write query trees in tests, and random ones.
#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "canopy/v1/query.pb.h"

namespace canopy {

struct BooleanClauses {
  std::vector<v1::Query> must = {}, should = {}, must_not = {}, filter = {};
  int minimum_should_match = -1;  // -1: unset
};

v1::Query Term(const std::string& text, const std::string& field = "");
v1::Query Phrase(const std::string& text, uint32_t slop = 0, const std::string& field = "");
v1::Query Prefix(const std::string& prefix, const std::string& field = "");
v1::Query Wildcard(const std::string& pattern, const std::string& field = "");
v1::Query Fuzzy(const std::string& text, uint32_t max_edits, const std::string& field = "");
v1::Query Exists(const std::string& field);
v1::Query MatchAll();
v1::Query MatchNone();
v1::Query Boost(v1::Query query, float factor);
v1::Query ConstantScore(v1::Query query, float score);
v1::Query Boolean(const BooleanClauses& clauses);
// Any of, all of, everything but.
v1::Query Any(const std::vector<v1::Query>& clauses);
v1::Query All(const std::vector<v1::Query>& clauses);
v1::Query Not(const v1::Query& query);

// Valid trees of every kind with texts full of special characters.
v1::Query RandomTree(std::mt19937_64& random, int depth);

}  // namespace canopy
