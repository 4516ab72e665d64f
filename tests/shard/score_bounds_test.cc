// Bounds of whole shards: never below what the naive oracle scores there, and of use.
#include "shard/score_bounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "shard/scorer.h"
#include "tests/shard/search_index.h"
#include "tests/support/naive_oracle.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

std::vector<FixedScore> Bounds(const SearchIndex& index, const ShardQuery& query) {
  const auto scores = BoundScores(index.term_bounds(), index.shard(0).stats(), query);
  EXPECT_TRUE(scores.has_value());
  return scores.value_or(std::vector<FixedScore>());
}

void ExpectBoundsHold(const NaiveOracle& oracle, const SearchIndex& index,
                      const ShardQuery& query) {
  const std::vector<FixedScore> bounds = Bounds(index, query);
  ASSERT_EQ(bounds.size(), index.num_shards());
  for (const OracleHit& hit : oracle.Search(query, oracle.docs().size()).hits) {
    ASSERT_LE(hit.score, bounds[hit.doc % index.num_shards()]) << "document " << hit.doc;
  }
}

class ScoreBoundsOracleTest : public testing::TestWithParam<uint32_t> {
 protected:
  ScoreBoundsOracleTest() : random_(TestSeed(20261125)) {}

  void ExpectBoundsOfRandomQueriesHold(const RandomCorpusOptions& corpus,
                                       NaiveOracle::Options options = {}) {
    const std::vector<OracleDoc> docs = RandomCorpus(random_, corpus);
    const NaiveOracle oracle(docs, options);
    const SearchIndex index(docs, GetParam(), options);
    for (size_t i = 0; i < 150 && !HasFailure(); ++i) {
      const ShardQuery query =
          RandomQuery(random_, {corpus.vocabulary, corpus.fields, static_cast<int>(i % 4)});
      SCOPED_TRACE(Concat("query ", i, ": ", Describe(query)));
      ExpectBoundsHold(oracle, index, query);
    }
  }

  std::mt19937 random_;
};

TEST_P(ScoreBoundsOracleTest, HoldOverSeveralFields) {
  ExpectBoundsOfRandomQueriesHold({.docs = 1500, .vocabulary = 400});
}

TEST_P(ScoreBoundsOracleTest, HoldOverOneField) {
  ExpectBoundsOfRandomQueriesHold({.docs = 1000, .vocabulary = 60, .fields = {"text"}});
}

TEST_P(ScoreBoundsOracleTest, HoldOverManyRareTerms) {
  ExpectBoundsOfRandomQueriesHold({.docs = 300, .vocabulary = 3000, .mean_tokens = 20});
}

TEST_P(ScoreBoundsOracleTest, HoldWithDeletedDocuments) {
  NaiveOracle::Options options;
  for (DocId doc = 0; doc < 800; doc += 3) options.deleted.insert(doc);
  ExpectBoundsOfRandomQueriesHold({.docs = 800, .vocabulary = 60}, options);
}

TEST_P(ScoreBoundsOracleTest, HoldWithoutSaturationAndWithoutLengths) {
  ExpectBoundsOfRandomQueriesHold({.docs = 500, .vocabulary = 60}, {.k1 = 0, .deleted = {}});
  ExpectBoundsOfRandomQueriesHold({.docs = 500, .vocabulary = 60},
                                  {.k1 = 1000, .b = 1, .deleted = {}});
  ExpectBoundsOfRandomQueriesHold({.docs = 500, .vocabulary = 60}, {.b = 0, .deleted = {}});
}

INSTANTIATE_TEST_SUITE_P(NumbersOfShards, ScoreBoundsOracleTest, testing::Values(1, 2, 3, 8, 16));

// 4,000 documents of 10 words. "every" is in each of them, once; "half" in those of even numbers,
// ten times in those of shard 1 of 4; "rare" in documents 5, 13 and 21.
class ScoreBoundsTest : public testing::Test {
 protected:
  static constexpr uint32_t kShards = 4;

