// A search with a threshold returns the hits that score at least so much, all of them up to k, with
// the total of the search without; whatever the query. A high one saves work.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/cancellation.h"
#include "base/clock.h"
#include "base/strings.h"
#include "shard/shard_searcher.h"
#include "tests/shard/search_index.h"
#include "tests/support/naive_oracle.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

struct NamedQuery {
  const char* name;
  ShardQuery query;
};

std::vector<ShardQuery> Words(const std::vector<std::string>& words) {
  std::vector<ShardQuery> terms;
  for (const std::string& word : words) terms.push_back(ShardQuery::Term(word));
  return terms;
}

ShardQuery Boosted(ShardQuery query, float boost) {
  query.boost = boost;
  return query;
}

// Every kind of query, and every way to search one (shard_searcher.cc).
std::vector<NamedQuery> Queries() {
  ShardQuery mixed = ShardQuery::AllOf(Words({"w1"}));
  mixed.should = Words({"w2", "w9"});
  ShardQuery filtered = ShardQuery::AllOf(Words({"w2"}));
  filtered.filter = Words({"w0"});
  filtered.must_not = Words({"w5"});
  ShardQuery two_of = ShardQuery::AnyOf(Words({"w1", "w2", "w3", "w4"}));
  two_of.minimum_should_match = 2;
  return {{"frequent term", ShardQuery::Term("w0")},
          {"rare term", ShardQuery::Term("w150")},
          {"absent term", ShardQuery::Term("absent")},
          {"boosted term", Boosted(ShardQuery::Term("w3"), 0.3f)},
          {"term in a field", ShardQuery::Term("w1", "title")},
          {"union", ShardQuery::AnyOf(Words({"w1", "w4", "w20"}))},
          {"intersection", ShardQuery::AllOf(Words({"w0", "w1"}))},
          {"intersection with few matches", ShardQuery::AllOf(Words({"w30", "w40"}))},
          {"required and optional terms", mixed},
          {"filter and excluded terms", filtered},
          {"two of four", two_of},
          {"phrase", ShardQuery::Phrase({"w0", "w1"})},
          {"boosted phrase", Boosted(ShardQuery::Phrase({"w1", "w0"}), 2)},
          {"phrase with slop", ShardQuery::Phrase({"w0", "w2"}, 2)},
          {"phrase in a field", ShardQuery::Phrase({"w0", "w0"}, 0, "body")},
          {"phrase or term",
           ShardQuery::AnyOf({ShardQuery::Phrase({"w0", "w1"}), ShardQuery::Term("w7")})},
          {"everything", ShardQuery::MatchAll()},
          {"nothing", ShardQuery()},
          {"constant", ShardQuery::ConstantScore(ShardQuery::Term("w1"), 0.75f)},
          {"constant or term",
           ShardQuery::AnyOf({ShardQuery::ConstantScore(ShardQuery::Term("w1"), 0.75f),
                              ShardQuery::Term("w2")})}};
}

// Scores that occur, and numbers beside them.
std::vector<FixedScore> Thresholds(const OracleAnswer& all) {
  std::vector<FixedScore> thresholds = {1};
  for (const size_t rank : {size_t{0}, size_t{1}, size_t{9}, size_t{30}, all.hits.size() - 1}) {
    if (rank >= all.hits.size()) continue;
    for (const int beside : {-1, 0, 1}) thresholds.push_back(all.hits[rank].score + beside);
  }
  thresholds.push_back((all.hits.empty() ? 0 : all.hits[0].score) + 1'000'000);
  return thresholds;
}

class ScoreThresholdTest : public testing::TestWithParam<uint32_t> {
 protected:
  ScoreThresholdTest() : random_(TestSeed(77)), docs_(RandomCorpus(random_, {.docs = 1500})) {}

  void ExpectHitsAbove(const ShardQuery& query, const OracleAnswer& all, FixedScore threshold,
                       SearchOptions options) {
    SCOPED_TRACE(Concat("threshold ", threshold, ", k ", options.k));
    OracleAnswer expected;
    for (const OracleHit& hit : all.hits) {
      if (hit.score >= threshold && expected.hits.size() < options.k) expected.hits.push_back(hit);
    }
    options.score_threshold = threshold;
    const OracleAnswer found = index_.Search(query, options);
    EXPECT_EQ(found.hits, expected.hits);
    if (options.total == TotalMode::kExact) {
      EXPECT_EQ(found.total, all.total);
    } else {
      EXPECT_LE(found.total, all.total);
      EXPECT_GE(found.total, found.hits.size());
    }
  }

