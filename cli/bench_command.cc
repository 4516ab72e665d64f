// `canopy bench load`: flags, and then load_generator.h.
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/main.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/client_input.h"
#include "cli/commands.h"
#include "cli/load_generator.h"
#include "cli/remote_cluster.h"

namespace canopy {
namespace {

struct LoadFlags {
  std::string target;
  std::string queries;
  double qps = 100;
  double seconds = 10;
  std::string arrivals = "poisson";
  int64_t seed = 1;
  int64_t size = 10;
  absl::Duration timeout = absl::Seconds(5);
  double min_coverage = 1;
  bool omit_fields = false;
  bool omit_ids = false;
  int64_t max_in_flight = 20000;
  bool timeline = false;
  int64_t slowest = 0;
  bool json = false;
};

// --timeline keeps four bytes for each.
constexpr double kMaxTimelineQueries = 5e7;

void AddFlags(FlagSet& flags, LoadFlags& options) {
  flags.Group("Input");
  flags.AddString("target", &options.target,
                  {.value = "HOST:PORT", .help = "address of a root", .required = true});
  flags.AddString("queries", &options.queries,
                  {.value = "FILE",
                   .help = "one query a line, drawn at random; may be a pipe",
                   .required = true});
  flags.Group("Load");
  flags.AddDouble("qps", &options.qps, {.help = "queries a second", .min = 0.01, .max = 1e6});
  flags.AddDouble("seconds", &options.seconds, {.help = "how long", .min = 0.1, .max = 86400});
  flags.AddString("arrivals", &options.arrivals,
                  {.value = "NAME",
                   .help = "poisson: at random; fixed: at equal distances",
                   .choices = {"poisson", "fixed"}});
  flags.AddInt("seed", &options.seed, {.help = "of arrivals and choice of queries", .min = 0});
  flags.AddInt("max-in-flight", &options.max_in_flight,
               {.help = "queries that wait for an answer; one more counts as RESOURCE_EXHAUSTED",
                .min = 1,
                .max = 1000000});
  flags.Group("Query");
  flags.AddInt("size", &options.size, {.help = "hits wanted", .min = 1, .max = 10000});
  flags.AddDuration("timeout", &options.timeout,
                    {.help = "of each query", .min = absl::Milliseconds(1), .max = absl::Hours(1)});
  flags.AddDouble("min-coverage", &options.min_coverage,
                  {.help = "share of the documents that must be searched", .min = 0, .max = 1});
  flags.AddBool("omit-fields", &options.omit_fields, "do not ask for stored fields");
  flags.AddBool("omit-ids", &options.omit_ids, "do not ask for external ids and stored fields");
  flags.Group("Output");
  flags.AddBool("timeline", &options.timeline,
                "also for every second: queries sent in it, how many of them were answered, and "
                "the p99 of these");
  flags.AddInt("slowest", &options.slowest,
               {.help = "of so many of the slowest queries: where their time went, call by call",
                .min = 0,
                .max = 1000});
  flags.AddBool("json", &options.json, "one JSON object instead of text");
}

LoadOptions MakeLoadOptions(const LoadFlags& flags) {
  LoadOptions options;
  options.qps = flags.qps;
  options.duration = absl::Seconds(flags.seconds);
  options.arrivals = flags.arrivals == "fixed" ? Arrivals::kFixed : Arrivals::kPoisson;
  options.seed = static_cast<uint64_t>(flags.seed);
  options.timeout = flags.timeout;
  options.max_in_flight = static_cast<uint64_t>(flags.max_in_flight);
  options.request.set_k(static_cast<uint32_t>(flags.size));
  options.request.set_min_coverage(flags.min_coverage);
  options.request.set_omit_fields(flags.omit_fields);
  options.request.set_omit_ids(flags.omit_ids);
  options.timeline = flags.timeline;
  options.slowest = static_cast<size_t>(flags.slowest);
  options.request.set_trace(flags.slowest > 0);
  return options;
}

absl::Status RunLoadCommand(const LoadFlags& flags) {
  RETURN_IF_ERROR(CheckTarget(flags.target));
  if (flags.timeline && flags.qps * flags.seconds > kMaxTimelineQueries) {
    return UsageError(Concat("--timeline: --qps x --seconds is ", flags.qps * flags.seconds,
                             " queries, the limit is ", kMaxTimelineQueries));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> queries, ReadQueries(flags.queries));
  SignalWaiter signals({SIGINT, SIGTERM});  // before any thread
  constexpr absl::Duration kStatusTimeout = absl::Seconds(10);
  RemoteCluster cluster(flags.target);
  ASSIGN_OR_RETURN(const v1::ClusterStatus before, cluster.Status(kStatusTimeout));
  prctl(PR_SET_TIMERSLACK, 1UL);  // sleeps end when they should, not up to 50 us later
  const LoadReport report = RunLoad(
      cluster.client(), queries, MakeLoadOptions(flags), SteadyClock(),
      [&signals](absl::Time at) { return !signals.WaitFor(at - SteadyClock().Now()).has_value(); });
  const absl::StatusOr<v1::ClusterStatus> after = cluster.Status(kStatusTimeout);
  std::optional<ClusterWork> work;
  if (after.ok()) {
    work = WorkBetween(before, *after);
  } else {  // what was measured is no less true
    LogWarning("the root does not tell what the cluster did", {{"error", Message(after.status())}});
  }
  const std::string text =
      flags.json ? LoadJson(report, work) + "\n" : HumanLoad(report, work, ShapeOf(STDOUT_FILENO));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return absl::OkStatus();
}

int LoadCommand(int argc, char** argv) {
  LoadFlags options;
  FlagSet flags(
      "canopy bench load",
      "Sends queries at a fixed rate, whether or not answers come, and measures latency from "
      "the time at which each was to be sent. Ctrl-C ends it early; what was sent is reported.");
  AddFlags(flags, options);
  return RunMain(flags, argc, argv, [&] { return RunLoadCommand(options); });
}

}  // namespace

int BenchCommand(int argc, char** argv) {
  constexpr Subcommand kSubcommands[] = {
      {"load", "an open-loop load on a running cluster", LoadCommand},
      {"sweep", "latency against the number of leaves, with stragglers, beside its limit",
       SweepSubcommand},
  };
  return RunSubcommand("canopy bench", "Measures clusters.", kSubcommands, argc, argv);
}

}  // namespace canopy
