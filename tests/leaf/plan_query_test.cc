#include "leaf/plan_query.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "base/cancellation.h"
#include "base/clock.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Kind = ShardQuery::Kind;

v1::Query Parse(const std::string& text) {
  v1::Query query;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &query)) << text;
  return query;
}

ShardQuery Plan(const std::string& text) { return PlanQuery(Parse(text)).value(); }
absl::Status PlanError(const std::string& text) { return PlanQuery(Parse(text)).status(); }

TEST(PlanQueryTest, ATermKeepsItsFieldAndBytes) {
  const ShardQuery query = Plan("term { field: 'title' text: 'caf\\303\\251' }");
  EXPECT_EQ(query.kind, Kind::kTerm);
  EXPECT_EQ(query.field, "title");
  EXPECT_THAT(query.terms, ElementsAre("caf\xC3\xA9"));
  EXPECT_EQ(query.boost, 1);
}

TEST(PlanQueryTest, APhraseKeepsTheOrderOfItsTermsAndItsSlop) {
  const ShardQuery query = Plan("phrase { field: 'f' terms: 'b' terms: 'a' slop: 3 }");
  EXPECT_EQ(query.kind, Kind::kPhrase);
  EXPECT_EQ(query.field, "f");
  EXPECT_THAT(query.terms, ElementsAre("b", "a"));
  EXPECT_EQ(query.slop, 3u);
}

TEST(PlanQueryTest, ABooleanKeepsItsFourKindsOfClauses) {
  const ShardQuery query = Plan(R"(boolean {
    must { term { text: 'a' } }
    should { term { text: 'b' } }
    should { term { text: 'c' } }
    must_not { term { text: 'd' } }
    filter { match_all {} }
    minimum_should_match: 2
  })");
  EXPECT_EQ(query.kind, Kind::kBoolean);
  ASSERT_THAT(query.must, SizeIs(1));
  EXPECT_THAT(query.must[0].terms, ElementsAre("a"));
  ASSERT_THAT(query.should, SizeIs(2));
  EXPECT_THAT(query.should[1].terms, ElementsAre("c"));
  ASSERT_THAT(query.must_not, SizeIs(1));
  EXPECT_THAT(query.must_not[0].terms, ElementsAre("d"));
  ASSERT_THAT(query.filter, SizeIs(1));
  EXPECT_EQ(query.filter[0].kind, Kind::kMatchAll);
  EXPECT_EQ(query.minimum_should_match, 2u);
}

TEST(PlanQueryTest, MinimumShouldMatchStaysUnsetUnlessItIsGiven) {
  EXPECT_EQ(Plan("boolean { should { match_all {} } }").minimum_should_match, std::nullopt);
  EXPECT_EQ(
      Plan("boolean { should { match_all {} } minimum_should_match: 0 }").minimum_should_match, 0u);
}

TEST(PlanQueryTest, BoostsMultiply) {
  const ShardQuery query =
      Plan("boost { factor: 2 query { boost { factor: 3 query { term { text: 'a' } } } } }");
  EXPECT_EQ(query.kind, Kind::kTerm);
  EXPECT_EQ(query.boost, 6);
}

TEST(PlanQueryTest, AConstantScoreWrapsItsQuery) {
  const ShardQuery query = Plan("constant_score { score: 2.5 query { term { text: 'a' } } }");
  EXPECT_EQ(query.kind, Kind::kConstantScore);
  EXPECT_EQ(query.constant_score, 2.5f);
  ASSERT_THAT(query.must, SizeIs(1));
  EXPECT_THAT(query.must[0].terms, ElementsAre("a"));
}

TEST(PlanQueryTest, MatchAllAndMatchNone) {
  EXPECT_EQ(Plan("match_all {}").kind, Kind::kMatchAll);
  EXPECT_EQ(Plan("match_none {}").kind, Kind::kMatchNone);
}

TEST(PlanQueryTest, AKindThatIsNotBuiltIsUnimplementedByName) {
  for (const char* const kind : {"prefix", "wildcard", "fuzzy", "range", "exists"}) {
    const absl::Status status = PlanError(std::string(kind) + " { field: 'f' }");
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << kind;
    EXPECT_THAT(std::string(status.message()), HasSubstr(kind));
    const absl::Status nested =
        PlanError("boolean { must { " + std::string(kind) + " { field: 'f' } } }");
    EXPECT_EQ(nested, status) << kind;
  }
}

TEST(PlanQueryTest, WhatIsNotAQueryIsInvalid) {
  for (const char* const text :
       {"", "term {}", "phrase { text: 'not analyzed' }", "phrase { terms: 'a' terms: '' }",
        "boolean { must {} }", "boost { factor: 2 }", "constant_score { score: 1 }"}) {
    EXPECT_EQ(PlanError(text).code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(PlanQueryTest, PlanningStopsWhenNobodyWaitsForIt) {
  Cancellation cancellation(SteadyClock(), absl::InfiniteFuture());
  const v1::Query query = Parse("boolean { should { term { text: 'a' } } }");
  EXPECT_TRUE(PlanQuery(query, &cancellation).ok());
  cancellation.Cancel();
  EXPECT_EQ(PlanQuery(query, &cancellation).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace canopy
