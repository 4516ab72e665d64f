// Queries and documents at the limits where a search goes another way, or is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "shard/flat_query.h"
#include "shard/query_validation.h"
#include "shard/shard_searcher.h"
#include "tests/shard/search_index.h"
#include "tests/support/naive_oracle.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

OracleDoc Doc(std::vector<std::string> text) { return {{{"text", std::move(text)}}}; }

std::string Word(size_t i) { return Concat("v", i); }

std::vector<std::string> Words(size_t n) {
  std::vector<std::string> words;
  for (size_t i = 0; i < n; ++i) words.push_back(Word(i));
  return words;
}

std::vector<ShardQuery> Terms(size_t n) {
  std::vector<ShardQuery> terms;
  for (size_t i = 0; i < n; ++i) terms.push_back(ShardQuery::Term(Word(i)));
  return terms;
}

void ExpectAnswers(const std::vector<OracleDoc>& docs, const std::vector<ShardQuery>& queries) {
  const NaiveOracle oracle(docs);
  const SearchIndex index(docs, /*num_shards=*/1);
  for (size_t i = 0; i < queries.size(); ++i) {
    SCOPED_TRACE(Concat("query ", i));
    ExpectAnswersOf(oracle, index, queries[i]);
  }
}

TEST(SearchLimitsTest, AsManyTermsAsTheFastWaysTakeAndOneMore) {
  std::mt19937 random(TestSeed(20240607));
  std::vector<OracleDoc> docs;
  for (size_t i = 0; i < 1500; ++i) {
    std::vector<std::string> text;
    for (size_t word = 0; word <= kMaxFlatTerms; ++word) {
      if (i % 3 != 0 || random() % 40 != 0) text.push_back(Word(word));
    }
    docs.push_back(Doc(std::move(text)));
  }
  std::vector<ShardQuery> queries;
  for (const size_t n : {kMaxFlatTerms, kMaxFlatTerms + 1}) {
    queries.push_back(ShardQuery::AnyOf(Terms(n)));
    queries.push_back(ShardQuery::AllOf(Terms(n)));
    queries.push_back(ShardQuery::AllOf(Terms(1)));
    queries.back().must_not = Terms(n);
    queries.back().must_not.erase(queries.back().must_not.begin());
  }
  ExpectAnswers(docs, queries);
}

TEST(SearchLimitsTest, PhrasesOfMoreDistinctTermsThanTheFastWaysTake) {
  const std::vector<std::string> phrase = Words(kMaxFlatTerms + 1);
  std::vector<OracleDoc> docs;
  for (size_t i = 0; i < 40; ++i) {
    std::vector<std::string> text = phrase;
    if (i % 4 == 1) text.pop_back();
    if (i % 4 == 2) std::swap(text[kMaxFlatTerms - 1], text[kMaxFlatTerms]);
    if (i % 8 == 3) text.insert(text.end(), phrase.begin(), phrase.end());
    docs.push_back(Doc(std::move(text)));
  }
  ExpectAnswers(docs, {ShardQuery::Phrase(phrase), ShardQuery::Phrase(phrase, 3),
                       ShardQuery::AnyOf({ShardQuery::Phrase(phrase), ShardQuery::Term(Word(3))})});
}

TEST(SearchLimitsTest, PhrasesOfOneTermThatScoreNothing) {
  std::vector<OracleDoc> docs;
  for (size_t i = 0; i < 1500; ++i) docs.push_back(Doc(Words(i % 9)));
  std::vector<ShardQuery> queries;
  for (const uint32_t slop : {0u, 3u}) {
    queries.push_back(ShardQuery::Phrase({Word(2)}, slop));
    queries.back().boost = 0;
    queries.push_back(ShardQuery::AnyOf({queries.back()}));
  }
  ExpectAnswers(docs, queries);
}

