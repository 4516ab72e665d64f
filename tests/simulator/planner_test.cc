// Plans for clusters that are simple enough to know the answer.
#include "simulator/planner.h"

#include <gtest/gtest.h>

namespace canopy {
namespace {

constexpr Nanos kMillisecond = kNanosPerSecond / 1000;

// 100 ms of work a query over a million documents, no noise.
PlanRequest SimpleRequest() {
  PlanRequest request;
  request.objective = {.quantile = 0.99, .latency = 20 * kMillisecond};
  request.qps = 1;
  request.docs = 1e6;
  request.docs_of_work = 1e6;
  request.work.cost = Distribution::Fixed(100e6);
  request.query = {.k = 0, .timeout = kNanosPerSecond};
  request.min_replicas = 1;
  request.max_replicas = 1;
  request.max_leaves = 64;
  request.hedge_modes = {HedgeMode::kOff};
  request.queries = 2000;
  return request;
}

Plan MakePlanOf(const PlanRequest& request) {
  const auto plan = MakePlan(request, [](const PlanPoint&) {});
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : Plan{};
}

TEST(PlannerTest, AtALowLoadTheWorkIsDividedUntilItIsFastEnough) {
  const Plan plan = MakePlanOf(SimpleRequest());
  ASSERT_TRUE(plan.best.has_value());
  // Five leaves take 20 ms; one query in a hundred meets another one.
  EXPECT_GE(plan.best->shards, 5u);
  EXPECT_LE(plan.best->shards, 7u);
  EXPECT_EQ(plan.best->replicas, 1u);
}

TEST(PlannerTest, ThePlanHoldsAndLessDoesNot) {
  PlanRequest request = SimpleRequest();
  request.qps = 30;
  request.work.cost = Distribution::Lognormal(50e6, 0.5);
  const Plan plan = MakePlanOf(request);
  ASSERT_TRUE(plan.best.has_value());
  EXPECT_TRUE(plan.best->holds);
  EXPECT_LE(plan.best->latency_us, 20'000);
  for (const PlanPoint& point : plan.tried) {
    EXPECT_EQ(point.holds, point.latency_us <= 20'000 && point.failed_share < 0.01);
    EXPECT_FALSE(point.holds && point.processes() < plan.best->processes());
  }
}

TEST(PlannerTest, WorkThatCannotBeDividedIsReplicated) {
  PlanRequest request = SimpleRequest();
  request.work.fixed = 5e6;
  request.work.cost = Distribution::Fixed(0);
  request.qps = 500;  // 2.5 leaves at least, whatever the shards
  request.max_replicas = 8;
  const Plan plan = MakePlanOf(request);
  ASSERT_TRUE(plan.best.has_value());
  EXPECT_EQ(plan.best->shards, 1u);
  EXPECT_GE(plan.best->replicas, 3u);
  ASSERT_TRUE(plan.runner_up.has_value());
  EXPECT_GE(plan.runner_up->processes(), plan.best->processes());
}

TEST(PlannerTest, WhatNoClusterCanHoldHasNoPlan) {
  PlanRequest request = SimpleRequest();
  request.work.fixed = 30e6;
  const Plan plan = MakePlanOf(request);
  EXPECT_FALSE(plan.best.has_value());
  EXPECT_FALSE(plan.tried.empty());
}

TEST(PlannerTest, LimitsSayWhatGivesWayFirst) {
  PlanRequest request = SimpleRequest();
  request.objective.latency = 21 * kMillisecond;
  request.qps = 0.01;  // far from full
  const Plan calm = MakePlanOf(request);
  ASSERT_TRUE(calm.docs.has_value());
  EXPECT_NEAR(calm.docs->factor, 1.05, 0.05);
  EXPECT_FALSE(calm.docs->by_load);

  request.objective.latency = 200 * kMillisecond;
  request.qps = 40;
  const Plan full = MakePlanOf(request);
  ASSERT_TRUE(full.load.has_value());
  EXPECT_GE(full.load->factor, 1);
  EXPECT_LT(full.load->factor, 1.5);
  EXPECT_TRUE(full.load->by_load);
}

}  // namespace
}  // namespace canopy
