// A model made of traces says what the traces said.
#include "simulator/calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace canopy {
namespace {

constexpr double kMicrosecond = 1000;  // nanoseconds

struct Trace {
  size_t query = 0;
  std::vector<uint64_t> costs;         // by leaf
  std::vector<uint64_t> execution_us;  // by leaf
  uint64_t delay_us = 100;             // of every call, besides
};

TracedQuery MakeTrace(const Trace& trace) {
  TracedQuery traced{.query = trace.query, .client_us = 1000, .response = {}};
  traced.response.mutable_coverage()->set_shards_total(trace.execution_us.size());
  for (uint32_t leaf = 0; leaf < trace.execution_us.size(); ++leaf) {
    v1::Attempt& attempt = *traced.response.add_attempts();
    attempt.add_shards(leaf);
    attempt.set_outcome(v1::ATTEMPT_OUTCOME_WON);
    attempt.set_execution_us(trace.execution_us[leaf]);
    attempt.set_duration_us(trace.execution_us[leaf] + trace.delay_us);
    if (!trace.costs.empty()) attempt.set_cost(trace.costs[leaf]);
  }
  v1::Attempt& fetch = *traced.response.add_attempts();
  fetch.set_kind(v1::ATTEMPT_KIND_FETCH);
  fetch.set_outcome(v1::ATTEMPT_OUTCOME_WON);
  fetch.set_duration_us(150);
  traced.response.mutable_ledger()->set_leaf_execution_us(700);
  traced.response.mutable_ledger()->set_fetch_us(200);
  return traced;
}

// 20 queries on two leaves, whose shards take 50 us + 2 ns a posting.
std::vector<TracedQuery> Linear() {
  std::vector<TracedQuery> traces;
  for (size_t query = 0; query < 20; ++query) {
    const uint64_t cost = 10'000 * (query + 1);
    traces.push_back(MakeTrace({.query = query,
                                .costs = {cost, 2 * cost},
                                .execution_us = {50 + cost / 500, 50 + 2 * cost / 500}}));
  }
  return traces;
}

TEST(CalibrationTest, FindsTheFixedTimeAndThatOfAPosting) {
  const auto calibration = Calibrate(Linear());
  ASSERT_TRUE(calibration.ok()) << calibration.status();
  EXPECT_TRUE(calibration->costs_known);
  EXPECT_NEAR(calibration->fit.fixed_ns, 50 * kMicrosecond, 1);
  EXPECT_NEAR(calibration->fit.ns_per_posting, 2, 1e-6);
  EXPECT_NEAR(calibration->fit.r_squared, 1, 1e-9);
  EXPECT_EQ(calibration->fit.points, 40u);
  EXPECT_EQ(calibration->leaves, 2u);
  EXPECT_EQ(calibration->shards, 2u);
}

TEST(CalibrationTest, CostsAndTheirDifferencesAreThoseOfTheShards) {
  const WorkModel work = Calibrate(Linear())->work;
  EXPECT_NEAR(work.cost.Mean(), 1.5 * 10'000 * 10.5, 1);  // the mean of c and 2 c
  EXPECT_NEAR(work.shard_factor.Mean(), 1, 1e-9);
  Random random(1);
  const double factor = work.shard_factor.Sample(random);
  EXPECT_TRUE(std::abs(factor - 2.0 / 3) < 1e-6 || std::abs(factor - 4.0 / 3) < 1e-6) << factor;
}

TEST(CalibrationTest, WithoutCostsTheLeastTimeIsTheFixedOne) {
  std::vector<TracedQuery> traces;
  for (size_t query = 0; query < 20; ++query) {
    traces.push_back(MakeTrace({.query = query, .costs = {}, .execution_us = {30 + query}}));
  }
  const auto calibration = Calibrate(traces);
  EXPECT_FALSE(calibration->costs_known);
  EXPECT_EQ(calibration->fit.fixed_ns, 30 * kMicrosecond);
  EXPECT_NEAR(calibration->work.cost.Mean(), 9.5 * kMicrosecond, 1);
}

TEST(CalibrationTest, TheLeastOfRepetitionsIsTheWorkAndTheRestADelay) {
  std::vector<TracedQuery> traces = Linear();
  for (size_t query = 0; query < 20; ++query) {
    TracedQuery again = traces[query];
    for (v1::Attempt& attempt : *again.response.mutable_attempts()) {
      attempt.set_execution_us(attempt.execution_us() + 1000);
      attempt.set_duration_us(attempt.duration_us() + 1000);
    }
    traces.push_back(again);
  }
  const auto calibration = Calibrate(traces);
  EXPECT_NEAR(calibration->fit.fixed_ns, 50 * kMicrosecond, 1);
  EXPECT_EQ(calibration->work.wire.Mean(), 100 * kMicrosecond);
  EXPECT_EQ(calibration->work.straggler_share, 1);
  EXPECT_NEAR(calibration->work.straggler_delay.Mean(), 500 * kMicrosecond, 1);
  EXPECT_EQ(calibration->calls, 80u);
}

TEST(CalibrationTest, RootAndFetchHaveTheirShare) {
  const WorkModel work = Calibrate(Linear())->work;
  EXPECT_NEAR(work.root.Mean(), 100 * kMicrosecond, 1);  // 1000 - 700 - 200
  EXPECT_NEAR(work.fetch.Mean(), 50 * kMicrosecond, 1);  // 150, 100 of them on the wire
}

TEST(CalibrationTest, CallsThatWereCutOffAreCountedAndLeftOut) {
  std::vector<TracedQuery> traces = Linear();
  v1::Attempt& cut = *traces[0].response.mutable_attempts(0);
  cut.set_outcome(v1::ATTEMPT_OUTCOME_CANCELLED);
  cut.set_duration_us(1);
  const auto calibration = Calibrate(traces);
  EXPECT_EQ(calibration->censored_calls, 1u);
  EXPECT_EQ(calibration->fit.points, 39u);
  EXPECT_NEAR(calibration->fit.ns_per_posting, 2, 1e-6);
}

TEST(CalibrationTest, WithoutACallThereIsNothingToLearn) {
  EXPECT_FALSE(Calibrate({}).ok());
  EXPECT_FALSE(Calibrate({TracedQuery{}}).ok());
}

}  // namespace
}  // namespace canopy