  static std::vector<OracleDoc> Docs(const std::string& field = "text") {
    std::vector<OracleDoc> docs(4000);
    for (size_t i = 0; i < docs.size(); ++i) {
      std::vector<std::string> words = {"every"};
      const size_t times = i % kShards == 1 && i % 3 == 0 ? 9 : i % 2 == 0 ? 1 : 0;
      words.insert(words.end(), times, "skewed");
      if (i % 3 == 0) words.push_back("third");
      if (i == 5 || i == 13 || i == 21) words.push_back("rare");
      while (words.size() < 11) words.push_back(Concat("filler", words.size(), "x", i % 50));
      docs[i].fields = {{field, std::move(words)}};
    }
    return docs;
  }

  FixedScore TenthScore(const ShardQuery& query) {
    SearchOptions options;
    options.k = 10;
    const OracleAnswer answer = index_.Search(query, options);
    EXPECT_EQ(answer.hits.size(), 10u);
    return answer.hits.back().score;
  }
  static bool Has(const std::vector<FixedScore>& bounds, ShardId shard) {
    return bounds[shard] != kNoMatchBound;
  }

  const SearchIndex index_{Docs(), kShards};
};

TEST_F(ScoreBoundsTest, OfAFrequentTermIsCloseToTheBestScore) {
  const ShardQuery query = ShardQuery::Term("skewed");
  const std::vector<FixedScore> bounds = Bounds(index_, query);
  SearchOptions options;
  options.k = 1;
  for (const ShardId shard : {0u, 1u, 2u}) {
    const auto best = SearchShard(index_.shard(shard), query, options)->hits.at(0).score;
    EXPECT_LE(best, bounds[shard]);
    // One step of the byte, and what covers single precision.
    const double idf = Idf(4000, 2333);
    EXPECT_LE(ToDouble(bounds[shard] - best), idf * (1 / 255.0 + 1e-5));
  }
  EXPECT_FALSE(Has(bounds, 3));
}

TEST_F(ScoreBoundsTest, OfShardsWithoutTheBestDocumentsAreBelowTheTenthScore) {
  for (const ShardQuery& query :
       {ShardQuery::Term("skewed"),
        ShardQuery::AnyOf({ShardQuery::Term("every"), ShardQuery::Term("skewed")}),
        ShardQuery::AllOf({ShardQuery::Term("every"), ShardQuery::Term("skewed")}),
        ShardQuery::Phrase({"skewed", "skewed"})}) {
    SCOPED_TRACE(Describe(query));
    const std::vector<FixedScore> bounds = Bounds(index_, query);
    const FixedScore tenth = TenthScore(query);
    EXPECT_LT(bounds[0], tenth);
    EXPECT_GE(bounds[1], tenth);
    EXPECT_LT(bounds[2], tenth);
    EXPECT_LT(bounds[3], tenth);
  }
}

TEST_F(ScoreBoundsTest, AShardWithoutARequiredTermHasNoMatch) {
  const ShardQuery third = ShardQuery::Term("third"), skewed = ShardQuery::Term("skewed");
  EXPECT_FALSE(Has(Bounds(index_, ShardQuery::AllOf({third, skewed})), 3));
  ShardQuery filtered = ShardQuery::AllOf({third});
  filtered.filter = {skewed};
  EXPECT_FALSE(Has(Bounds(index_, filtered), 3));
  ShardQuery two_of = ShardQuery::AnyOf({third, skewed});
  EXPECT_TRUE(Has(Bounds(index_, two_of), 3));
  two_of.minimum_should_match = 2;
  EXPECT_FALSE(Has(Bounds(index_, two_of), 3));
  EXPECT_FALSE(Has(Bounds(index_, ShardQuery::ConstantScore(skewed, 2)), 3));
  EXPECT_FALSE(Has(Bounds(index_, ShardQuery::Phrase({"third", "skewed"}, 2)), 3));
}

TEST_F(ScoreBoundsTest, WhatMustNotMatchTakesNothingAway) {
  ShardQuery query = ShardQuery::AllOf({ShardQuery::Term("every")});
  const std::vector<FixedScore> without = Bounds(index_, query);
  query.must_not = {ShardQuery::Term("skewed")};
  EXPECT_EQ(Bounds(index_, query), without);
}

