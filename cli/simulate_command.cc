// `canopy simulate`: what a cluster would do, on a virtual clock.
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/flag_values.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/simulation_output.h"
#include "simulator/simulation.h"

namespace canopy {
namespace {

struct SimulateFlags {
  ModelFlags model;
  std::string leaves;
  int64_t replicas = 2;
  int64_t max_queue = 1000;
  std::string hedge = "off,on";
  double qps = 100;
  int64_t count = 20000;
  std::vector<std::string> steps;
  std::vector<std::string> faults;
  absl::Duration probe_interval = absl::Seconds(1);
  absl::Duration probe_timeout = absl::Seconds(1);
  bool json = false;
};

void AddFlags(FlagSet& flags, SimulateFlags& values) {
  AddTimeFlags(flags, values.model);
  flags.Group("Times, measured");
  flags.AddString("from", &values.model.address,
                  {.value = "HOST:PORT", .help = "address of a root that is asked instead"});
  AddSampleFlags(flags, values.model);
  AddShapeFlags(flags, values.model);
  flags.AddString("leaves", &values.leaves,
                  {.value = "N,...",
                   .help = "leaf processes of a replica, a shard each; a row for each number; by "
                           "default 16, or those of the measured cluster"});
  flags.AddInt("replicas", &values.replicas, {.help = "of every shard", .min = 1, .max = 100});
  flags.AddInt(
      "threads", &values.model.threads,
      {.help = "of a leaf that search; 0: so many that nothing waits", .min = 0, .max = 1024});
  flags.AddInt(
      "max-queue", &values.max_queue,
      {.help = "searches that wait in a leaf; more are refused", .min = 0, .max = 1000000});
  flags.AddString("hedge", &values.hedge,
                  {.value = "MODE,...", .help = "off, shadow, on; a row for each"});
  flags.Group("Load");
  flags.AddDouble("qps", &values.qps,
                  {.help = "queries a second, at random times", .min = 0.001, .max = 1e7});
  flags.AddInt("count", &values.count, {.help = "queries", .min = 1, .max = 1000000000});
  flags.AddStrings("step", &values.steps,
                   {.value = "TIME:QPS", .help = "10s:500 changes the rate from then on"});
  flags.Group("Faults");
  flags.AddStrings("fault", &values.faults,
                   {.value = "KIND:LEAF:FROM:TO",
                    .help = "crash, partition, pause, or slow (then with :FACTOR behind) of a leaf "
                            "process; leaf l of replica r is r * leaves + l"});
  flags.AddDuration("probe-interval", &values.probe_interval,
                    {.help = "as canopy-root's", .min = absl::Milliseconds(1)});
  flags.AddDuration("probe-timeout", &values.probe_timeout,
                    {.help = "as canopy-root's", .min = absl::Milliseconds(1)});
  flags.Group("Output");
  flags.AddBool("json", &values.json, "one JSON object instead of a table");
}

absl::StatusOr<std::vector<uint32_t>> ReadLeaves(const std::string& text) {
  std::vector<uint32_t> numbers;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, ','))) {
    uint32_t number = 0;
    if (!absl::SimpleAtoi(part, &number) || number == 0) {
      return UsageError(Concat("--leaves: not a list of numbers above 0: ", text));
    }
    numbers.push_back(number);
  }
  return numbers;
}

absl::StatusOr<std::vector<HedgeMode>> ReadHedgeModes(const std::string& text) {
  std::vector<HedgeMode> modes;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, ','))) {
    bool known = false;
    for (HedgeMode mode : {HedgeMode::kOff, HedgeMode::kShadow, HedgeMode::kOn}) {
      if (part != HedgeModeName(mode)) continue;
      modes.push_back(mode);
      known = true;
    }
    if (!known) return UsageError(Concat("--hedge: not off, shadow or on: ", part));
  }
  return modes;
}

absl::StatusOr<Nanos> ReadMoment(const std::string& text) {
  ASSIGN_OR_RETURN(const absl::Duration moment, ParseDuration(text));
  if (moment < absl::ZeroDuration() || moment > absl::Hours(24)) {
    return absl::InvalidArgumentError(Concat("a time must be 0 to 24h, got ", text));
  }
  return absl::ToInt64Nanoseconds(moment);
}

absl::StatusOr<LoadStep> ReadStep(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  if (parts.size() != 2) return absl::InvalidArgumentError(Concat("not TIME:QPS: ", text));
  LoadStep step;
  ASSIGN_OR_RETURN(step.at, ReadMoment(parts[0]));
  ASSIGN_OR_RETURN(step.qps, ParseDouble(parts[1]));
  return step;
}

