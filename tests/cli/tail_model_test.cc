#include "cli/tail_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace canopy {
namespace {

// 99 of 100 calls take 10 ms, the others 100 ms.
Histogram OneInAHundredIsSlow() {
  Histogram calls;
  calls.RecordMany(10'000, 9'900);
  calls.RecordMany(100'000, 100);
  return calls;
}

void ExpectNear(uint64_t us, double expected) {
  EXPECT_NEAR(static_cast<double>(us), expected, expected * 2 * Histogram::kMaxRelativeError);
}

TEST(SlowestOf, IsTheQuantileOfOneCallForOneLeaf) {
  const Histogram calls = OneInAHundredIsSlow();
  EXPECT_EQ(SlowestOf(calls, 0.5, 1), calls.Quantile(0.5));
  EXPECT_EQ(SlowestOf(calls, 0.999, 1), calls.Quantile(0.999));
}

// With 100 leaves 1 - 0.99^100 = 63 % of the queries meet a slow one (Dean and Barroso).
TEST(SlowestOf, AHundredLeavesMakeAnExceptionOfOneInAHundredTheRule) {
  const Histogram calls = OneInAHundredIsSlow();
  ExpectNear(SlowestOf(calls, 0.36, 100), 10'000);
  ExpectNear(SlowestOf(calls, 0.37, 100), 100'000);
}

TEST(SlowestOf, NothingMeasuredIsZero) { EXPECT_EQ(SlowestOf(Histogram(), 0.99, 4), 0u); }

// The first call is slow for one query in a hundred of one leaf; then it takes the delay and the
// time of a call that is not slow.
TEST(SlowestOfHedged, ASlowCallCostsTheDelayAndAnotherCall) {
  const Histogram calls = OneInAHundredIsSlow();
  ExpectNear(SlowestOfHedged(calls, 0.5, 1, 20'000), 10'000);
  ExpectNear(SlowestOfHedged(calls, 0.995, 1, 20'000), 30'000);
}

TEST(SlowestOfHedged, BothCallsMayBeSlow) {
  // One in ten thousand calls has both slow; of 16 leaves that is 0.16 % of the queries.
  ExpectNear(SlowestOfHedged(OneInAHundredIsSlow(), 0.998, 16, 20'000), 30'000);
  ExpectNear(SlowestOfHedged(OneInAHundredIsSlow(), 0.999, 16, 20'000), 100'000);
}

TEST(SlowestOfHedged, ADelayBeyondAllCallsIsNoHedge) {
  const Histogram calls = OneInAHundredIsSlow();
  for (const double p : {0.5, 0.99, 0.999}) {
    ExpectNear(SlowestOfHedged(calls, p, 8, 1'000'000),
               static_cast<double>(SlowestOf(calls, p, 8)));
  }
}

// An exponential distribution has formulas: S(t) = e^-t/m, and with a hedge e^-(2t - d)/m.
TEST(SlowestOfHedged, AgreesWithTheFormulaOfTheExponentialDistribution) {
  constexpr double kMean = 50'000;
  constexpr int kCalls = 200'000;
  Histogram calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.Record(static_cast<uint64_t>(-kMean * std::log((i + 0.5) / kCalls)));
  }
  for (const uint32_t leaves : {1u, 4u, 16u}) {
    const double allowed = 1 - std::pow(0.99, 1.0 / leaves);
    const double single = -kMean * std::log(allowed);
    EXPECT_NEAR(static_cast<double>(SlowestOf(calls, 0.99, leaves)), single, 0.03 * single);
    const double delay = 20'000;
    const double hedged = (single + delay) / 2;
    EXPECT_NEAR(static_cast<double>(SlowestOfHedged(calls, 0.99, leaves, 20'000)), hedged,
                0.03 * hedged);
  }
}

TEST(HedgeDelay, LeavesTheShareThatMayBeHedged) {
  Histogram calls;
  for (uint64_t us = 1; us <= 100; ++us) calls.Record(us);
  EXPECT_EQ(HedgeDelay(calls, 0.05), 95u);
  EXPECT_EQ(HedgeDelay(calls, 0), 100u);
}

struct Call {
  uint32_t shard;
  uint64_t us;
};

// An answer for which the caller waited `waiting_us` for leaves.
v1::SearchResponse Answer(const std::vector<Call>& calls, uint64_t waiting_us) {
  v1::SearchResponse response;
  for (const Call& call : calls) {
    v1::Attempt& attempt = *response.add_attempts();
    attempt.add_shards(call.shard);
    attempt.set_duration_us(call.us);
    attempt.set_outcome(v1::ATTEMPT_OUTCOME_WON);
  }
  response.mutable_ledger()->set_leaf_execution_us(waiting_us);
  return response;
}

TEST(CleanTimes, IsTheLargestOfTheLeavesShortestCallsAndTheShortestRest) {
  CleanTimes clean;
  clean.Add(7, Answer({{0, 100}, {1, 20}}, 100), 140);  // the rest: 40
  clean.Add(7, Answer({{0, 30}, {1, 90}}, 90), 120);    // the rest: 30
  EXPECT_EQ(clean.queries(), 1u);
  EXPECT_EQ(clean.Limits().max(), 30u + 30u);
  EXPECT_EQ(clean.RestUs(), 30u);
}

TEST(CleanTimes, QueriesAreKeptApart) {
  CleanTimes clean;
  clean.Add(1, Answer({{0, 10}}, 10), 15);
  clean.Add(2, Answer({{0, 100}}, 100), 107);
  EXPECT_EQ(clean.Limits().min(), 15u);
  EXPECT_EQ(clean.Limits().max(), 107u);
  EXPECT_EQ(clean.RestUs(), 5u);
}

TEST(CleanTimes, FetchesAndLosersDoNotCount) {
  v1::SearchResponse response = Answer({{0, 10}, {1, 500}, {2, 600}}, 10);
  response.mutable_attempts(1)->set_outcome(v1::ATTEMPT_OUTCOME_CANCELLED);
  response.mutable_attempts(2)->set_kind(v1::ATTEMPT_KIND_FETCH);
  CleanTimes clean;
  clean.Add(0, response, 12);
  EXPECT_EQ(clean.Limits().max(), 12u);
}

}  // namespace
}  // namespace canopy
