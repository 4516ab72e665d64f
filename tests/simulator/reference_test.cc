// The design's reference case: 16 leaves, 1 % of leaf calls delayed by Exp(50 ms), lognormal query
// cost (sigma 0.8), lognormal differences between shards (sigma 0.25), two replicas, no queues.
#include <gtest/gtest.h>

#include "simulator/simulation.h"

namespace canopy {
namespace {

SimulationOptions ReferenceCase() {
  SimulationOptions options;
  options.cluster = {.shards = 16, .leaves = 16, .replicas = 2, .search_threads = 0};
  options.work.cost = Distribution::Lognormal(5e6, 0.8);
  options.work.ns_per_posting = 1;
  options.work.shard_factor = Distribution::Lognormal(1, 0.25);
  options.work.straggler_share = 0.01;
  options.work.straggler_delay = Distribution::Exponential(50e6);
  options.query = {.k = 0, .timeout = 10 * kNanosPerSecond};
  options.queries = 40'000;
  return options;
}

double Milliseconds(const SimulationReport& report, double q) {
  return static_cast<double>(report.latency_us.Quantile(q)) / 1000;
}

TEST(ReferenceCase, WithoutHedgesItIsAsSlowAsTheDesignSays) {
  const SimulationOptions options = ReferenceCase();
  const auto report = Simulation(options).Run();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_NEAR(Milliseconds(*report, 0.5), 9.1, 0.91);
  EXPECT_NEAR(Milliseconds(*report, 0.95), 68.1, 6.8);
  EXPECT_NEAR(Milliseconds(*report, 0.99), 144.7, 14.5);
  EXPECT_EQ(report->ok, options.queries);
  EXPECT_EQ(report->extra_load(), 0);
}

}  // namespace
}  // namespace canopy
