// A query cut into nodes and put together again matches what the query matches.
#include "root/posting_bitmap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/strings.h"
#include "root/term_plan.h"
#include "tests/query/query_trees.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

std::vector<std::string> NodesOf(const v1::Query& query) {
  std::vector<std::string> terms;
  for (const TermNode& node : MakeTermPlan(query).nodes) terms.push_back(node.query.term().text());
  return terms;
}

std::map<std::string, size_t> WeightsOf(const v1::Query& query) {
  std::map<std::string, size_t> weights;
  for (const TermNode& node : MakeTermPlan(query).nodes) {
    weights[node.query.term().text()] = node.weight;
  }
  return weights;
}

TEST(MakeTermPlan, FetchesEachNodeOnce) {
  EXPECT_THAT(NodesOf(All({Term("a"), Any({Term("a"), Term("b")}), Term("b")})),
              ElementsAre("a", "b"));
}

TEST(MakeTermPlan, WeighsANodeByTheGroupsAboveEachUse) {
  EXPECT_THAT(WeightsOf(Term("a")), ElementsAre(Pair("a", 1)));
  EXPECT_THAT(WeightsOf(Boolean(
                  {.must = {Term("a"), Any({Term("a"), Term("b")})}, .must_not = {Term("c")}})),
              ElementsAre(Pair("a", 1 + 2), Pair("b", 2), Pair("c", 1)));
}

TEST(MakeTermPlan, WeighsWhatIsCountedByTheBitsOfTheCount) {
  const std::vector<v1::Query> clauses = {Term("a"), Term("b"), Term("c"), Term("d"), Term("a")};
  EXPECT_THAT(WeightsOf(Boolean({.should = clauses, .minimum_should_match = 2})),
              ElementsAre(Pair("a", 2 * 3), Pair("b", 3), Pair("c", 3), Pair("d", 3)));
}

TEST(MakeTermPlan, TellsFieldsApart) {
  EXPECT_THAT(NodesOf(Any({Term("a"), Term("a", "f")})), SizeIs(2));
}

TEST(MakeTermPlan, GivesANodeTheSameHashInEveryQuery) {
  const TermPlan plan = MakeTermPlan(All({Term("x"), Term("a")}));
  EXPECT_EQ(MakeTermPlan(Term("a")).nodes[0].hash, plan.nodes[1].hash);
  EXPECT_NE(plan.nodes[0].hash, plan.nodes[1].hash);
}

TEST(MakeTermPlan, FetchesNothingThatOnlyScores) {
  EXPECT_THAT(NodesOf(Boolean({.must = {Term("a")}, .should = {Term("b")}})), ElementsAre("a"));
  EXPECT_THAT(NodesOf(Boost(ConstantScore(Term("a"), 2), 3)), ElementsAre("a"));
}

TEST(MakeTermPlan, FetchesNothingForWhatMatchesNothing) {
  EXPECT_THAT(NodesOf(MatchNone()), IsEmpty());
  EXPECT_THAT(NodesOf(Boolean({.should = {Term("a"), Term("b")}, .minimum_should_match = 3})),
              IsEmpty());
}

constexpr uint32_t kDocs = 200'000;

// Of a random density, with stretches of neighbours.
Roaring RandomBitmap(std::mt19937& random) {
  Roaring bitmap;
  const uint32_t step = 1 + random() % (1 << (random() % 16));
  for (uint32_t doc = random() % step; doc < kDocs; doc += 1 + random() % step) {
    bitmap.add(doc);
    if (random() % 50 == 0) bitmap.addRange(doc, std::min<uint64_t>(kDocs, doc + random() % 3000));
  }
  bitmap.runOptimize();
  return bitmap;
}

