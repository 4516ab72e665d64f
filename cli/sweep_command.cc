// `canopy bench sweep`: flags, and then sweep.h.
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/main.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/child_process.h"
#include "cli/client_input.h"
#include "cli/commands.h"
#include "cli/sweep.h"
#include "cli/sweep_report.h"
#include "cli/sweep_runner.h"
#include "shard/generation.h"

namespace canopy {
namespace {

// gnuplot is stopped after this.
constexpr absl::Duration kPlotTimeout = absl::Seconds(60);
constexpr int kCommandNotFound = 127;  // a shell's exit status

struct SweepFlags {
  std::string index;
  std::string queries;
  std::string output;
  std::string leaves = "1,2,4,8,16";
  std::string replicas = "1,2";
  std::string hedge = "off,on";
  std::string straggler = "1%:50ms:exp";
  double qps = 0;
  double seconds = 30;
  absl::Duration warm_up = absl::Seconds(5);
  int64_t repeats = 1;
  int64_t min_queries = 10000;
  int64_t seed = 1;
  int64_t size = 10;
  bool omit_fields = false;
  absl::Duration timeout = absl::Seconds(5);
  int64_t limit_queries = 1000;
  int64_t limit_repeats = 5;
  std::string note;
  bool json = false;
};

void AddClusterFlags(FlagSet& flags, SweepFlags& options) {
  flags.Group("Clusters");
  flags.AddString("index", &options.index,
                  {.value = "DIR", .help = "index directory", .required = true});
  flags.AddString(
      "leaves", &options.leaves,
      {.value = "LIST", .help = "leaf processes of a replica; at most the shards of the index"});
  flags.AddString("replicas", &options.replicas,
                  {.value = "LIST", .help = "copies of every shard"});
  flags.AddString("hedge", &options.hedge, {.value = "LIST", .help = "of off, shadow, on"});
  flags.AddString("straggler", &options.straggler,
                  {.value = "SHARE:TIME[:exp]",
                   .help = "share of the calls that a leaf delays, by sleeping, and for how long; "
                           "exp: exponentially distributed with TIME as the mean"});
}

void AddLoadFlags(FlagSet& flags, SweepFlags& options) {
  flags.Group("Load");
  flags.AddString("queries", &options.queries,
                  {.value = "FILE",
                   .help = "one query a line, drawn at random; may be a pipe",
                   .required = true});
  flags.AddDouble("qps", &options.qps,
                  {.help = "queries a second; 0: at most 40 % of what a calm cluster of the most "
                           "leaves can answer, which is measured first",
                   .min = 0,
                   .max = 1e6});
  flags.AddDouble("seconds", &options.seconds,
                  {.help = "load of each case", .min = 0.1, .max = 86400});
  flags.AddDuration("warm-up", &options.warm_up,
                    {.help = "of each cluster, under the same load", .max = absl::Hours(1)});
  flags.AddInt("repeats", &options.repeats,
               {.help = "of every case; the medians are printed", .min = 1, .max = 1000});
  flags.AddInt("min-queries", &options.min_queries,
               {.help = "answers of a case from which on its p99.9 is printed", .min = 1});
  flags.AddInt("seed", &options.seed, {.help = "of arrivals and choice of queries", .min = 0});
  flags.AddInt("size", &options.size, {.help = "hits wanted", .min = 1, .max = 10000});
  flags.AddBool("omit-fields", &options.omit_fields, "do not ask for stored fields");
  flags.AddDuration("timeout", &options.timeout,
                    {.help = "of each query", .min = absl::Milliseconds(1), .max = absl::Hours(1)});
  flags.Group("Limit");
  flags.AddInt("limit-queries", &options.limit_queries,
               {.help = "queries that are replayed alone", .min = 1, .max = 1000000});
  flags.AddInt("limit-repeats", &options.limit_repeats,
               {.help = "how often each, within a minute in all", .min = 1, .max = 1000});
}

void AddOutputFlags(FlagSet& flags, SweepFlags& options) {
  flags.Group("Output");
  flags.AddString("output", &options.output,
                  {.value = "DIR", .help = "where the results are written", .required = true});
  flags.AddString("note", &options.note,
                  {.value = "TEXT", .help = "kept in sweep.json, such as the commit"});
  flags.AddBool("json", &options.json, "print sweep.json instead of the table");
}

absl::StatusOr<SweepAxes> ReadAxes(const SweepFlags& flags, uint32_t shards) {
  SweepAxes axes;
  const auto wrong = [](std::string_view flag, const absl::Status& status) {
    return UsageError(Concat(flag, ": ", Message(status)));
  };
  const absl::StatusOr<std::vector<uint32_t>> leaves = ParseCounts(flags.leaves);
  if (!leaves.ok()) return wrong("--leaves", leaves.status());
  const absl::StatusOr<std::vector<uint32_t>> replicas = ParseCounts(flags.replicas);
  if (!replicas.ok()) return wrong("--replicas", replicas.status());
  const absl::StatusOr<std::vector<std::string>> hedge = ParseHedgeModes(flags.hedge);
  if (!hedge.ok()) return wrong("--hedge", hedge.status());
  axes = {*leaves, *replicas, *hedge};
  std::sort(axes.leaves.begin(), axes.leaves.end());
  if (const absl::Status status = CheckAxes(axes, shards); !status.ok()) {
    return UsageError(Message(status));
  }
  if (const absl::Status status = CheckStraggler(flags.straggler); !status.ok()) {
    return wrong("--straggler", status);
  }
  return axes;
}

absl::StatusOr<SweepRunnerOptions> ReadRunnerOptions(const SweepFlags& flags,
                                                     std::vector<std::string> queries) {
  SweepRunnerOptions options;
  ASSIGN_OR_RETURN(const std::string binaries, ExecutableDirectory());
  options.cluster = {.canopy = binaries + "/canopy",
                     .index = flags.index,
                     .log = flags.output + "/up.log",
                     .straggler = flags.straggler};
  options.queries = std::move(queries);
  options.load.qps = flags.qps;
  options.load.duration = absl::Seconds(flags.seconds);
  options.load.seed = static_cast<uint64_t>(flags.seed);
  options.load.timeout = flags.timeout;
  options.load.request.set_k(static_cast<uint32_t>(flags.size));
  options.load.request.set_omit_fields(flags.omit_fields);
  options.warm_up = flags.warm_up;
  options.clean_queries = static_cast<size_t>(flags.limit_queries);
  options.clean_repeats = static_cast<int>(flags.limit_repeats);
  return options;
}

SweepDuration DurationOf(const SweepFlags& flags, const SweepOptions& options,
                         const SweepRunnerOptions& runner) {
  return DurationOf(options.axes,
                    {.start = kSweepStartTimeout + kSweepStopTimeout,
                     .stop = kSweepStopTimeout,
                     .warm_up = runner.warm_up,
                     .load = runner.load.duration,
                     .drain = 4 * runner.load.timeout,  // of the warm-up and of the load
                     .clean = runner.clean_time,
                     .ramp = flags.qps > 0 ? absl::ZeroDuration()
                                           : kRampSteps * (kRampStep + 2 * runner.load.timeout),
                     .repeats = options.repeats});
}

// The value of a line "name : value" or "name=value" of a file; empty when there is none.
std::string LineOf(const std::string& path, std::string_view name) {
  const absl::StatusOr<std::string> text = ReadInput(path);
  if (!text.ok()) return "";
  const size_t begin = text->find(Concat("\n", name));
  const size_t line = text->starts_with(name) ? 0 : begin == std::string::npos ? begin : begin + 1;
  if (line == std::string::npos) return "";
  std::string value = text->substr(line + name.size());
  value.resize(std::min(value.size(), value.find('\n')));
  const size_t first = value.find_first_not_of(" \t:=\"");
  const size_t last = value.find_last_not_of(" \t\"");
  return first == std::string::npos ? "" : value.substr(first, last - first + 1);
}

SweepContext MakeContext(const SweepFlags& flags, const GenerationInfo& generation,
                         const std::vector<std::string>& queries) {
  SweepContext context;
  context.date = absl::FormatTime("%Y-%m-%d %H:%M", absl::Now(), absl::UTCTimeZone());
  context.note = flags.note;
  context.cpu = LineOf("/proc/cpuinfo", "model name");
  context.system = LineOf("/etc/os-release", "PRETTY_NAME");
  utsname names;
  if (uname(&names) == 0) context.kernel = names.release;
  if (getloadavg(&context.load_before, 1) != 1) context.load_before = 0;
  context.processors = static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN));
  context.memory_bytes =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  context.index = flags.index;
  context.generation = generation.number;
  context.docs = generation.docs;
  context.checksum = generation.CollectionChecksum();
  context.shards = generation.num_shards();
  context.queries = flags.queries;
  context.num_queries = queries.size();
  context.queries_checksum = Checksum(absl::StrJoin(queries, "\n"));
  context.straggler = flags.straggler;
  context.seconds = flags.seconds;
  context.warm_up_seconds = absl::ToDoubleSeconds(flags.warm_up);
  context.seed = static_cast<uint64_t>(flags.seed);
  context.size = static_cast<uint64_t>(flags.size);
  context.omit_fields = flags.omit_fields;
  return context;
}

