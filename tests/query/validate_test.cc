#include "query/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "query/limits.h"
#include "tests/query/query_trees.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

void ExpectInvalid(const v1::Query& query, const std::string& part) {
  for (const v1::Query& tree : {query, Boost(query, 2), Not(query), Any({Term("a"), query})}) {
    const absl::Status status = ValidateQuery(tree);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << tree.ShortDebugString();
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

TEST(ValidateQuery, TakesEveryKindThatIsBuilt) {
  const v1::Query a = Term("a"), b = Phrase("b c", 2, "title");
  EXPECT_TRUE(ValidateQuery(Boolean({.must = {Boost(a, 1000)},
                                     .should = {b, ConstantScore(a, 0)},
                                     .must_not = {MatchNone()},
                                     .filter = {MatchAll()},
                                     .minimum_should_match = 2}))
                  .ok());
  EXPECT_TRUE(ValidateQuery(Boolean({})).ok());
}

TEST(ValidateQuery, NamesWhatIsWrong) {
  ExpectInvalid(v1::Query(), "without a kind");
  ExpectInvalid(Term(""), "without text");
  ExpectInvalid(Boost(Term("a"), -1), "boost factor -1");
  ExpectInvalid(Boost(Term("a"), 1001), "boost factor 1001");
  ExpectInvalid(Boost(Term("a"), std::numeric_limits<float>::infinity()), "boost factor inf");
  ExpectInvalid(Boost(Term("a"), std::numeric_limits<float>::quiet_NaN()), "boost factor nan");
  ExpectInvalid(ConstantScore(Term("a"), -0.5f), "constant score -0.5");
  ExpectInvalid(Phrase("a b", kMaxPhraseSlop + 1), "1000001");
  ExpectInvalid(Boolean({.should = {Term("a")}, .minimum_should_match = 2}), "more than the 1");
  ExpectInvalid(Boolean({.should = {Term("a")}, .minimum_should_match = 0}), "match_all");
  v1::Query boost, constant, analyzed;
  boost.mutable_boost()->set_factor(1);
  ExpectInvalid(boost, "boost without a query");
  constant.mutable_constant_score();
  ExpectInvalid(constant, "constant_score without a query");
  analyzed.mutable_phrase()->add_terms("a");
  ExpectInvalid(analyzed, "phrase.text");
}

TEST(ValidateQuery, NamesTheKindThatIsNotBuilt) {
  v1::Query range;
  range.mutable_range()->set_field("n");
  const std::vector<std::pair<v1::Query, std::string>> kinds = {{Prefix("a"), "prefix"},
                                                                {Wildcard("a?"), "wildcard"},
                                                                {Fuzzy("a", 1), "fuzzy"},
                                                                {range, "range"},
                                                                {Exists("a"), "exists"}};
  for (const auto& [query, name] : kinds) {
    const absl::Status status = ValidateQuery(All({Term("a"), query}));
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
}

TEST(ValidateQuery, LimitsDepthAndClauses) {
  v1::Query deep = Term("a");
  for (size_t depth = 1; depth < kMaxQueryDepth; ++depth) deep = Boost(std::move(deep), 2);
  EXPECT_TRUE(ValidateQuery(deep).ok());
  EXPECT_THAT(std::string(ValidateQuery(Boost(deep, 2)).message()), HasSubstr("limit of 48"));

  v1::Query wide;
  for (size_t i = 1; i < kMaxQueryClauses; ++i) *wide.mutable_boolean()->add_should() = Term("a");
  EXPECT_TRUE(ValidateQuery(wide).ok());
  *wide.mutable_boolean()->add_should() = Term("a");
  EXPECT_THAT(std::string(ValidateQuery(wide).message()),
              AllOf(HasSubstr("16385"), HasSubstr("16384")));
}

TEST(ValidateQuery, CountsEveryNode) {
  v1::Query empty, boosts;
  for (int i = 0; i < 70'000; ++i) {
    empty.mutable_boolean()->add_should()->mutable_boolean();
    *boosts.mutable_boolean()->add_should() = Boost(Boost(Boost(Term("a"), 2), 2), 2);
  }
  EXPECT_THAT(std::string(ValidateQuery(empty).message()),
              AllOf(HasSubstr("70001 clauses"), HasSubstr("16384")));
  EXPECT_THAT(std::string(ValidateQuery(boosts).message()), HasSubstr("280001 clauses"));
}

TEST(ValidateQuery, LimitsTheBytesOfAllTexts) {
  const std::string half(kMaxQueryBytes / 2, 'a');
  EXPECT_TRUE(ValidateQuery(Any({Term(half), Phrase(half)})).ok());
  for (const v1::Query& query :
       {Term(std::string(2'000'000, 'a')), Any({Term(half), Term("a"), Phrase(half)}),
        Any({Term(half), Term("a", half)}), Wildcard(half + half + "*"), Prefix(half + half + "a"),
        Fuzzy(half + half + "a", 1), Exists(half + half + "a")}) {
    const absl::Status status = ValidateQuery(query);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("limit of 1048576 (query bytes)"));
  }
  EXPECT_THAT(std::string(ValidateQuery(Term(std::string(2'000'000, 'a'))).message()),
              HasSubstr("2000000"));
}

}  // namespace
}  // namespace canopy