v1::Query RandomQuery(std::mt19937& random, int depth) {
  if (depth == 0 || random() % 4 == 0) return Term(Concat("t", random() % 6));
  const auto some = [&](size_t most) {
    std::vector<v1::Query> clauses(random() % (most + 1));
    for (v1::Query& clause : clauses) clause = RandomQuery(random, depth - 1);
    return clauses;
  };
  BooleanClauses clauses = {
      .must = some(2), .should = some(5), .must_not = some(1), .filter = some(1)};
  if (random() % 2 == 0 && !clauses.should.empty()) {
    clauses.minimum_should_match = 1 + static_cast<int>(random() % clauses.should.size());
  }
  return Boolean(clauses);
}

// Straight from the definition of a boolean query.
bool Matches(const v1::Query& query, uint32_t doc, const std::vector<Roaring>& terms) {
  if (query.has_term()) return terms[query.term().text()[1] - '0'].contains(doc);
  const v1::BooleanQuery& boolean = query.boolean();
  const auto matches = [&](const v1::Query& clause) { return Matches(clause, doc, terms); };
  const auto count = [&](const auto& clauses) {
    return static_cast<int>(std::count_if(clauses.begin(), clauses.end(), matches));
  };
  const bool required = boolean.must_size() + boolean.filter_size() > 0;
  const int needed = boolean.has_minimum_should_match()
                         ? static_cast<int>(boolean.minimum_should_match())
                         : (required ? 0 : 1);
  return count(boolean.must()) == boolean.must_size() &&
         count(boolean.filter()) == boolean.filter_size() && count(boolean.should()) >= needed &&
         count(boolean.must_not()) == 0;
}

TEST(Evaluate, GivesWhatTheQueryMatches) {
  std::mt19937 random(TestSeed(99));
  for (int round = 0; round < 40; ++round) {
    std::vector<Roaring> terms(6);
    for (Roaring& term : terms) term = RandomBitmap(random);
    const v1::Query query = RandomQuery(random, 3);
    const TermPlan plan = MakeTermPlan(query);
    std::vector<Roaring> bitmaps;
    for (const TermNode& node : plan.nodes)
      bitmaps.push_back(terms[node.query.term().text()[1] - '0']);
    const Roaring found = Evaluate(plan.root, bitmaps);
    uint64_t expected = 0;
    for (uint32_t doc = 0; doc < kDocs; doc += 1 + random() % 7) {
      const bool matches = Matches(query, doc, terms);
      ASSERT_EQ(found.contains(doc), matches) << doc << " " << query.ShortDebugString();
      expected += matches ? 1 : 0;
    }
    EXPECT_GE(found.cardinality(), expected);
  }
}

TEST(Evaluate, CountsClausesUpToAnyMinimum) {
  constexpr size_t kClauses = 9;
  // Document d has the clauses below its number modulo 10.
  std::vector<Roaring> bitmaps(kClauses);
  std::vector<v1::Query> clauses;
  for (uint32_t i = 0; i < kClauses; ++i) {
    clauses.push_back(Term(Concat("t", i)));
    for (uint32_t doc = 0; doc < 1000; ++doc) {
      if (i < doc % 10) bitmaps[i].add(doc);
    }
  }
  for (int needed = 1; needed <= static_cast<int>(kClauses); ++needed) {
    const TermPlan plan =
        MakeTermPlan(Boolean({.should = clauses, .minimum_should_match = needed}));
    EXPECT_EQ(Evaluate(plan.root, bitmaps).cardinality(), 100u * (10 - needed)) << needed;
  }
}

TEST(DocsOf, GivesAPageInOrder) {
  Roaring bitmap = Roaring::bitmapOf(5, 3, 70'000, 8, 65'535, 65'536);
  EXPECT_THAT(DocsOf(bitmap, 0, 2), ElementsAre(3, 8));
  EXPECT_THAT(DocsOf(bitmap, 2, 10), ElementsAre(65'535, 65'536, 70'000));
  EXPECT_THAT(DocsOf(bitmap, 5, 10), IsEmpty());
}

}  // namespace
}  // namespace canopy
