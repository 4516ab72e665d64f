// Simulated clusters behave as real ones do: each cause has its effect, and queues are as long as
// queueing theory says.
#include "simulator/simulation.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/simulator/report_bytes.h"

namespace canopy {
namespace {

constexpr Nanos kMillisecond = kNanosPerSecond / 1000;

// 4 shards on 2 replicas of 4 leaves, 1 ms a search, no queues, no wire, only counts.
SimulationOptions CalmCluster() {
  SimulationOptions options;
  options.cluster = {.shards = 4, .leaves = 4, .replicas = 2, .search_threads = 0};
  options.work.cost = Distribution::Fixed(1e6);
  options.query = {.k = 0, .timeout = 200 * kMillisecond};
  options.steering.hedge = HedgeMode::kOff;
  options.queries = 2000;
  options.load = {{.at = 0, .qps = 1000}};
  options.probe_interval = 100 * kMillisecond;
  options.probe_timeout = 100 * kMillisecond;
  return options;
}

SimulationReport Simulate(const SimulationOptions& options) {
  EXPECT_TRUE(CheckOptions(options).ok()) << CheckOptions(options);
  absl::StatusOr<SimulationReport> report = Simulation(options).Run();
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *std::move(report) : SimulationReport{};
}

TEST(SimulationTest, TheLatencyOfACalmClusterIsTheSumOfItsParts) {
  SimulationOptions options = CalmCluster();
  options.work.fixed = 2e5;
  options.work.wire = Distribution::Fixed(1e5);
  options.work.root = Distribution::Fixed(3e4);
  EXPECT_EQ(Simulate(options).latency_us.min(), 1330u);
  EXPECT_EQ(Simulate(options).latency_us.max(), 1330u);
  options.query.k = 2;  // so few that no shard has to be asked again
  options.work.fetch = Distribution::Fixed(4e4);
  options.cluster.fetch_threads = 0;
  EXPECT_EQ(Simulate(options).latency_us.max(), 1330u + 100 + 40);
}

TEST(SimulationTest, EveryQueryAsksEveryLeafOfOneReplicaOnce) {
  const SimulationReport report = Simulate(CalmCluster());
  EXPECT_EQ(report.ok, 2000u);
  EXPECT_EQ(report.primary_calls, 8000u);
  EXPECT_EQ(report.extra_load(), 0);
  EXPECT_EQ(report.wasted, 0);
  EXPECT_EQ(report.busy, 8000 * kMillisecond);
}

TEST(SimulationTest, ShardsOfOneLeafTravelInOneCall) {
  SimulationOptions options = CalmCluster();
  options.cluster.leaves = 2;
  EXPECT_EQ(Simulate(options).primary_calls, 4000u);
}

TEST(SimulationTest, ShardsShareTheThreadsOfTheirLeaf) {
  SimulationOptions options = CalmCluster();
  options.cluster.leaves = 1;
  options.cluster.search_threads = 2;
  options.load = {{.at = 0, .qps = 1}};
  EXPECT_EQ(Simulate(options).latency_us.Quantile(0.5), 2000u);
}

// Of one server with Poisson arrivals at half its capacity and service time s, the mean wait is s /
// 2 when all take the same time (Pollaczek and Khinchin), and s when times are exponential.
TEST(SimulationTest, QueuesAreAsLongAsTheorySays) {
  SimulationOptions options = CalmCluster();
  options.cluster = {.shards = 1, .leaves = 1, .replicas = 1, .search_threads = 1};
  options.query.timeout = 60 * kNanosPerSecond;
  options.load = {{.at = 0, .qps = 500}};
  options.queries = 200'000;
  const SimulationReport equal = Simulate(options);
  EXPECT_NEAR(equal.queue_wait_us.mean(), 500, 25);
  EXPECT_NEAR(equal.busiest_leaf, 0.5, 0.01);
  options.work.cost = Distribution::Exponential(1e6);
  EXPECT_NEAR(Simulate(options).queue_wait_us.mean(), 1000, 60);
}

TEST(SimulationTest, OneCrashCostsRetriesAndNoQuery) {
  SimulationOptions options = CalmCluster();
  options.faults = {{.kind = LeafFault::Kind::kCrash,
                     .leaf = 1,
                     .from = 500 * kMillisecond,
                     .to = kNanosPerSecond}};
  const SimulationReport report = Simulate(options);
  EXPECT_EQ(report.ok, 2000u);
  EXPECT_EQ(report.partial, 0u);
  EXPECT_GT(report.retries, 0u);
  EXPECT_LT(report.retries, 100u);  // the first failed call makes the root look elsewhere
}

TEST(SimulationTest, WithoutAnotherReplicaACrashIsAnErrorOrAPartialAnswer) {
  SimulationOptions options = CalmCluster();
  options.cluster.replicas = 1;
  options.faults = {{.leaf = 1, .from = 0, .to = kNanosPerSecond}};
  const SimulationReport whole = Simulate(options);
  EXPECT_GT(whole.errors.at("UNAVAILABLE"), 900u);
  EXPECT_GT(whole.ok, 500u);  // those after it came back
  options.query.min_coverage = 0.5;
  const SimulationReport partial = Simulate(options);
  EXPECT_EQ(partial.ok, 2000u);
  EXPECT_EQ(partial.partial, whole.errors.at("UNAVAILABLE"));
}

TEST(SimulationTest, APartitionCostsQueriesUntilItIsFound) {
  SimulationOptions options = CalmCluster();
  options.queries = 4000;
  options.faults = {{.kind = LeafFault::Kind::kPartition,
                     .leaf = 1,
                     .from = kNanosPerSecond,
                     .to = 3 * kNanosPerSecond}};
  const SimulationReport report = Simulate(options);
  EXPECT_GT(report.errors.at("DEADLINE_EXCEEDED"), 0u);
  EXPECT_LT(report.errors.at("DEADLINE_EXCEEDED"), 300u);
  EXPECT_EQ(report.ok + report.errors.at("DEADLINE_EXCEEDED"), 4000u);
}

TEST(SimulationTest, APausedLeafIsLikeOneThatCannotBeReached) {
  SimulationOptions options = CalmCluster();
  options.faults = {{.kind = LeafFault::Kind::kPause,
                     .leaf = 1,
                     .from = 500 * kMillisecond,
                     .to = kNanosPerSecond}};
  const SimulationReport report = Simulate(options);
  EXPECT_GT(report.failed_ratio(), 0);
  EXPECT_LT(report.failed_ratio(), 0.2);
}

TEST(SimulationTest, HedgesPassByALeafThatCannotBeReached) {
  SimulationOptions options = CalmCluster();
  options.queries = 4000;
  options.query.timeout = kNanosPerSecond;
  options.faults = {{.kind = LeafFault::Kind::kPartition,
                     .leaf = 1,
                     .from = kNanosPerSecond,
                     .to = 3 * kNanosPerSecond}};
  const uint64_t without = Simulate(options).errors["DEADLINE_EXCEEDED"];
  options.steering.hedge = HedgeMode::kOn;
  const SimulationReport report = Simulate(options);
  EXPECT_GT(report.hedges_won, 0u);
  EXPECT_LE(10 * (report.queries - report.ok), without);
}

TEST(SimulationTest, ShadowModeCountsAndSendsNothing) {
  SimulationOptions options = CalmCluster();
  options.work.straggler_share = 0.01;
  options.work.straggler_delay = Distribution::Fixed(50e6);
  options.steering.hedge = HedgeMode::kShadow;
  const SimulationReport report = Simulate(options);
  EXPECT_EQ(report.hedges, 0u);
  EXPECT_GT(report.unhedged, 0u);
}

TEST(SimulationTest, ASlowLeafMakesItsQueriesSlow) {
  SimulationOptions options = CalmCluster();
  options.cluster.replicas = 1;
  options.faults = {{.kind = LeafFault::Kind::kSlow,
                     .leaf = 1,
                     .from = 0,
                     .to = 60 * kNanosPerSecond,
                     .factor = 7}};
  EXPECT_EQ(Simulate(options).latency_us.Quantile(0.5) / 100, 70u);
}

TEST(SimulationTest, OverloadIsRefusedAndOverAfterTheLoad) {
  SimulationOptions options = CalmCluster();
  options.cluster = {.shards = 1, .leaves = 1, .replicas = 1, .search_threads = 1, .max_queue = 20};
  options.load = {{.at = 0, .qps = 100},
                  {.at = kNanosPerSecond, .qps = 10'000},
                  {.at = 2 * kNanosPerSecond, .qps = 100}};
  options.queries = 12'000;
  const SimulationReport report = Simulate(options);
  EXPECT_GT(report.errors.at("RESOURCE_EXHAUSTED"), 8000u);
  EXPECT_EQ(report.errors.size(), 1u);
  EXPECT_GT(report.ok, 1500u);  // those before and after, and what one thread can do in the second
  EXPECT_LE(report.latency_us.max(), 21'500u);
  EXPECT_LT(report.refused_calls, 200u) << "the root keeps most of them away from the leaf";
}

TEST(SimulationTest, WhoLeavesStopsItsWork) {
  SimulationOptions options = CalmCluster();
  options.work.cost = Distribution::Fixed(100e6);
  options.query.cancelled_share = 1;
  const SimulationReport report = Simulate(options);
  EXPECT_GT(report.errors.at("CANCELLED"), 900u);
  EXPECT_NEAR(report.wasted_ratio(), 1.0 / 3, 0.1);  // 50 of 100 ms, of half the queries
}

TEST(SimulationTest, StragglersHitTheirShareOfCallsAndKeepNoThread) {
  SimulationOptions options = CalmCluster();
  options.cluster = {.shards = 1, .leaves = 1, .replicas = 1, .search_threads = 1};
  options.load = {{.at = 0, .qps = 10}};
  options.work.straggler_share = 0.1;
  options.work.straggler_delay = Distribution::Fixed(50e6);
  const SimulationReport report = Simulate(options);
  EXPECT_LT(report.latency_us.Quantile(0.88), 2000u);
  EXPECT_GT(report.latency_us.Quantile(0.92), 50'000u);
  EXPECT_EQ(report.busy, 2000 * kMillisecond);
}

TEST(SimulationTest, TenThousandLeavesAreACluster) {
  SimulationOptions options = CalmCluster();
  options.cluster = {.shards = 5000, .leaves = 5000, .replicas = 2, .search_threads = 1};
  options.queries = 20;
  options.load = {{.at = 0, .qps = 10}};
  options.query.k = 10;
  const SimulationReport report = Simulate(options);
  EXPECT_EQ(report.ok, 20u);
  EXPECT_EQ(report.primary_calls, 100'000u);
}

TEST(SimulationTest, TheSeedDecidesEverything) {
  SimulationOptions options = CalmCluster();
  options.cluster.search_threads = 1;
  options.work.cost = Distribution::Lognormal(1e6, 0.8);
  const std::string bytes = Bytes(Simulate(options));
  EXPECT_EQ(Bytes(Simulate(options)), bytes);
  options.seed = 2;
  EXPECT_NE(Bytes(Simulate(options)), bytes);
}

TEST(SimulationTest, OptionsThatNoClusterCanHaveAreRefused) {
  SimulationOptions options = CalmCluster();
  options.cluster.leaves = 5;
  EXPECT_FALSE(CheckOptions(options).ok());
  options = CalmCluster();
  options.faults = {{.leaf = 8}};
  EXPECT_FALSE(CheckOptions(options).ok());
  options = CalmCluster();
  options.load = {{.at = 0, .qps = 0}};
  EXPECT_FALSE(CheckOptions(options).ok());
}

}  // namespace
}  // namespace canopy