  std::mt19937 random_;
  const std::vector<OracleDoc> docs_;
  const NaiveOracle oracle_{docs_};
  const SearchIndex index_{docs_, GetParam()};
};

TEST_P(ScoreThresholdTest, LeavesOutWhatScoresLessAndNothingElse) {
  for (const auto& [name, query] : Queries()) {
    SCOPED_TRACE(name);
    const OracleAnswer all = oracle_.Search(query, docs_.size());
    for (const SearchStrategy strategy : {SearchStrategy::kPruned, SearchStrategy::kExhaustive}) {
      for (const TotalMode total : {TotalMode::kExact, TotalMode::kLowerBound}) {
        for (const uint32_t k : {1u, 10u}) {
          for (const FixedScore threshold : Thresholds(all)) {
            ExpectHitsAbove(query, all, threshold, {.k = k, .total = total, .strategy = strategy});
            if (HasFailure()) return;
          }
        }
      }
    }
  }
}

TEST_P(ScoreThresholdTest, ATotalThatIsCalledExactIs) {
  for (const auto& [name, query] : Queries()) {
    SCOPED_TRACE(name);
    const OracleAnswer all = oracle_.Search(query, docs_.size());
    for (const FixedScore threshold : Thresholds(all)) {
      const SearchOptions options{
          .k = 10, .total = TotalMode::kLowerBound, .score_threshold = threshold};
      for (ShardId shard = 0; shard < GetParam(); ++shard) {
        const auto found = SearchShard(index_.shard(shard), query, options);
        ASSERT_TRUE(found.ok()) << found.status();
        const auto counted = SearchShard(index_.shard(shard), query, {.k = 0});
        if (!found->total_is_exact) continue;
        EXPECT_EQ(found->total, counted->total) << threshold;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(NumbersOfShards, ScoreThresholdTest, testing::Values(1, 3));

// How often it is read shows how much work was done: searches look at it after so much each.
class CountedClock final : public Clock {
 public:
  absl::Time Now() const override {
    ++readings_;
    return absl::UnixEpoch();
  }
  size_t readings() const { return readings_; }

 private:
  mutable size_t readings_ = 0;
};

size_t Work(const ShardFile& shard, const ShardQuery& query, FixedScore threshold) {
  const CountedClock clock;
  const Cancellation cancellation(clock, absl::InfiniteFuture());
  const SearchOptions options{.k = 10,
                              .total = TotalMode::kLowerBound,
                              .score_threshold = threshold,
                              .cancellation = &cancellation};
  EXPECT_TRUE(SearchShard(shard, query, options).ok());
  return clock.readings();
}

TEST(ScoreThresholdWork, IsLessWhenTheThresholdIsHigh) {
  std::mt19937 random(TestSeed(78));
  const SearchIndex index(
      RandomCorpus(random, {.docs = 150'000, .vocabulary = 2000, .mean_tokens = 10}), 1);
  ShardQuery mixed = ShardQuery::AllOf(Words({"w1"}));
  mixed.should = Words({"w2", "w9"});
  for (const ShardQuery& query :
       {ShardQuery::AnyOf(Words({"w1", "w2", "w9"})), ShardQuery::AllOf(Words({"w0", "w1"})), mixed,
        ShardQuery::Phrase({"w0", "w1"})}) {
    SCOPED_TRACE(Describe(query));
    const auto best = SearchShard(index.shard(0), query, {.k = 1});
    ASSERT_TRUE(best.ok()) << best.status();
    const FixedScore highest = best->hits.at(0).score;
    EXPECT_LT(Work(index.shard(0), query, highest), Work(index.shard(0), query, 0));
    EXPECT_LT(Work(index.shard(0), query, 3 * highest), Work(index.shard(0), query, highest));
  }
}

}  // namespace
}  // namespace canopy