TEST(SearchLimitsTest, PhrasesInDocumentsThatAreTooLongForSlices) {
  std::vector<OracleDoc> docs;
  for (const size_t length : {10u, 49'176u, 53'271u, 53'272u, 65'536u, 70'000u}) {
    for (const size_t last : {0u, 1u}) {
      std::vector<std::string> text(length, "b");
      for (size_t i = 0; i + 3 < length; i += 7) text[i] = "a";
      text[length - 2] = "c";  // with "d" behind it, or not
      text[length - 1] = last == 0 ? "d" : "c";
      docs.push_back(Doc(std::move(text)));
    }
  }
  ExpectAnswers(docs, {ShardQuery::Phrase({"a", "b"}), ShardQuery::Phrase({"b", "b", "a"}),
                       ShardQuery::Phrase({"c", "d"}), ShardQuery::Phrase({"b", "c", "d"}),
                       ShardQuery::Phrase({"d", "b"}, 100'000), ShardQuery::Phrase({"b", "b"}, 2)});
}

TEST(SearchLimitsTest, PhrasesWithAFrequencyAboveAByteInABlockOfPositions) {
  std::vector<OracleDoc> docs;
  for (size_t i = 0; i <= 128; ++i) {
    std::vector<std::string> text(i == 60 ? 300 : 1, "a");
    if (i % 2 == 0) text.push_back("b");
    if (i == 59 || i == 61 || i == 128) text.insert(text.end(), {"c", "a"});
    docs.push_back(Doc(std::move(text)));
  }
  // Nearly all postings of a block are wanted, or only a few.
  ExpectAnswers(docs, {ShardQuery::Phrase({"a", "b"}), ShardQuery::Phrase({"a", "a"}),
                       ShardQuery::Phrase({"c", "a"}), ShardQuery::Phrase({"a", "c"}),
                       ShardQuery::Phrase({"a", "b"}, 4)});
}

TEST(SearchLimitsTest, SloppyPhrasesWithRepetitions) {
  std::mt19937 random(TestSeed(20240607));
  std::vector<OracleDoc> docs;
  for (size_t i = 0; i < 300; ++i) {
    std::vector<std::string> text;
    for (size_t n = 1 + random() % 30; n > 0; --n) text.push_back(Word(random() % 4));
    docs.push_back(Doc(std::move(text)));
  }
  std::vector<ShardQuery> queries;
  for (size_t i = 0; i < 60; ++i) {
    std::vector<std::string> phrase;
    for (size_t n = 2 + random() % 6; n > 0; --n) phrase.push_back(Word(random() % 3));
    queries.push_back(ShardQuery::Phrase(phrase, 1 + random() % 12));
  }
  ExpectAnswers(docs, queries);
}

// The average length of the field is that of the documents that have it, and 100 times the average
// that the bounds in the file were made for.
TEST(SearchLimitsTest, ScoresThatHaveGrownSinceTheBoundsWereMade) {
  std::mt19937 random(TestSeed(20240607));
  std::vector<OracleDoc> docs(70'000);
  for (size_t i = 0; i < docs.size(); i += 100) {
    std::vector<std::string> text;
    for (size_t n = 1 + random() % 30; n > 0; --n) text.push_back(Word(random() % 4));
    docs[i] = Doc(std::move(text));
  }
  const ShardQuery field0 = ShardQuery::Term(Word(0), "text"), term1 = ShardQuery::Term(Word(1));
  const ShardQuery field1 = ShardQuery::Term(Word(1), "text");
  ExpectAnswers(docs, {field0, ShardQuery::AnyOf({field0, field1}),
                       ShardQuery::AnyOf({field0, term1}), ShardQuery::AllOf({field0, field1}),
                       ShardQuery::Phrase({Word(0), Word(1)}, 0, "text")});
}

class QueryValidationTest : public testing::Test {
 protected:
  absl::Status Search(const ShardQuery& query) const {
    return SearchShard(index_.shard(0), query, SearchOptions()).status();
  }
  void ExpectRefused(const ShardQuery& query, const std::string& text) const {
    const absl::Status status = Search(query);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(Message(status)), HasSubstr(text));
  }
  // Each around the ones before it.
  static ShardQuery Boosted(const std::vector<float>& boosts) {
    ShardQuery query = ShardQuery::Term("a");
    query.boost = boosts[0];
    for (size_t i = 1; i < boosts.size(); ++i) {
      query = ShardQuery::AnyOf({query});
      query.boost = boosts[i];
    }
    return query;
  }

  const SearchIndex index_{{Doc({"a", "b"}), Doc({"a"}), Doc({"a"})}, /*num_shards=*/1};
};

TEST_F(QueryValidationTest, PhrasesOfTooManyTermsAreRefused) {
  std::vector<std::string> terms(kMaxPhraseTerms, "a");
  for (const uint32_t slop : {0u, 5u}) {
    EXPECT_EQ(Search(ShardQuery::Phrase(terms, slop)), absl::OkStatus());
  }
  terms.push_back("a");
  for (const uint32_t slop : {0u, 5u}) {
    ExpectRefused(ShardQuery::Phrase(terms, slop),
                  "a phrase has 1001 terms, the limit is 1000 (kMaxPhraseTerms)");
  }
}

TEST_F(QueryValidationTest, BoostsThatOverflowOnTheWayAreRefused) {
  // Multiplied from the last, the outermost, to the first.
  ExpectRefused(Boosted({1e-30f, 1e-30f, 1e30f, 1e30f}), "add up to inf, the limit is");
  EXPECT_EQ(Search(Boosted({1e30f, 1e-30f, 1e30f, 1e-30f})), absl::OkStatus());
  ExpectRefused(Boosted({1e4f, 1e4f}), "the limit is");
}

TEST_F(QueryValidationTest, TreesThatAreTooDeepOrTooWideAreRefused) {
  EXPECT_EQ(Search(Boosted(std::vector<float>(kMaxShardQueryDepth, 1))), absl::OkStatus());
  ExpectRefused(Boosted(std::vector<float>(kMaxShardQueryDepth + 1, 1)),
                "nested more than 100 deep, the limit (kMaxShardQueryDepth)");
  std::vector<ShardQuery> many(kMaxShardQueryClauses, ShardQuery::Term("a"));
  EXPECT_EQ(Search(ShardQuery::AnyOf(many)), absl::OkStatus());
  many.push_back(ShardQuery::Term("a"));
  ExpectRefused(ShardQuery::AnyOf(many),
                "more than 65536 terms, the limit (kMaxShardQueryClauses)");
}

}  // namespace
}  // namespace canopy