TEST_F(ScoreBoundsTest, ARareTermHasNoMatchInMostShardsThatLackIt) {
  EXPECT_TRUE(Has(Bounds(index_, ShardQuery::Term("rare")), 1));
  size_t absent = 0, asked = 0;
  for (size_t n = 0; n < 1000; ++n) {
    const std::vector<FixedScore> bounds = Bounds(index_, ShardQuery::Term(Concat("unheard", n)));
    for (ShardId shard = 0; shard < kShards; ++shard) absent += Has(bounds, shard) ? 0 : 1;
    asked += kShards;
  }
  EXPECT_GT(absent, asked * 8 / 10);
}

TEST_F(ScoreBoundsTest, ConstantsAreExact) {
  ShardQuery all = ShardQuery::MatchAll();
  all.boost = 0.3f;
  EXPECT_EQ(Bounds(index_, all), std::vector<FixedScore>(kShards, RoundToFixed(0.3f)));
  ShardQuery constant = ShardQuery::ConstantScore(ShardQuery::Term("every"), 0.7f);
  constant.boost = 3;
  EXPECT_EQ(Bounds(index_, constant), std::vector<FixedScore>(kShards, RoundToFixed(3 * 0.7f)));
}

TEST_F(ScoreBoundsTest, AShardWithoutDocumentsHasNoMatch) {
  const SearchIndex index({OracleDoc{{{"text", {"a"}}}}}, 2);
  const std::vector<FixedScore> bounds = Bounds(index, ShardQuery::MatchAll());
  EXPECT_TRUE(Has(bounds, 0));
  EXPECT_FALSE(Has(bounds, 1));
}

TEST_F(ScoreBoundsTest, HoldForTheLargestBoosts) {
  const NaiveOracle oracle(Docs());
  for (const float boost : {0.0f, 1e-30f, 1e-9f, 4194304.0f}) {
    ShardQuery query = ShardQuery::Term("skewed");
    query.boost = boost;
    ExpectBoundsHold(oracle, index_, query);
  }
}

TEST_F(ScoreBoundsTest, AQueryOfTooManyTermsHasNone) {
  ShardQuery query =
      ShardQuery::AnyOf(std::vector<ShardQuery>(kMaxBoundedNodes - 1, ShardQuery::Term("every")));
  const CollectionStats& stats = index_.shard(0).stats();
  EXPECT_TRUE(BoundScores(index_.term_bounds(), stats, query).has_value());
  query.should.push_back(ShardQuery::Term("every"));
  EXPECT_FALSE(BoundScores(index_.term_bounds(), stats, query).has_value());
  std::swap(query.should, query.must);
  EXPECT_FALSE(BoundScores(index_.term_bounds(), stats, query).has_value());
  const std::vector<std::string> words(kMaxBoundedNodes, "every");
  EXPECT_TRUE(BoundScores(index_.term_bounds(), stats, ShardQuery::Phrase(words)).has_value());
  ShardQuery filtered = ShardQuery::AllOf({ShardQuery::Term("every")});
  filtered.filter = {ShardQuery::Phrase(words)};
  EXPECT_FALSE(BoundScores(index_.term_bounds(), stats, filtered).has_value());
}

// Lengths inside a field have an average of their own when some document lacks the field.
TEST_F(ScoreBoundsTest, HoldInTheOnlyFieldOfACollectionWithEmptyDocuments) {
  std::vector<OracleDoc> docs = Docs();
  for (size_t i = 0; i < docs.size(); ++i) {
    if (i % 7 != 0) docs[i].fields.clear();
  }
  const NaiveOracle oracle(docs);
  const SearchIndex index(docs, kShards);
  ExpectBoundsHold(oracle, index, ShardQuery::Term("skewed", "text"));
  ExpectBoundsHold(oracle, index, ShardQuery::Term("every", "text"));
}

}  // namespace
}  // namespace canopy
