// canopy-leaf: serves shards of an index. Standard output has one line, of JSON, once it is ready;
// logs go to standard error.
#include "base/main.h"

#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/flag_values.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/strings.h"
#include "leaf/leaf_server.h"
#include "rpc/grpc_log.h"
#include "rpc/serving_flags.h"

namespace canopy {
namespace {

// While the first generation is loading, signals are looked at this often.
constexpr absl::Duration kLoadPollInterval = absl::Milliseconds(20);

struct LeafFlags {
  std::string index;
  std::string shards;
  bool verify = true;
  absl::Duration keep_previous = absl::Seconds(60);
  ServingFlags serving;
  absl::Duration default_timeout = absl::Seconds(30);
  int64_t threads = std::max(1u, std::thread::hardware_concurrency());
  int64_t max_queue = 1024;
  bool allow_fault_injection = false;
  std::string inject_delay;
  std::string inject_error;
  int64_t inject_seed = 1;
};

void AddFlags(FlagSet& flags, LeafFlags& values) {
  flags.Group("Index");
  flags.AddString("index", &values.index,
                  {.value = "DIR", .help = "index directory", .required = true});
  flags.AddString(
      "shards", &values.shards,
      {.value = "LIST", .help = "numbers of the shards to serve, such as 0,2; empty: all"});
  flags.AddBool("verify", &values.verify, "check every byte of a generation before it is served");
  flags.AddDuration(
      "keep-previous", &values.keep_previous,
      {.help = "how long the generation before the current one is still answered from"});
  AddServingFlags(flags, values.serving);
  flags.AddDuration("default-timeout", &values.default_timeout,
                    {.help = "longest that a call may take, also one without a deadline",
                     .min = absl::Milliseconds(1)});
  flags.Group("Load");
  flags.AddInt("threads", &values.threads, {.help = "search threads", .min = 1, .max = 1024});
  flags.AddInt("max-queue", &values.max_queue,
               {.help = "searches of one shard that may wait for a thread; more are refused",
                .min = 1,
                .max = 1 << 20});
  flags.Group("Faults on purpose, for tests and demonstrations");
  flags.AddBool("allow-fault-injection", &values.allow_fault_injection, "allow the --inject flags");
  flags.AddString("inject-delay", &values.inject_delay,
                  {.value = "SHARE:TIME[:exp]",
                   .help = "delay this share of the searches, such as 1%:50ms; exp: exponentially "
                           "distributed with TIME as the mean"});
  flags.AddString(
      "inject-error", &values.inject_error,
      {.value = "SHARE", .help = "answer this share of the searches with an error, such as 0.1%"});
  flags.AddInt("inject-seed", &values.inject_seed, {.help = "seed of the faults", .min = 0});
}

absl::StatusOr<std::vector<ShardId>> ParseShards(const std::string& text) {
  std::vector<ShardId> shards;
  if (text.empty()) return shards;
  for (const auto part : absl::StrSplit(text, ',')) {
    ShardId shard = 0;
    if (!absl::SimpleAtoi(part, &shard)) {
      return UsageError(
          Concat("--shards must be numbers separated by commas, such as 0,2, got \"", text, "\""));
    }
    shards.push_back(shard);
  }
  return shards;
}

absl::StatusOr<FaultOptions> ReadFaults(const FlagSet& flags, const LeafFlags& values) {
  FaultOptions faults;
  for (const char* const name : {"inject-delay", "inject-error", "inject-seed"}) {
    if (flags.IsGiven(name) && !values.allow_fault_injection) {
      return UsageError(Concat("--", name, " needs --allow-fault-injection"));
    }
  }
  if (!values.inject_delay.empty()) {
    const absl::Status status = ParseDelay(values.inject_delay, faults);
    if (!status.ok()) return UsageError(Concat("--inject-delay: ", Message(status)));
  }
  if (!values.inject_error.empty()) {
    const auto share = ParseShare(values.inject_error);
    if (!share.ok()) return UsageError(Concat("--inject-error: ", Message(share.status())));
    faults.error_share = *share;
  }
  faults.seed = values.inject_seed;
  return faults;
}

absl::StatusOr<LeafServerOptions> ReadOptions(const FlagSet& flags, const LeafFlags& values) {
  LeafServerOptions options;
  GenerationSource& source = options.service.generations.source;
  source.index = values.index;
  ASSIGN_OR_RETURN(source.shards, ParseShards(values.shards));
  source.verify = values.verify;
  source.threads = values.threads;
  options.service.generations.keep_previous = values.keep_previous;
  options.service.threads = values.threads;
  options.service.max_queue = values.max_queue;
  RETURN_IF_ERROR(CheckServingFlags(values.serving));
  options.server.listen = values.serving.listen;
  options.server.reflection = values.serving.reflection;
  options.server.call_timeout = values.default_timeout;
  options.drain = values.serving.drain();
  ASSIGN_OR_RETURN(options.faults, ReadFaults(flags, values));
  return options;
}

nlohmann::ordered_json ReadyLine(const LeafServer& leaf, const MetricsServer* metrics) {
  const v1::LeafStatus status = leaf.Status();
  return {{"ready", true},
          {"address", leaf.address()},
          {"metrics", MetricsAddress(metrics)},
          {"generation", status.collection().generation()},
          {"shards", std::vector<ShardId>(status.shards().begin(), status.shards().end())},
          {"pid", getpid()}};
}

// The signal that came first, or nullopt when the generation is loaded (or cannot be: the error).
absl::StatusOr<std::optional<int>> LoadFirstGeneration(LeafServer& leaf, SignalWaiter& signals) {
  absl::Notification loaded;
  absl::Status status;
  leaf.Load([&](const absl::Status& result) {
    status = result;
    loaded.Notify();
  });
  std::optional<int> signal;
  while (!loaded.HasBeenNotified() && !signal.has_value()) {
    signal = signals.WaitFor(kLoadPollInterval);
    if (signal == SIGHUP) signal.reset();  // it is loading already
  }
  if (signal.has_value()) leaf.StopLoading();
  loaded.WaitForNotification();
  if (!signal.has_value()) RETURN_IF_ERROR(status);
  return signal;
}

void ServeUntilTold(LeafServer& leaf, SignalWaiter& signals) {
  while (signals.Wait() == SIGHUP) {
    LogInfo("reloading");
    leaf.Load([](const absl::Status&) {});  // the outcome is logged where it happens
  }
}

absl::Status RunLeaf(const FlagSet& flags, const LeafFlags& values) {
  SignalWaiter signals;  // before any thread
  RETURN_IF_ERROR(FollowParent(values.serving));
  ForwardGrpcLog();
  ForwardProtobufLog();
  ASSIGN_OR_RETURN(LeafServerOptions options, ReadOptions(flags, values));
  ASSIGN_OR_RETURN(const auto leaf, LeafServer::Start(LocalFileSystem(), std::move(options)));
  LogInfo("listening", {{"address", leaf->address()}});
  ASSIGN_OR_RETURN(const auto metrics,
                   StartMetrics(values.serving, [&leaf] { return leaf->Metrics(); }));
  ASSIGN_OR_RETURN(const std::optional<int> signal, LoadFirstGeneration(*leaf, signals));
  if (!signal.has_value()) {
    PrintReady(ReadyLine(*leaf, metrics.get()));
    ServeUntilTold(*leaf, signals);
  }
  DrainWithin(values.serving, [&] { leaf->Drain(); });
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  LeafFlags values;
  FlagSet flags("canopy-leaf", "Serves shards of an index to roots.");
  AddFlags(flags, values);
  return RunMain(flags, argc, argv, [&] { return RunLeaf(flags, values); });
}

}  // namespace
}  // namespace canopy

int main(int argc, char** argv) { return canopy::Main(argc, argv); }
