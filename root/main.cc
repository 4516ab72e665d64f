// canopy-root: answers queries by asking leaves. Standard output has one line, of JSON, once every
// shard has a usable replica; logs go to standard error.
#include "base/main.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/file_system.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/strings.h"
#include "root/root_server.h"
#include "root/topology.h"
#include "rpc/address.h"
#include "rpc/grpc_log.h"

namespace canopy {
namespace {

// Beyond the drain's own limits; then the process is killed.
constexpr absl::Duration kMaxExitTime = absl::Seconds(10);
// What the server adds to --max-timeout, so that the root's own deadline is the one that is met.
constexpr absl::Duration kCallTimeoutMargin = absl::Seconds(1);

struct RootFlags {
  std::string topology;
  std::string listen = "127.0.0.1:0";
  absl::Duration default_timeout = absl::Seconds(1);
  absl::Duration max_timeout = absl::Seconds(30);
  int64_t max_in_flight = 1024;
  absl::Duration probe_interval = absl::Seconds(1);
  absl::Duration probe_timeout = absl::Seconds(1);
  absl::Duration drain_grace = absl::Seconds(1);
  absl::Duration drain_timeout = absl::Seconds(2);
  bool exit_with_parent = false;
};

void AddFlags(FlagSet& flags, RootFlags& values) {
  const absl::Duration least = absl::Milliseconds(1);
  flags.Group("Cluster");
  flags.AddString("topology", &values.topology,
                  {.value = "FILE",
                   .help = "YAML file: shards, a map from shard number to the list of its "
                           "replicas' addresses; read again on SIGHUP",
                   .required = true});
  flags.AddDuration(
      "probe-interval", &values.probe_interval,
      {.help = "how often every leaf is asked how it is", .min = least, .max = absl::Hours(1)});
  flags.AddDuration("probe-timeout", &values.probe_timeout,
                    {.help = "how long a leaf may take to say so; after three times too long in a "
                             "row it counts as down",
                     .min = least,
                     .max = absl::Hours(1)});
  flags.Group("Network");
  flags.AddString("listen", &values.listen,
                  {.value = "HOST:PORT", .help = "address to listen on; port 0: any free one"});
  flags.AddDuration(
      "drain-grace", &values.drain_grace,
      {.help = "after SIGTERM: how long all calls are still served, while health says not ready",
       .max = absl::Hours(1)});
  flags.AddDuration(
      "drain-timeout", &values.drain_timeout,
      {.help = "after that: how long calls in flight may take to end", .max = absl::Hours(1)});
  flags.AddBool("exit-with-parent", &values.exit_with_parent,
                "drain and exit when the process that started this one dies");
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
}

void PrintReady(const std::string& address) {
  nlohmann::ordered_json line;
  line["ready"] = true;
  line["address"] = address;
  line["pid"] = getpid();
  std::puts(line.dump().c_str());
  std::fflush(stdout);
}

absl::StatusOr<RootServerOptions> ReadOptions(const RootFlags& values) {
  if (values.default_timeout > values.max_timeout) {
    return UsageError("--default-timeout is longer than --max-timeout");
  }
  if (const absl::Status status = CheckAddress(values.listen); !status.ok()) {
    return UsageError(Concat("--listen: ", Message(status)));
  }
  RootServerOptions options;
  options.root.default_timeout = values.default_timeout;
  options.root.max_timeout = values.max_timeout;
  options.root.max_in_flight = values.max_in_flight;
  options.root.monitor = {.probe_interval = values.probe_interval,
                          .probe_timeout = values.probe_timeout};
  options.server.listen = values.listen;
  options.server.call_timeout = values.max_timeout + kCallTimeoutMargin;
  // The root's own limit speaks first.
  options.server.max_calls_in_flight += values.max_in_flight;
  options.drain = {.grace = values.drain_grace, .deadline = values.drain_timeout};
  return options;
}

void ServeUntilTold(RootServer& root, const RootFlags& values, SignalWaiter& signals) {
  while (signals.Wait() == SIGHUP) {
    auto topology = ReadTopology(LocalFileSystem(), values.topology);
    if (topology.ok()) {
      LogInfo("topology read again", {{"shards", topology->shards.size()}});
      root.SetTopology(*std::move(topology));
    } else {
      LogError("the old topology stays", {{"error", topology.status()}});
    }
  }
}

void DrainAndLog(RootServer& root, const RootFlags& values) {
  const absl::Duration limit = values.drain_grace + values.drain_timeout + kMaxExitTime;
  // A drain that hangs is a bug; do not live on.
  alarm(static_cast<unsigned>(absl::ToInt64Seconds(limit)));
  LogInfo("draining", {{"grace", values.drain_grace}, {"timeout", values.drain_timeout}});
  root.Drain();
  LogInfo("drained");
}

absl::Status RunRoot(const RootFlags& values) {
  const pid_t parent = getppid();
  SignalWaiter signals;  // before any thread
  if (values.exit_with_parent) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) return absl::CancelledError("the parent process has died");
  }
  ForwardGrpcLog();
  ForwardProtobufLog();
  ASSIGN_OR_RETURN(RootServerOptions options, ReadOptions(values));
  ASSIGN_OR_RETURN(Topology topology, ReadTopology(LocalFileSystem(), values.topology));
  options.on_ready = PrintReady;
  ASSIGN_OR_RETURN(const auto root, RootServer::Start(std::move(options), std::move(topology)));
  LogInfo("listening", {{"address", root->address()}});
  ServeUntilTold(*root, values, signals);
  DrainAndLog(*root, values);
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
