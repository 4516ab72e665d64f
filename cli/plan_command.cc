// `canopy plan`: the cheapest cluster that holds a latency objective.
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/flag_values.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/simulation_output.h"
#include "simulator/planner.h"

namespace canopy {
namespace {

struct PlanFlags {
  ModelFlags model;
  std::string objective;
  double qps = 0;
  double docs = 0;
  double docs_of_search_time = 1e6;
  int64_t min_replicas = 2;
  int64_t max_replicas = 3;
  int64_t max_leaves = 1024;
  std::string hedge = "any";
  int64_t count = 20000;
  bool json = false;
};

void AddFlags(FlagSet& flags, PlanFlags& values) {
  flags.Group("What is wanted");
  flags.AddString("slo", &values.objective,
                  {.value = "pQ=TIME",
                   .help = "p99=80ms: 99 % of the queries, failed ones counted as late",
                   .required = true});
  flags.AddDouble("qps", &values.qps,
                  {.help = "queries a second", .min = 0.001, .max = 1e7, .required = true});
  flags.AddDouble("docs", &values.docs,
                  {.help = "documents of the corpus", .min = 1, .max = 1e15, .required = true});
  AddTimeFlags(flags, values.model);
  flags.Group("Times, measured");
  flags.AddString("target", &values.model.address,
                  {.value = "HOST:PORT", .help = "address of a root that is asked instead"});
  AddSampleFlags(flags, values.model);
  AddShapeFlags(flags, values.model);
  flags.AddDouble("docs-of-search-time", &values.docs_of_search_time,
                  {.help = "documents of the shard that --search-time is of", .min = 1});
  flags.Group("What may be used");
  flags.AddInt("replicas-min", &values.min_replicas,
               {.help = "of every shard", .min = 1, .max = 100});
  flags.AddInt("replicas-max", &values.max_replicas,
               {.help = "of every shard", .min = 1, .max = 100});
  flags.AddInt("leaves-max", &values.max_leaves,
               {.help = "leaf processes, of all replicas", .min = 1, .max = 10000});
  flags.AddInt("cores-per-leaf", &values.model.threads,
               {.help = "search threads of a leaf process", .min = 1, .max = 1024});
  flags.AddString("hedge", &values.hedge,
                  {.value = "MODE", .help = "or any of them", .choices = {"off", "on", "any"}});
  flags.Group("Output");
  flags.AddInt("count", &values.count,
               {.help = "queries of a simulated run, at most", .min = 1000, .max = 100000000});
  flags.AddBool("json", &values.json, "one JSON object instead of text");
}

// "p99=80ms", "p99.9=1s".
absl::StatusOr<Objective> ReadObjective(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '=');
  const absl::Status wrong = UsageError(Concat("--slo: not like p99=80ms: ", text));
  if (parts.size() != 2 || !parts[0].starts_with('p')) return wrong;
  const absl::StatusOr<double> percent = ParseDouble(parts[0].substr(1));
  const absl::StatusOr<absl::Duration> latency = ParseDuration(parts[1]);
  if (!percent.ok() || !latency.ok()) return wrong;
  if (*percent <= 0 || *percent > 99.99 || *latency <= absl::ZeroDuration()) {
    return UsageError(Concat("--slo: p above 0 up to 99.99 and a time above 0, got ", text));
  }
  constexpr double kPercent = 100;
  return Objective{.quantile = *percent / kPercent, .latency = absl::ToInt64Nanoseconds(*latency)};
}

absl::StatusOr<PlanRequest> ReadRequest(const PlanFlags& values,
                                        const std::optional<MeasuredCluster>& measured) {
  PlanRequest request;
  ASSIGN_OR_RETURN(request.objective, ReadObjective(values.objective));
  if (values.min_replicas > values.max_replicas) {
    return UsageError("--replicas-min is above --replicas-max");
  }
  if (request.objective.latency > absl::ToInt64Nanoseconds(values.model.timeout)) {
    return UsageError("--slo asks for more time than --timeout gives");
  }
  request.qps = values.qps;
  request.docs = values.docs;
  request.docs_of_work = values.docs_of_search_time;
  if (measured) {
    request.work = measured->calibration.work;
    request.docs_of_work = static_cast<double>(measured->docs) / measured->calibration.shards;
  } else {
    ASSIGN_OR_RETURN(request.work, ReadWorkModel(values.model));
  }
  request.query = ReadQueryShape(values.model);
  request.min_replicas = static_cast<uint32_t>(values.min_replicas);
  request.max_replicas = static_cast<uint32_t>(values.max_replicas);
  request.max_leaves = static_cast<uint32_t>(values.max_leaves);
  request.threads_per_leaf = static_cast<uint32_t>(values.model.threads);
  ASSIGN_OR_RETURN(request.hedge_budget, ReadHedgeBudget(values.model));
  if (values.hedge != "on") request.hedge_modes.push_back(HedgeMode::kOff);
  if (values.hedge != "off") request.hedge_modes.push_back(HedgeMode::kOn);
  request.queries = static_cast<uint64_t>(values.count);
  request.seed = static_cast<uint64_t>(values.model.seed);
  return request;
}

std::vector<std::string> Assumptions(const PlanFlags& values, const PlanRequest& request,
                                     const std::optional<MeasuredCluster>& measured) {
  return {
      DescribeModel(values.model, measured),
      absl::StrFormat("a query's cost in a shard grows in proportion to its documents, from %.0f "
                      "documents; the fixed part does not",
                      request.docs_of_work),
      "every leaf process has its cores, memory and disk for itself, serves one shard, and is hit "
      "by "
      "delays independently of all others",
      absl::StrFormat("queries come at random times (Poisson), %g a second on average, each with "
                      "%d hits and a timeout of %s",
                      request.qps, request.query.k, absl::FormatDuration(values.model.timeout)),
      "all leaves are up: while one is down, its siblings carry its load too",
      "one root carries the load: its own processor time is in the times, its queue is not",
      absl::StrFormat("up to %d queries a run, fewer for large clusters; seed %d", request.queries,
                      request.seed),
  };
}

void ShowProgress(const PlanPoint& point) {
  std::fprintf(stderr,
               "%u shards x %u replicas, hedging %s, %g queries/s, %g documents: %.1f ms%s\n",
               point.shards, point.replicas, std::string(HedgeModeName(point.hedge)).c_str(),
               point.qps, point.docs, point.latency_us / 1000, point.holds ? ", holds" : "");
}

absl::Status RunPlan(const PlanFlags& values) {
  RETURN_IF_ERROR(ReadObjective(values.objective).status());
  std::optional<MeasuredCluster> measured;
  if (!values.model.address.empty()) {
    ASSIGN_OR_RETURN(measured, MeasureCluster(values.model));
  }
  ASSIGN_OR_RETURN(const PlanRequest request, ReadRequest(values, measured));
  ASSIGN_OR_RETURN(const Plan plan, MakePlan(request, ShowProgress));
  const std::vector<std::string> assumptions = Assumptions(values, request, measured);
  const std::string text =
      values.json ? PlanJson(request, plan, assumptions) : HumanPlan(request, plan, assumptions);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (plan.best) return absl::OkStatus();
  return absl::NotFoundError(Concat("no cluster of up to ", request.max_leaves,
                                    " leaf processes holds ", values.objective));
}

}  // namespace

int PlanCommand(int argc, char** argv) {
  PlanFlags values;
  FlagSet flags("canopy plan",
                "Finds the fewest leaf processes that hold a latency objective, by simulation, and "
                "what gives way first when load or corpus grow.");
  AddFlags(flags, values);
  return RunMain(flags, argc, argv, [&] { return RunPlan(values); });
}

}  // namespace canopy
