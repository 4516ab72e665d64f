#include "root/analyze_query.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "query/canonical.h"
#include "query/limits.h"
#include "query/parser.h"
#include "query/validate.h"
#include "tests/query/query_trees.h"

namespace canopy {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<std::string>& Fields() {
  static const std::vector<std::string> fields = {"title", "body"};
  return fields;
}

absl::StatusOr<AnalyzedQuery> Analyze(const v1::Query& query, const std::string& name = "ascii") {
  const std::unique_ptr<Analyzer> analyzer = *Analyzer::Create(name);
  return AnalyzeQuery(query, *analyzer, Fields());
}

AnalyzedQuery AnalyzeText(const std::string& text, const std::string& name = "ascii") {
  const auto query = ParseQuery(text);
  EXPECT_TRUE(query.ok()) << query.status();
  auto analyzed = Analyze(*query, name);
  EXPECT_TRUE(analyzed.ok()) << analyzed.status();
  return *std::move(analyzed);
}

v1::Query Terms(const std::vector<std::string>& terms, uint32_t slop = 0,
                const std::string& field = "") {
  v1::Query query;
  query.mutable_phrase()->set_field(field);
  query.mutable_phrase()->set_slop(slop);
  for (const std::string& term : terms) query.mutable_phrase()->add_terms(term);
  return query;
}

void ExpectAnalyzed(const std::string& text, const v1::Query& expected) {
  const v1::Query analyzed = AnalyzeText(text).query;
  EXPECT_TRUE(MessageDifferencer::Equals(analyzed, expected))
      << text << "\nis        " << analyzed.ShortDebugString() << "\nshould be "
      << expected.ShortDebugString();
}

TEST(AnalyzeQuery, PutsTextsThroughTheAnalyzer) {
  ExpectAnalyzed("Leaf", Term("leaf"));
  ExpectAnalyzed("title:Leaf", Term("leaf", "title"));
  ExpectAnalyzed("\"Green Leaf\"~3", Terms({"green", "leaf"}, 3));
  ExpectAnalyzed(
      "+A b^2 -C",
      Boolean({.must = {Term("a")}, .should = {Boost(Term("b"), 2)}, .must_not = {Term("c")}}));
  ExpectAnalyzed("*:*", MatchAll());
  ExpectAnalyzed("A^=3", ConstantScore(Term("a"), 3));
  const AnalyzedQuery english = AnalyzeText("Leaves", "english");
  EXPECT_EQ(english.query.term().text(), "leav");
}

TEST(AnalyzeQuery, AWordOfSeveralTermsBecomesAPhrase) {
  ExpectAnalyzed("title:foo-bar", Terms({"foo", "bar"}, 0, "title"));
}

TEST(AnalyzeQuery, APhraseOfOneTermBecomesATerm) { ExpectAnalyzed("\"Leaf!\"~2", Term("leaf")); }

TEST(AnalyzeQuery, LeavesOutWhatHasNoTerm) {
  ExpectAnalyzed("a !", Term("a"));
  ExpectAnalyzed("+a +! b", Boolean({.must = {Term("a")}, .should = {Term("b")}}));
  ExpectAnalyzed("a -!", Term("a"));
  ExpectAnalyzed("+! a b", Any({Term("a"), Term("b")}));
  ExpectAnalyzed("(a b !)~3",
                 Boolean({.should = {Term("a"), Term("b")}, .minimum_should_match = 2}));
  ExpectAnalyzed("(a b ! !)~2",
                 Boolean({.should = {Term("a"), Term("b")}, .minimum_should_match = 2}));
}

TEST(AnalyzeQuery, IsMatchNoneWhenNothingIsLeft) {
  for (const std::string text :
       {"!", "\"\"", "\"! ?\"", "! &", "+! -\"#\"", "(! !)^2", "!^=3", "-!", "NOT (! AND !)"}) {
    ExpectAnalyzed(text, MatchNone());
  }
  // Only what is excluded is left: nothing matches.
  ExpectAnalyzed("! -a", MatchNone());
  const auto only_excluded = Analyze(Boolean({.must_not = {Term("a")}}));
  EXPECT_TRUE(only_excluded->query.has_match_none());
}

TEST(AnalyzeQuery, ListsTermsToHighlightButNotExcludedOnes) {
  EXPECT_THAT(AnalyzeText("b +a \"c b\" -d title:(e -f) g^0").highlight_terms,
              ElementsAre("a", "b", "c", "e", "g"));
  EXPECT_THAT(AnalyzeText("-a").highlight_terms, IsEmpty());
}

TEST(AnalyzeQuery, AnUnknownFieldNamesTheKnownOnes) {
  for (const std::string text : {"titel:a", "a -titel:\"b c\"", "titel:!"}) {
    const absl::Status status = Analyze(*ParseQuery(text)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("\"titel\""), HasSubstr("title, body")));
  }
}

TEST(AnalyzeQuery, LimitsTheTermsAfterAnalysis) {
  std::string text;
  for (size_t i = 0; i <= kMaxQueryClauses; ++i) text += "a-";
  const absl::Status status = Analyze(Term(text)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("16385"), HasSubstr("16384")));
}

TEST(AnalyzeQuery, LimitsTheTermsOfOneHugeText) {
  std::string text;
  while (text.size() < kMaxQueryBytes - 2) text += "a-";
  const absl::Status status = Analyze(Phrase(text)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("524287"), HasSubstr("16384")));
}

TEST(AnalyzeQuery, AWeightOfMinusZeroIsZero) {
  EXPECT_EQ(Analyze(Boost(Term("a"), -0.0f))->query.SerializeAsString(),
            Analyze(Boost(Term("a"), 0))->query.SerializeAsString());
  EXPECT_EQ(Analyze(ConstantScore(Term("a"), -0.0f))->query.SerializeAsString(),
            Analyze(ConstantScore(Term("a"), 0))->query.SerializeAsString());
}

// What goes to the leaves is itself canonical, and as valid as what came.
TEST(AnalyzeQuery, KeepsRandomTreesValid) {
  std::mt19937_64 random(7);
  int analyzed_trees = 0;
  for (int i = 0; i < 3000; ++i) {
    const v1::Query tree = RandomTree(random, 4);
    if (!ValidateQuery(tree).ok()) continue;
    auto analyzed = Analyze(tree);
    if (!analyzed.ok()) {
      EXPECT_THAT(std::string(analyzed.status().message()), HasSubstr("unknown field"));
      continue;
    }
    ++analyzed_trees;
    EXPECT_TRUE(CheckQuerySize(analyzed->query).ok());
    const v1::Query canonical = Canonical(analyzed->query);
    EXPECT_TRUE(MessageDifferencer::Equals(analyzed->query, canonical))
        << "is        " << analyzed->query.ShortDebugString() << "\nshould be "
        << canonical.ShortDebugString();
  }
  EXPECT_GT(analyzed_trees, 100);
}

}  // namespace
}  // namespace canopy
