// Random corpora and random queries of every kind: any number of shards, both strategies and every
// processor level answer exactly as the naive oracle does: totals, documents, order and the bits of
// the scores.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/strings.h"
#include "shard/cpu_level.h"
#include "tests/shard/search_index.h"
#include "tests/support/naive_oracle.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

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
  SearchOracleTest() : level_(GetParam().level), random_(TestSeed(20240607)) {}

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

// Of two to five words, of which the rarest stand anywhere.
TEST_P(SearchOracleTest, AnswersPhrasesThatOccur) {
  constexpr size_t kWords = 4;
  const std::vector<OracleDoc> docs =
      RandomCorpus(random_, {.docs = 500, .vocabulary = kWords, .mean_tokens = 40});
  const NaiveOracle oracle(docs, {});
  const SearchIndex index(docs, GetParam().num_shards);
  size_t occurring = 0;
  for (size_t i = 0; i < 60 && !HasFailure(); ++i) {
    std::vector<std::string> words(2 + i % 4);
    for (std::string& word : words) word = RandomWord(random_, kWords);
    const ShardQuery query = ShardQuery::Phrase(words);
    SCOPED_TRACE(Describe(query));
    occurring += oracle.Search(query, 1).total > 1 ? 1 : 0;
    ExpectAnswersOf(oracle, index, query);
  }
  EXPECT_GT(occurring, 20u);
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, SearchOracleTest, testing::ValuesIn(Cases()),
                         [](const auto& info) {
                           return std::string(CpuLevelName(info.param.level)) + "_" +
                                  std::to_string(info.param.num_shards) + "_shards";
                         });

}  // namespace
}  // namespace canopy