absl::StatusOr<LeafFault> ReadFault(const std::string& text) {
  constexpr std::pair<const char*, LeafFault::Kind> kKinds[] = {
      {"crash", LeafFault::Kind::kCrash},
      {"partition", LeafFault::Kind::kPartition},
      {"pause", LeafFault::Kind::kPause},
      {"slow", LeafFault::Kind::kSlow}};
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  for (const auto& [name, kind] : kKinds) {
    if (parts[0] != name) continue;
    if (parts.size() != (kind == LeafFault::Kind::kSlow ? 5u : 4u)) break;
    LeafFault fault{.kind = kind};
    ASSIGN_OR_RETURN(const int64_t leaf, ParseInt(parts[1]));
    fault.leaf = static_cast<LeafIndex>(leaf);
    ASSIGN_OR_RETURN(fault.from, ReadMoment(parts[2]));
    ASSIGN_OR_RETURN(fault.to, ReadMoment(parts[3]));
    if (kind == LeafFault::Kind::kSlow) {
      ASSIGN_OR_RETURN(fault.factor, ParseDouble(parts[4]));
    }
    return fault;
  }
  return absl::InvalidArgumentError(
      Concat("not crash|partition|pause:LEAF:FROM:TO or slow:LEAF:FROM:TO:FACTOR: ", text));
}

absl::StatusOr<SimulationOptions> ReadOptions(const SimulateFlags& values) {
  SimulationOptions options;
  options.seed = static_cast<uint64_t>(values.model.seed);
  options.cluster.replicas = static_cast<uint32_t>(values.replicas);
  options.cluster.search_threads = static_cast<uint32_t>(values.model.threads);
  options.cluster.max_queue = static_cast<uint32_t>(values.max_queue);
  options.query = ReadQueryShape(values.model);
  ASSIGN_OR_RETURN(options.steering.hedge_budget, ReadHedgeBudget(values.model));
  options.queries = static_cast<uint64_t>(values.count);
  options.load = {{.at = 0, .qps = values.qps}};
  for (const std::string& text : values.steps) {
    const absl::StatusOr<LoadStep> step = ReadStep(text);
    if (!step.ok()) return UsageError(Concat("--step: ", Message(step.status())));
    if (step->at < options.load.back().at) return UsageError("--step: not in the order of time");
    options.load.push_back(*step);
  }
  for (const std::string& text : values.faults) {
    const absl::StatusOr<LeafFault> fault = ReadFault(text);
    if (!fault.ok()) return UsageError(Concat("--fault: ", Message(fault.status())));
    options.faults.push_back(*fault);
  }
  options.probe_interval = absl::ToInt64Nanoseconds(values.probe_interval);
  options.probe_timeout = absl::ToInt64Nanoseconds(values.probe_timeout);
  return options;
}

// The clusters to simulate: by the flags a shard a leaf; a measured one as it is, or its documents
// spread over other numbers of leaves.
absl::StatusOr<std::vector<SimulationOptions>> ReadClusters(
    const SimulateFlags& values, const std::optional<MeasuredCluster>& measured) {
  ASSIGN_OR_RETURN(SimulationOptions options, ReadOptions(values));
  WorkModel work;
  if (measured) {
    work = measured->calibration.work;
  } else {
    ASSIGN_OR_RETURN(work, ReadWorkModel(values.model));
  }
  options.work = work;
  if (measured && values.leaves.empty()) {
    options.cluster.shards = measured->calibration.shards;
    options.cluster.leaves = measured->calibration.leaves;
    return std::vector<SimulationOptions>{options};
  }
  ASSIGN_OR_RETURN(const std::vector<uint32_t> leaves,
                   ReadLeaves(values.leaves.empty() ? "16" : values.leaves));
  std::vector<SimulationOptions> clusters;
  for (uint32_t number : leaves) {
    options.cluster.shards = options.cluster.leaves = number;
    if (measured) {
      options.work.cost =
          work.cost.Scaled(static_cast<double>(measured->calibration.shards) / number);
    }
    clusters.push_back(options);
  }
  return clusters;
}

absl::Status RunSimulate(const SimulateFlags& values) {
  ASSIGN_OR_RETURN(const std::vector<HedgeMode> modes, ReadHedgeModes(values.hedge));
  std::optional<MeasuredCluster> measured;
  if (!values.model.address.empty()) {
    ASSIGN_OR_RETURN(measured, MeasureCluster(values.model));
  }
  ASSIGN_OR_RETURN(std::vector<SimulationOptions> clusters, ReadClusters(values, measured));
  std::vector<SimulationRow> rows;
  for (SimulationOptions& options : clusters) {
    const absl::Status possible = CheckOptions(options);
    if (!possible.ok()) return UsageError(Message(possible));
    for (HedgeMode mode : modes) {
      SimulationOptions hedged = options;
      hedged.steering.hedge = mode;
      ASSIGN_OR_RETURN(SimulationReport report, Simulation(hedged).Run());
      rows.push_back({.cluster = options.cluster, .hedge = mode, .report = std::move(report)});
    }
  }
  const std::string model = DescribeModel(values.model, measured);
  const std::string text = values.json ? SimulationJson(rows, model) : HumanSimulation(rows, model);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return absl::OkStatus();
}

}  // namespace

int SimulateCommand(int argc, char** argv) {
  SimulateFlags values;
  FlagSet flags("canopy simulate",
                "Plays a cluster on a virtual clock: the root's own code, against leaves that take "
                "their time from distributions. The same seed gives the same output.");
  AddFlags(flags, values);
  return RunMain(flags, argc, argv, [&] { return RunSimulate(values); });
}

}  // namespace canopy
