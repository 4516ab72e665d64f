// Random clusters under random faults, one a seed: what must hold for every query is checked by the
// simulation itself. CANOPY_TEST_SEED=n runs the one seed n.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "simulator/simulation.h"
#include "tests/simulator/report_bytes.h"

namespace canopy {
namespace {

constexpr uint64_t kSeeds = 3000;

constexpr Nanos kMillisecond = kNanosPerSecond / 1000;

LeafFault RandomFault(Random& random, const ClusterShape& shape, Nanos end) {
  LeafFault fault;
  constexpr LeafFault::Kind kKinds[] = {LeafFault::Kind::kCrash, LeafFault::Kind::kPartition,
                                        LeafFault::Kind::kPause, LeafFault::Kind::kSlow};
  fault.kind = kKinds[random.Below(4)];
  fault.leaf = static_cast<LeafIndex>(random.Below(shape.leaves * shape.replicas));
  fault.from = static_cast<Nanos>(random.Below(end));
  fault.to = fault.from + static_cast<Nanos>(random.Below(end));
  fault.factor = 1 + random.Uniform() * 20;
  return fault;
}

SimulationOptions RandomOptions(uint64_t seed) {
  Random random(seed, {0});
  SimulationOptions options;
  options.seed = seed;
  ClusterShape& shape = options.cluster;
  shape.shards = static_cast<uint32_t>(1 + random.Below(12));
  shape.leaves = static_cast<uint32_t>(1 + random.Below(shape.shards));
  shape.replicas = static_cast<uint32_t>(1 + random.Below(3));
  shape.search_threads = static_cast<uint32_t>(random.Below(3));
  shape.max_queue = static_cast<uint32_t>(shape.shards + random.Below(20));
  options.work.cost = Distribution::Lognormal(1e6 * (1 + random.Uniform() * 5), random.Uniform());
  options.work.fixed = random.Uniform() * 1e5;
  options.work.shard_factor = Distribution::Lognormal(1, random.Uniform() / 2);
  options.work.call_factor = Distribution::Lognormal(1, random.Uniform() / 2);
  options.work.straggler_share = random.Chance(0.5) ? random.Uniform() * 0.1 : 0;
  options.work.straggler_delay = Distribution::Exponential(50e6);
  options.work.wire = Distribution::Lognormal(2e5, 0.3);
  options.work.fetch = Distribution::Lognormal(1e5, 0.3);
  options.work.root = Distribution::Exponential(5e4);
  constexpr double kCoverages[] = {0, 0.5, 0.9, 1};
  options.query = {.k = static_cast<uint32_t>(random.Below(4) * 5),
                   .min_coverage = kCoverages[random.Below(4)],
                   .timeout = static_cast<Nanos>(20 + random.Below(200)) * kMillisecond,
                   .cancelled_share = random.Chance(0.3) ? 0.1 : 0};
  constexpr HedgeMode kModes[] = {HedgeMode::kOff, HedgeMode::kShadow, HedgeMode::kOn,
                                  HedgeMode::kOn};
  options.steering = {.hedge = kModes[random.Below(4)], .hedge_budget = random.Uniform() * 0.2};
  options.queries = 60;
  const double qps = 50 + random.Uniform() * 300;
  options.load = {{.at = 0, .qps = qps}, {.at = 100 * kMillisecond, .qps = qps * 4}};
  options.probe_interval = 50 * kMillisecond;
  options.probe_timeout = 30 * kMillisecond;
  for (uint64_t faults = random.Below(5); faults > 0; --faults) {
    options.faults.push_back(RandomFault(random, shape, 300 * kMillisecond));
  }
  return options;
}

std::pair<uint64_t, uint64_t> Seeds() {
  const char* seed = std::getenv("CANOPY_TEST_SEED");
  if (seed == nullptr) return {1, kSeeds};
  const uint64_t one = std::strtoull(seed, nullptr, 10);
  return {one, one};
}

// What happened in all runs together.
struct Seen {
  uint64_t ok = 0, partial = 0, retries = 0, refused = 0, hedges_won = 0;
  std::map<std::string, uint64_t> errors;

  void Add(const SimulationReport& report) {
    ok += report.ok;
    partial += report.partial;
    retries += report.retries;
    refused += report.refused_calls;
    hedges_won += report.hedges_won;
    for (const auto& [name, count] : report.errors) errors[name] += count;
  }
};

TEST(RandomClusters, KeepWhatMustHoldForEverySeed) {
  const auto [first, last] = Seeds();
  Seen seen;
  for (uint64_t seed = first; seed <= last; ++seed) {
    const SimulationOptions options = RandomOptions(seed);
    ASSERT_TRUE(CheckOptions(options).ok()) << CheckOptions(options);
    const auto report = Simulation(options).Run();
    ASSERT_TRUE(report.ok()) << "CANOPY_TEST_SEED=" << seed << ": " << report.status();
    const auto again = Simulation(options).Run();
    ASSERT_TRUE(again.ok());
    ASSERT_EQ(Bytes(*report), Bytes(*again)) << "CANOPY_TEST_SEED=" << seed << ": other bytes";
    seen.Add(*report);
  }
  if (first == last) return;
  // The faults are such that all of this happens, and so is looked at.
  EXPECT_GT(seen.ok, 0u);
  EXPECT_GT(seen.partial, 0u);
  EXPECT_GT(seen.retries, 0u);
  EXPECT_GT(seen.refused, 0u);
  EXPECT_GT(seen.hedges_won, 0u);
  for (const char* name : {"CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNAVAILABLE"}) {
    EXPECT_GT(seen.errors[name], 0u) << name;
  }
}

}  // namespace
}  // namespace canopy
