// How long a search can go without looking at its deadline, in processor time of its thread: what
// "stops within a millisecond" stands on. The limit leaves room for slow machines; the figures are
// printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/cancellation.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/strings.h"
#include "shard/shard_searcher.h"
#include "tests/shard/search_index.h"
#include "tests/support/naive_oracle.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr absl::Duration kMostPause = absl::Milliseconds(100);
#else
constexpr absl::Duration kMostPause = absl::Milliseconds(5);
#endif

absl::Duration ThreadTime() {
  timespec time;
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return absl::DurationFromTimespec(time);
}

// Stands still, and measures the time between its readings.
class PauseClock final : public Clock {
 public:
  absl::Time Now() const override {
    const absl::Duration now = ThreadTime();
    longest_ = std::max(longest_, now - last_);
    last_ = now;
    ++readings_;
    return absl::UnixEpoch();
  }
  absl::Duration longest() const { return longest_; }
  size_t readings() const { return readings_; }

 private:
  mutable absl::Duration last_ = ThreadTime(), longest_;
  mutable size_t readings_ = 0;
};

std::string Rare(size_t i) { return Concat("rare", i); }
std::string Frequent(size_t i) { return Concat("frequent", i); }

// As many as a root lets through.
constexpr size_t kRare = 16'384;
constexpr size_t kFrequent = 80;

// Short documents, then some that are as long as they can be before phrases take another way, and
// some that are longer.
std::vector<OracleDoc> Corpus() {
  std::mt19937 random(TestSeed(20240607));
  std::vector<OracleDoc> docs(150'000);
  for (OracleDoc& doc : docs) {
    std::vector<std::string> title, body;
    for (size_t i = 0; i < kFrequent; i += 1 + random() % 30) title.push_back(Frequent(i));
    for (size_t n = 0; n < 2; ++n) body.push_back(Rare(random() % kRare));
    doc.fields = {{"title", std::move(title)}, {"body", std::move(body)}};
  }
  for (size_t i = 0; i < 60; ++i) {
    std::vector<std::string>& body = docs[i * 1000].fields[1].second;
    for (size_t n = i % 3 == 0 ? 100'000 : 50'000; n > 0; --n) {
      body.push_back(n % 3 == 0 ? "a" : "b");
    }
    body.push_back("end");
  }
  return docs;
}

class SearchPauseTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { index_ = new SearchIndex(Corpus(), /*num_shards=*/1); }
  static void TearDownTestSuite() { delete index_; }

  // The longest pause of a search, its beginning and its end included.
  static absl::Duration LongestPause(const ShardQuery& query, uint32_t k, size_t& looks) {
    const PauseClock clock;
    const Cancellation cancellation(clock, absl::InfiniteFuture());
    SearchOptions options;
    options.k = k;
    options.cancellation = &cancellation;
    EXPECT_TRUE(SearchShard(index_->shard(0), query, options).ok());
    looks = clock.readings();
    clock.Now();
    return clock.longest();
  }

  void ExpectShortPauses(const std::string& name, const ShardQuery& query) {
    for (const uint32_t k : {0u, 10u, 10'000u}) {
      size_t looks = 0;
      absl::Duration pause = absl::InfiniteDuration();
      for (int run = 0; run < 3; ++run) pause = std::min(pause, LongestPause(query, k, looks));
      std::printf("%-32s k %5u: longest pause %s, %zu looks\n", name.c_str(), k,
                  absl::FormatDuration(pause).c_str(), looks);
      EXPECT_LE(pause, kMostPause) << name << ", k = " << k;
    }
  }

  static SearchIndex* index_;
};

SearchIndex* SearchPauseTest::index_ = nullptr;

std::vector<ShardQuery> Terms(size_t n, std::string (*word)(size_t)) {
  std::vector<ShardQuery> terms;
  for (size_t i = 0; i < n; ++i) terms.push_back(ShardQuery::Term(word(i)));
  return terms;
}

TEST_F(SearchPauseTest, SearchesOfManyTerms) {
  ShardQuery rare = ShardQuery::AnyOf(Terms(kRare, Rare));
  ExpectShortPauses("rare terms", rare);
  rare.minimum_should_match = 2;
  ExpectShortPauses("two of the rare terms", rare);
  ExpectShortPauses("60 frequent terms", ShardQuery::AnyOf(Terms(60, Frequent)));
  ExpectShortPauses("80 frequent terms", ShardQuery::AnyOf(Terms(kFrequent, Frequent)));
  ExpectShortPauses("all of 2 frequent terms", ShardQuery::AllOf(Terms(2, Frequent)));
  ExpectShortPauses("1,000 times everything",
                    ShardQuery::AnyOf(std::vector<ShardQuery>(1000, ShardQuery::MatchAll())));
}

TEST_F(SearchPauseTest, SearchesOfPhrases) {
  ExpectShortPauses("phrase", ShardQuery::Phrase({Frequent(0), Frequent(1)}));
  ExpectShortPauses("sloppy phrase", ShardQuery::Phrase({Frequent(0), Frequent(9)}, 5));
  ExpectShortPauses("phrase in a field",
                    ShardQuery::Phrase({Frequent(0), Frequent(1)}, 0, "title"));
  std::vector<ShardQuery> phrases;
  for (size_t i = 0; i < 1000; ++i) {
    phrases.push_back(ShardQuery::Phrase({Frequent(i % 50), Frequent(i % 70)}, 3));
  }
  ExpectShortPauses("1,000 phrases", ShardQuery::AnyOf(std::move(phrases)));
}

TEST_F(SearchPauseTest, SearchesOfPhrasesInLongDocuments) {
  ExpectShortPauses("a b", ShardQuery::Phrase({"a", "b"}));
  ExpectShortPauses("b b a", ShardQuery::Phrase({"b", "b", "a"}));
  std::vector<std::string> many;
  for (size_t i = 0; i < 100; ++i) many.push_back(i % 3 == 0 ? "a" : "b");
  ExpectShortPauses("100 terms", ShardQuery::Phrase(many));
  std::vector<std::string> never(999, "b");
  never.push_back("end");
  ExpectShortPauses("1,000 terms that only end", ShardQuery::Phrase(never));
  ExpectShortPauses("sloppy with repetitions",
                    ShardQuery::Phrase({"b", "a", "b", "a", "b"}, 100'000));
}

}  // namespace
}  // namespace canopy
