// canopy-root: answers queries by asking leaves. Standard output has one line, of JSON, once every
// shard has a usable replica; logs go to standard error.
#include "base/main.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/flag_values.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/strings.h"
#include "root/root_server.h"
#include "root/topology.h"
#include "rpc/grpc_log.h"
#include "rpc/serving_flags.h"

namespace canopy {
namespace {

// What the server adds to --max-timeout, so that the root's own deadline is the one that is met.
constexpr absl::Duration kCallTimeoutMargin = absl::Seconds(1);

struct RootFlags {
  std::string topology;
  std::string scatter = "document";
  ServingFlags serving;
  absl::Duration default_timeout = absl::Seconds(1);
  absl::Duration max_timeout = absl::Seconds(30);
  int64_t max_in_flight = 1024;
  uint64_t result_memory = uint64_t{1} << 30;
  absl::Duration probe_interval = absl::Seconds(1);
  absl::Duration probe_timeout = absl::Seconds(1);
  std::string hedge = "on";
  std::string hedge_budget = "5%";
};

void AddFlags(FlagSet& flags, RootFlags& values) {
  const absl::Duration least = absl::Milliseconds(1);
  flags.Group("Cluster");
  flags.AddString("topology", &values.topology,
                  {.value = "FILE",
                   .help = "YAML file: shards, a map from shard number to the list of its "
                           "replicas' addresses; read again on SIGHUP",
                   .required = true});
  flags.AddString("scatter", &values.scatter,
                  {.value = "document|term",
                   .help = "document: every leaf has some shards and answers the whole query; "
                           "term: every leaf has the only shard, gives the bitmaps of some terms, "
                           "and the root combines them, without ranking"});
  flags.AddDuration(
      "probe-interval", &values.probe_interval,
      {.help = "how often every leaf is asked how it is", .min = least, .max = absl::Hours(1)});
  flags.AddDuration("probe-timeout", &values.probe_timeout,
                    {.help = "how long a leaf may take to say so; after three times too long in a "
                             "row it counts as down",
                     .min = least,
                     .max = absl::Hours(1)});
  flags.Group("Late leaves");
  flags.AddString("hedge", &values.hedge,
                  {.value = "MODE",
                   .help = "what is late is asked of another replica too: off; shadow: only "
                           "counted; on",
                   .choices = {"off", "shadow", "on"}});
  flags.AddString("hedge-budget", &values.hedge_budget,
                  {.value = "SHARE", .help = "extra leaf calls, hedges and retries, at most"});
  AddServingFlags(flags, values.serving);
  flags.Group("Queries");
  flags.AddDuration("default-timeout", &values.default_timeout,
                    {.help = "time for a query that names none", .min = least});
  flags.AddDuration(
      "max-timeout", &values.max_timeout,
      {.help = "longest time that a query may ask for", .min = least, .max = absl::Hours(1)});
  flags.AddInt("max-in-flight", &values.max_in_flight,
               {.help = "queries that run at once; more are refused with RESOURCE_EXHAUSTED",
                .min = 1,
                .max = 1 << 20});
  flags.AddSize(
      "result-memory", &values.result_memory,
      {.help = "for the answers of all queries in flight; a query that would take more is "
               "refused with RESOURCE_EXHAUSTED",
       .min = 1 << 20});
}

absl::StatusOr<SteeringOptions> ReadSteering(const RootFlags& values) {
  SteeringOptions options;
  options.hedge = values.hedge == "off"      ? HedgeMode::kOff
                  : values.hedge == "shadow" ? HedgeMode::kShadow
                                             : HedgeMode::kOn;
  const absl::StatusOr<double> budget = ParseShare(values.hedge_budget);
  if (!budget.ok()) return UsageError(Concat("--hedge-budget: ", Message(budget.status())));
  options.hedge_budget = *budget;
  return options;
}

absl::StatusOr<ScatterWay> ReadScatter(const RootFlags& values) {
  if (values.scatter == "document") return ScatterWay::kByDocument;
  if (values.scatter == "term") return ScatterWay::kByTerm;
  return UsageError(Concat("--scatter ", values.scatter, ": expected document or term"));
}

absl::StatusOr<RootServerOptions> ReadOptions(const RootFlags& values) {
  if (values.default_timeout > values.max_timeout) {
    return UsageError("--default-timeout is longer than --max-timeout");
  }
  RETURN_IF_ERROR(CheckServingFlags(values.serving));
  RootServerOptions options;
  ASSIGN_OR_RETURN(options.root.scatter, ReadScatter(values));
  options.root.default_timeout = values.default_timeout;
  options.root.max_timeout = values.max_timeout;
  options.root.max_in_flight = values.max_in_flight;
  options.root.monitor = {.probe_interval = values.probe_interval,
                          .probe_timeout = values.probe_timeout};
  ASSIGN_OR_RETURN(options.root.steering, ReadSteering(values));
  options.root.result_bytes = std::make_shared<ByteBudget>(values.result_memory);
  options.server.listen = values.serving.listen;
  options.server.reflection = values.serving.reflection;
  options.server.call_timeout = values.max_timeout + kCallTimeoutMargin;
  // The root's own limit speaks first.
  options.server.max_calls_in_flight += values.max_in_flight;
  options.drain = values.serving.drain();
  return options;
}

absl::StatusOr<Topology> ReadTopologyFor(const RootFlags& values) {
  ASSIGN_OR_RETURN(Topology topology, ReadTopology(LocalFileSystem(), values.topology));
  if (values.scatter != "term" || topology.shards.size() == 1) return topology;
  return absl::InvalidArgumentError(
      Concat(values.topology, ": ", topology.shards.size(), " shards, --scatter term wants one"));
}

void ServeUntilTold(RootServer& root, const RootFlags& values, SignalWaiter& signals) {
  while (signals.Wait() == SIGHUP) {
    auto topology = ReadTopologyFor(values);
    if (topology.ok()) {
      LogInfo("topology read again", {{"shards", topology->shards.size()}});
      root.SetTopology(*std::move(topology));
    } else {
      LogError("the old topology stays", {{"error", topology.status()}});
    }
  }
}

absl::Status RunRoot(const RootFlags& values) {
  SignalWaiter signals;  // before any thread
  RETURN_IF_ERROR(FollowParent(values.serving));
  ForwardGrpcLog();
  ForwardProtobufLog();
  ASSIGN_OR_RETURN(RootServerOptions options, ReadOptions(values));
  ASSIGN_OR_RETURN(Topology topology, ReadTopologyFor(values));
  std::unique_ptr<RootServer> root;
  std::atomic<const RootServer*> scraped = nullptr;  // a scrape may come before there is a root
  ASSIGN_OR_RETURN(const auto metrics, StartMetrics(values.serving, [&scraped] {
                     const RootServer* const server = scraped;
                     return server == nullptr ? std::vector<prometheus::MetricFamily>()
                                              : server->Metrics();
                   }));
  options.on_ready = [metrics = MetricsAddress(metrics.get())](const std::string& address) {
    PrintReady({{"ready", true}, {"address", address}, {"metrics", metrics}, {"pid", getpid()}});
  };
  ASSIGN_OR_RETURN(root, RootServer::Start(std::move(options), std::move(topology)));
  scraped = root.get();
  LogInfo("listening", {{"address", root->address()}});
  ServeUntilTold(*root, values, signals);
  DrainWithin(values.serving, [&] { root->Drain(); });
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  RootFlags values;
  FlagSet flags("canopy-root", "Answers queries by asking leaves and merging their answers.");
  AddFlags(flags, values);
  return RunMain(flags, argc, argv, [&] { return RunRoot(values); });
}

}  // namespace
}  // namespace canopy

int main(int argc, char** argv) { return canopy::Main(argc, argv); }