// Draws the plots in `directory`; why not, otherwise.
absl::Status DrawPlots(const std::string& directory) {
  ASSIGN_OR_RETURN(const auto child,
                   ChildProcess::Start({"/bin/sh", "-c",
                                        R"(cd "$0" && command -v gnuplot >/dev/null || exit 127; )"
                                        "exec gnuplot sweep.gp",
                                        directory}));
  const absl::Time limit = SteadyClock().Now() + kPlotTimeout;
  while (!child->Reap()) {
    if (SteadyClock().Now() >= limit) {
      return absl::DeadlineExceededError(
          Concat("gnuplot takes longer than ", absl::FormatDuration(kPlotTimeout)));
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  if (child->exit().signal == 0 && child->exit().status == kCommandNotFound) {
    return absl::NotFoundError(
        "gnuplot is missing (Debian: apt-get install gnuplot-nox); after that: gnuplot sweep.gp");
  }
  if (child->exit().signal != 0 || child->exit().status != 0) {
    return absl::InternalError("gnuplot failed; its messages stand above");
  }
  return absl::OkStatus();
}

// Writes what there is so far, so that it is there however the sweep ends.
absl::Status WriteResults(const std::string& directory, const SweepContext& context,
                          const SweepOptions& options, const std::vector<SweepRow>& rows) {
  FileSystem& files = LocalFileSystem();
  const std::pair<const char*, std::string> contents[] = {
      {"sweep.json", SweepJson(context, options, rows)},
      {"sweep.txt", SweepTable(rows)},
      {"sweep.dat", PlotData(rows)},
      {"sweep.gp", PlotScript(rows, context.straggler)}};
  for (const auto& [name, text] : contents) {
    RETURN_IF_ERROR(WriteFileAtomically(files, Concat(directory, "/", name), text));
  }
  return absl::OkStatus();
}

void Say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

void SayDuration(const SweepDuration& duration) {
  const auto minutes = [](absl::Duration time) { return absl::ToDoubleMinutes(time); };
  Say(
      absl::StrFormat("%d clusters, one after the other: %.1f to %.1f minutes; Ctrl-C "
                      "ends it early and leaves what was measured",
                      duration.clusters, minutes(duration.at_least), minutes(duration.at_most)));
}

absl::Status ChooseQps(SweepRunner& runner, SweepOptions& options, SweepContext& context) {
  const uint32_t leaves = options.axes.leaves.back();
  Say(absl::StrFormat("measuring what %d calm leaves can answer", leaves));
  ASSIGN_OR_RETURN(context.capacity_qps, runner.Capacity(leaves));
  options.qps = QpsFor(context.capacity_qps);
  if (options.qps <= 0) {
    return absl::InternalError("no query was answered while the capacity was measured");
  }
  Say(absl::StrFormat("%.0f queries a second; the load is %g, at most 40 %% of that",
                      context.capacity_qps, options.qps));
  runner.set_qps(options.qps);
  return absl::OkStatus();
}

absl::Status MeasureAll(const SweepFlags& flags, const SweepOptions& options,
                        const SweepContext& context, SweepRunner& runner,
                        std::vector<SweepRow>& rows) {
  absl::Status written;
  const MeasureCase measure = [&](const SweepCase& sweep_case, uint32_t repeat,
                                  CleanTimes* clean) -> absl::StatusOr<CaseRun> {
    RETURN_IF_ERROR(written);
    Say(absl::StrFormat("%d leaves, %s, repeat %d of %d", sweep_case.leaves, sweep_case.Series(),
                        repeat + 1, options.repeats));
    return runner.Measure(sweep_case, repeat, clean);
  };
  RETURN_IF_ERROR(RunSweep(options, measure, [&](const std::vector<SweepRow>& so_far) {
    rows = so_far;
    written = WriteResults(flags.output, context, options, rows);
  }));
  return written;
}

absl::Status RunSweepCommand(const SweepFlags& flags) {
#ifndef NDEBUG
  return absl::FailedPreconditionError("a debug build measures nothing, use the release preset");
#endif
  ASSIGN_OR_RETURN(const GenerationInfo generation,
                   ReadCurrentGeneration(LocalFileSystem(), flags.index));
  SweepOptions options;
  ASSIGN_OR_RETURN(options.axes, ReadAxes(flags, generation.num_shards()));
  options.qps = flags.qps;
  options.repeats = static_cast<uint32_t>(flags.repeats);
  options.min_queries = static_cast<uint64_t>(flags.min_queries);
  ASSIGN_OR_RETURN(std::vector<std::string> queries, ReadQueries(flags.queries));
  SweepContext context = MakeContext(flags, generation, queries);
  ASSIGN_OR_RETURN(SweepRunnerOptions runner_options, ReadRunnerOptions(flags, std::move(queries)));
  RETURN_IF_ERROR(LocalFileSystem().CreateDirectory(flags.output));

  SignalWaiter signals({SIGINT, SIGTERM});  // before any thread
  prctl(PR_SET_TIMERSLACK, 1UL);            // sleeps end when they should, not up to 50 us later
  bool stopped = false;
  const WaitUntil wait_until = [&](absl::Time at) {
    stopped = stopped || signals.WaitFor(at - SteadyClock().Now()).has_value();
    return !stopped;
  };
  SayDuration(DurationOf(flags, options, runner_options));
  SweepRunner runner(std::move(runner_options), wait_until);
  std::vector<SweepRow> rows;
  absl::Status status = absl::OkStatus();
  if (options.qps <= 0) status = ChooseQps(runner, options, context);
  if (status.ok()) status = MeasureAll(flags, options, context, runner, rows);
  if (stopped) status = absl::OkStatus();
  if (rows.empty()) {
    return status.ok() ? absl::CancelledError("stopped before anything was measured") : status;
  }
  const std::string text = flags.json ? SweepJson(context, options, rows) : SweepTable(rows);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (const absl::Status plots = DrawPlots(flags.output); !plots.ok()) {
    Say(Concat("no plots: ", Message(plots)));
  }
  return status;
}

}  // namespace

int SweepSubcommand(int argc, char** argv) {
  SweepFlags options;
  FlagSet flags("canopy bench sweep",
                "Puts the same load on local clusters of more and more leaves, calm and with "
                "stragglers, without and with hedging, and shows the latency beside what cannot be "
                "beaten. Ctrl-C ends it early; what was measured is kept.");
  AddClusterFlags(flags, options);
  AddLoadFlags(flags, options);
  AddOutputFlags(flags, options);
  return RunMain(flags, argc, argv, [&] { return RunSweepCommand(options); });
}

}  // namespace canopy
