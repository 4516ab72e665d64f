// Top-k search by words (word_top_k.h) on a corpus that reaches all of it: several chunks, every
// kind of container, words at every share of the documents, clusters, frequencies that do not fit
// their byte, deleted documents. The exhaustive search answers as the naive oracle does, and the
// pruned search, at every processor level, as the exhaustive one: totals, documents, order and the
// bits of the scores.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "shard/cpu_level.h"
#include "shard/shard_searcher.h"
#include "tests/shard/search_index.h"
#include "tests/support/naive_oracle.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

constexpr size_t kDocs = 140000;
constexpr size_t kClusterDocs = 500;  // words are frequent or rare for so many documents
constexpr uint32_t kMostHits = 2000;
// Of the documents that have w0, w1, ..., on average over clusters a third more.
constexpr double kShares[] = {0.9,  0.5,  0.3,   0.1,   0.06,  0.04,  0.03,
                              0.02, 0.01, 0.006, 0.003, 0.001, 0.0005};
constexpr size_t kWords = std::size(kShares);

class Random final {
 public:
  size_t Below(size_t n) { return engine_() % n; }
  bool Chance(double share) {
    return std::uniform_real_distribution<double>(0, 1)(engine_) < share;
  }
  std::mt19937& engine() { return engine_; }

 private:
  std::mt19937 engine_{TestSeed(20240607)};
};

size_t RandomFrequency(Random& random) {
  if (random.Chance(0.0005)) return 250 + random.Below(20);
  const size_t tf = random.Chance(0.3) ? 1 + random.Below(3) : 1;
  return random.Chance(0.02) ? tf * 20 : tf;
}

std::vector<OracleDoc> MakeCorpus(Random& random) {
  std::vector<OracleDoc> docs(kDocs);
  double factor = 1;
  for (size_t i = 0; i < docs.size(); ++i) {
    if (i % kClusterDocs == 0) factor = random.Chance(0.5) ? 2.5 : 0.2;
    std::vector<std::string> text;
    for (size_t word = 0; word < kWords; ++word) {
      if (!random.Chance(std::min(0.95, kShares[word] * factor))) continue;
      text.insert(text.end(), RandomFrequency(random), Concat("w", word));
    }
    if (random.Chance(0.3)) std::shuffle(text.begin(), text.end(), random.engine());
    if (random.Chance(0.95)) docs[i].fields.emplace_back("text", std::move(text));
  }
  return docs;
}

std::string RandomWord(Random& random) { return Concat("w", random.Below(kWords)); }

ShardQuery RandomTerm(Random& random) {
  ShardQuery term = ShardQuery::Term(RandomWord(random), random.Chance(0.2) ? "text" : "");
  if (random.Chance(0.25)) term.boost = 0.1f * static_cast<float>(1 + random.Below(30));
  return term;
}

std::vector<ShardQuery> RandomTerms(Random& random, size_t n) {
  std::vector<ShardQuery> terms;
  for (; n > 0; --n) terms.push_back(RandomTerm(random));
  return terms;
}

ShardQuery RandomIntersection(Random& random) {
  std::vector<ShardQuery> terms;
  for (size_t n = 1 + random.Below(4); n > 0; --n) {
    terms.push_back(ShardQuery::Term(Concat("w", random.Below(8))));
  }
  return ShardQuery::AllOf(terms);
}

ShardQuery RandomMixture(Random& random) {
  ShardQuery query;
  query.kind = ShardQuery::Kind::kBoolean;
  query.must = RandomTerms(random, random.Below(3));
  query.should = RandomTerms(random, random.Below(4));
  query.filter = RandomTerms(random, random.Below(2));
  query.must_not = RandomTerms(random, random.Below(3));
  if (random.Chance(0.4)) query.minimum_should_match = random.Below(2);
  return query;
}

ShardQuery RandomPhrase(Random& random) {
  const size_t first = random.Below(9);
  if (random.Chance(0.5)) {
    return ShardQuery::Phrase({Concat("w", first), Concat("w", first + random.Below(2))});
  }
  std::vector<std::string> words(2 + random.Below(2));
  for (std::string& word : words) word = RandomWord(random);
  return ShardQuery::Phrase(words);
}

ShardQuery RandomQueryOfKind(Random& random, size_t kind) {
  switch (kind % 5) {
    case 0:
      return ShardQuery::AnyOf(RandomTerms(random, 1 + random.Below(6)));
    case 1:
      return RandomIntersection(random);
    case 2:
      return RandomPhrase(random);
    default:
      return RandomMixture(random);
  }
}

