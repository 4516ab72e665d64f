// Whatever the query, and whenever its deadline passes, a search that looks at the clock then ends
// at once. How long it may be between two looks is measured by search_pause_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/cancellation.h"
#include "base/clock.h"
#include "base/strings.h"
#include "shard/shard_searcher.h"
#include "tests/shard/search_index.h"
#include "tests/support/naive_oracle.h"

namespace canopy {
namespace {

// Every deadline has passed from one of its readings on.
class CountedClock final : public Clock {
 public:
  explicit CountedClock(size_t last_reading) : last_reading_(last_reading) {}
  absl::Time Now() const override {
    return ++readings_ < last_reading_ ? absl::UnixEpoch() : absl::UnixEpoch() + absl::Hours(2);
  }
  size_t readings() const { return readings_; }

 private:
  const size_t last_reading_;
  mutable size_t readings_ = 0;
};

struct NamedQuery {
  std::string name;
  ShardQuery query;
};

// Terms: "every" in all documents, "half", "third", ... "m<n>" in every n-th, "few" in every
// 5,000th.
std::vector<OracleDoc> Corpus() {
  std::vector<OracleDoc> docs(70'000);
  for (size_t i = 0; i < docs.size(); ++i) {
    std::vector<std::string> title = {"every"}, body = {"every"};
    for (size_t n = 2; n <= 12; ++n) {
      if (i % n == 0) (n % 2 == 0 ? title : body).push_back(Concat("m", n));
    }
    if (i % 5000 == 0) body.push_back("few");
    docs[i].fields = {{"title", std::move(title)}, {"body", std::move(body)}};
  }
  // Where a phrase of repeated words has much to try.
  for (size_t i = 0; i < 3000; ++i) docs[7].fields[1].second.push_back(i % 2 == 0 ? "x" : "y");
  return docs;
}

std::vector<ShardQuery> Terms(const std::vector<std::string>& words) {
  std::vector<ShardQuery> terms;
  for (const std::string& word : words) terms.push_back(ShardQuery::Term(word));
  return terms;
}

std::vector<NamedQuery> Queries() {
  std::vector<ShardQuery> dozens;
  for (size_t i = 0; i < 66; ++i) dozens.push_back(ShardQuery::Term(Concat("m", 2 + i % 11)));
  ShardQuery several = ShardQuery::AnyOf(Terms({"m2", "m3", "m4", "m5", "few"}));
  several.minimum_should_match = 3;
  ShardQuery without = ShardQuery::AllOf({several, ShardQuery::Phrase({"every", "m2"})});
  without.must_not = Terms({"m7", "absent"});
  std::vector<std::string> repeated;
  for (size_t i = 0; i < 60; ++i) repeated.push_back(i % 2 == 0 ? "y" : "x");
  return {{"one term", ShardQuery::Term("m2")},
          {"few matches", ShardQuery::AllOf(Terms({"few", "m2"}))},
          {"intersection", ShardQuery::AllOf(Terms({"every", "m2", "m3"}))},
          {"union", ShardQuery::AnyOf(Terms({"m2", "m3", "m5", "few"}))},
          {"phrase", ShardQuery::Phrase({"every", "m2"})},
          {"long phrase", ShardQuery::Phrase({"every", "m2", "m4"})},
          {"sloppy phrase", ShardQuery::Phrase({"m2", "every", "m4"}, 5)},
          {"sloppy phrase with repetitions", ShardQuery::Phrase(repeated, 1000)},
          {"term in a field", ShardQuery::Term("every", "body")},
          {"phrase in a field", ShardQuery::Phrase({"every", "m2"}, 0, "title")},
          {"union of many", ShardQuery::AnyOf(dozens)},
          {"several of", several},
          {"all of, without", without},
          {"constant", ShardQuery::ConstantScore(ShardQuery::AnyOf(dozens), 2)},
          {"everything", ShardQuery::MatchAll()}};
}

class SearchDeadlineTest : public testing::TestWithParam<uint32_t> {
 protected:
  static void SetUpTestSuite() {
    index_ = std::make_unique<SearchIndex>(Corpus(), /*num_shards=*/1);
  }
  static void TearDownTestSuite() { index_.reset(); }

  absl::Status Search(const ShardQuery& query, const Clock& clock) {
    const Cancellation cancellation(clock, absl::UnixEpoch() + absl::Hours(1));
    SearchOptions options;
    options.k = GetParam();
    options.cancellation = &cancellation;
    return SearchShard(index_->shard(0), query, options).status();
  }

  static std::unique_ptr<SearchIndex> index_;
};

std::unique_ptr<SearchIndex> SearchDeadlineTest::index_;

TEST_P(SearchDeadlineTest, ASearchEndsWhenItSeesThatItsDeadlineHasPassed) {
  constexpr size_t kMostReadings = 200;
  for (const auto& [name, query] : Queries()) {
    SCOPED_TRACE(name);
    const CountedClock patient(/*last_reading=*/SIZE_MAX);
    ASSERT_EQ(Search(query, patient), absl::OkStatus());
    ASSERT_GE(patient.readings(), 1u);
    for (size_t last = 1; last <= std::min(patient.readings(), kMostReadings); ++last) {
      const CountedClock clock(last);
      ASSERT_EQ(Search(query, clock).code(), absl::StatusCode::kDeadlineExceeded) << last;
      ASSERT_LE(clock.readings(), last + 2);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryK, SearchDeadlineTest, testing::Values(0, 10, 10'000),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace canopy
