// Random corpora and random queries of every kind: any number of shards, both strategies and every
// processor level answer exactly as the naive oracle does: totals, documents, order and the bits of
// the scores.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/strings.h"
#include "shard/cpu_level.h"
#include "shard/shard_searcher.h"
#include "tests/shard/search_index.h"
#include "tests/support/naive_oracle.h"

namespace canopy {
namespace {

// CANOPY_TEST_SEED gives another one.
uint32_t Seed() {
  const char* const text = std::getenv("CANOPY_TEST_SEED");
  return text == nullptr ? 20240607 : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

OracleAnswer First(const OracleAnswer& answer, size_t k, FixedScore threshold = 0) {
  OracleAnswer first{answer.total, {}};
  for (const OracleHit& hit : answer.hits) {
    if (first.hits.size() < k && hit.score >= threshold) first.hits.push_back(hit);
  }
  return first;
}

void ExpectSame(const OracleAnswer& found, const OracleAnswer& expected) {
  EXPECT_EQ(found.total, expected.total);
  ASSERT_EQ(found.hits.size(), expected.hits.size());
  for (size_t i = 0; i < expected.hits.size(); ++i) {
    ASSERT_EQ(found.hits[i].doc, expected.hits[i].doc) << "at rank " << i;
    ASSERT_EQ(found.hits[i].score, expected.hits[i].score) << "at rank " << i;
  }
}

// Both strategies, counting and not, several k, thresholds.
void ExpectAnswersOf(const NaiveOracle& oracle, const SearchIndex& index, const ShardQuery& query) {
  const OracleAnswer all = oracle.Search(query, oracle.docs().size());
  for (const SearchStrategy strategy : {SearchStrategy::kPruned, SearchStrategy::kExhaustive}) {
    SCOPED_TRACE(strategy == SearchStrategy::kPruned ? "pruned" : "exhaustive");
    SearchOptions options;
    options.strategy = strategy;
    for (const uint32_t k : {1u, 10u, 1000u}) {
      SCOPED_TRACE(Concat("k = ", k));
      options.k = k;
      ExpectSame(index.Search(query, options), First(all, k));
    }
    options.k = 0;
    EXPECT_EQ(index.Search(query, options).total, all.total);
    options.k = 10;
    if (all.hits.size() > 20) {
      // A threshold at the score of the sixth leaves six, and those that tie with it.
      options.score_threshold = all.hits[5].score;
      ExpectSame(index.Search(query, options), First(all, 10, options.score_threshold));
      options.score_threshold = 0;
    }
    options.total = TotalMode::kLowerBound;
    const OracleAnswer found = index.Search(query, options);
    EXPECT_LE(found.total, all.total);
    EXPECT_EQ(found.hits, First(all, 10).hits);
  }
}

struct Case {
  CpuLevel level;
  uint32_t num_shards;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const CpuLevel level : SupportedCpuLevels()) {
    for (const uint32_t num_shards : {1u, 2u, 3u, 8u}) {
      // Every number of shards at the highest level; one and three at the others.
      if (level == DetectCpuLevel() || num_shards == 1 || num_shards == 3) {
        cases.push_back({level, num_shards});
      }
    }
  }
  return cases;
}

class SearchOracleTest : public testing::TestWithParam<Case> {
 protected:
  SearchOracleTest() : level_(GetParam().level), random_(Seed()) {
    std::cout << "seed " << Seed() << "\n";
  }

  void ExpectRandomQueriesAnswered(const RandomCorpusOptions& corpus, size_t queries,
                                   double deleted_share = 0) {
    const std::vector<OracleDoc> docs = RandomCorpus(random_, corpus);
    NaiveOracle::Options oracle_options;
    for (DocId doc = 0; doc < docs.size(); ++doc) {
      if (std::uniform_real_distribution<double>(0, 1)(random_) < deleted_share) {
        oracle_options.deleted.insert(doc);
      }
    }
    const NaiveOracle oracle(docs, oracle_options);
    const SearchIndex index(docs, GetParam().num_shards, oracle_options.deleted);
    for (size_t i = 0; i < queries && !HasFailure(); ++i) {
      RandomQueryOptions options{corpus.vocabulary, corpus.fields, static_cast<int>(i % 4)};
      const ShardQuery query = RandomQuery(random_, options);
      SCOPED_TRACE(Concat("query ", i, ": ", Describe(query)));
      ExpectAnswersOf(oracle, index, query);
    }
  }

  ScopedCpuLevel level_;
  std::mt19937 random_;
};

TEST_P(SearchOracleTest, AnswersQueriesOverSeveralFields) {
  ExpectRandomQueriesAnswered({.docs = 1500}, 120);
}

TEST_P(SearchOracleTest, AnswersQueriesOverOneField) {
  ExpectRandomQueriesAnswered({.docs = 1000, .vocabulary = 40, .fields = {"text"}}, 80);
}

TEST_P(SearchOracleTest, AnswersQueriesWithDeletedDocuments) {
  ExpectRandomQueriesAnswered({.docs = 1000, .vocabulary = 60}, 80, 0.3);
}

TEST_P(SearchOracleTest, AnswersQueriesOverManyIdenticalDocuments) {
  ExpectRandomQueriesAnswered({.docs = 1000, .vocabulary = 8, .mean_tokens = 1, .copies = 0.95},
                              60);
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, SearchOracleTest, testing::ValuesIn(Cases()),
                         [](const auto& info) {
                           return std::string(CpuLevelName(info.param.level)) + "_" +
                                  std::to_string(info.param.num_shards) + "_shards";
                         });

}  // namespace
}  // namespace canopy