std::vector<OracleHit> First(const OracleAnswer& answer, size_t k, FixedScore threshold) {
  std::vector<OracleHit> first;
  for (const OracleHit& hit : answer.hits) {
    if (first.size() < k && hit.score >= threshold) first.push_back(hit);
  }
  return first;
}

// `all` has the best kMostHits.
void ExpectPrunedAnswers(const SearchIndex& index, const ShardQuery& query,
                         const OracleAnswer& all) {
  const FixedScore eighth = all.hits.size() < 8 ? 0 : all.hits[7].score;
  for (const CpuLevel level : SupportedCpuLevels()) {
    const ScopedCpuLevel scoped(level);
    SCOPED_TRACE(CpuLevelName(level));
    SearchOptions options;
    for (const TotalMode mode : {TotalMode::kExact, TotalMode::kLowerBound}) {
      options.total = mode;
      for (const FixedScore threshold : std::set<FixedScore>{0, eighth}) {
        options.score_threshold = threshold;
        for (const uint32_t k : {1u, 10u, 100u, kMostHits}) {
          SCOPED_TRACE(Concat("k = ", k, ", threshold ", threshold));
          options.k = k;
          const OracleAnswer found = index.Search(query, options);
          EXPECT_TRUE(found.hits == First(all, k, threshold));
          if (mode == TotalMode::kExact) {
            EXPECT_EQ(found.total, all.total);
          } else {
            EXPECT_LE(found.total, all.total);
          }
        }
      }
    }
    options = {};
    options.k = 0;
    EXPECT_EQ(index.Search(query, options).total, all.total);
  }
}

struct Case {
  uint32_t num_shards;
  double deleted_share;
};

class WordPathOracleTest : public testing::TestWithParam<Case> {
 protected:
  WordPathOracleTest() : docs_(MakeCorpus(random_)) {
    for (DocId doc = 0; doc < docs_.size(); ++doc) {
      if (random_.Chance(GetParam().deleted_share)) options_.deleted.insert(doc);
    }
  }

  Random random_;
  const std::vector<OracleDoc> docs_;
  NaiveOracle::Options options_;
};

TEST_P(WordPathOracleTest, EveryQueryIsAnsweredExactly) {
  constexpr size_t kQueries = 75, kOracleQueries = 10;
  const NaiveOracle oracle(docs_, options_);
  const SearchIndex index(docs_, GetParam().num_shards, options_.deleted);
  SearchOptions exhaustive;
  exhaustive.strategy = SearchStrategy::kExhaustive;
  exhaustive.k = kMostHits;
  for (size_t i = 0; i < kQueries && !HasFailure(); ++i) {
    const ShardQuery query = RandomQueryOfKind(random_, i);
    SCOPED_TRACE(Concat("query ", i, ": ", Describe(query)));
    const OracleAnswer all = index.Search(query, exhaustive);
    if (i < kOracleQueries) {
      const OracleAnswer expected = oracle.Search(query, kMostHits);
      EXPECT_EQ(all.total, expected.total);
      EXPECT_TRUE(all.hits == expected.hits);
    }
    ExpectPrunedAnswers(index, query, all);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryCase, WordPathOracleTest,
                         testing::Values(Case{1, 0}, Case{1, 0.3}, Case{2, 0}, Case{2, 0.3}),
                         [](const auto& info) {
                           return Concat(info.param.num_shards, "_shards_",
                                         info.param.deleted_share > 0 ? "with" : "without",
                                         "_deleted_documents");
                         });

// What the tests above are worth depends on it.
TEST(WordPathCorpus, HasEveryKindOfContainer) {
  Random random;
  const SearchIndex index(MakeCorpus(random), 1);
  size_t bitsets = 0, arrays_with_bounds = 0, arrays_without = 0, long_terms = 0, escapes = 0;
  for (size_t word = 0; word < kWords; ++word) {
    const auto term = index.shard(0).FindTerm(Concat("w", word));
    ASSERT_TRUE(term.ok() && term->has_value());
    const auto postings = index.shard(0).Postings(**term);
    ASSERT_TRUE(postings.ok());
    EXPECT_GE(postings->containers().size(), 3u);
    long_terms += postings->df() > 1024 ? 1 : 0;  // fewer are all scored
    escapes += postings->frequencies().escapes.size();
    for (const ContainerView& container : postings->containers()) {
      if (container.bitset != nullptr) {
        ++bitsets;
      } else {
        ++(container.word_bounds != nullptr ? arrays_with_bounds : arrays_without);
      }
    }
  }
  EXPECT_GE(bitsets, 10u);
  EXPECT_GE(arrays_with_bounds, 3u);
  EXPECT_GE(arrays_without, 5u);
  EXPECT_GE(long_terms, 9u);
  EXPECT_GE(escapes, 50u);
}

}  // namespace
}  // namespace canopy
