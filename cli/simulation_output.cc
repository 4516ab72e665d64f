#include "cli/simulation_output.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "base/strings.h"
#include "cli/terminal_text.h"
#include "cli/text_table.h"

namespace canopy {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kPercent = 100;
constexpr double kNanosPerMicrosecond = 1000;

struct NamedQuantile {
  const char* name;
  double quantile;
};
constexpr NamedQuantile kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};

std::string Percent(double share) { return absl::StrFormat("%.2f %%", kPercent * share); }
std::string Whole(double number) { return WithThousands(static_cast<uint64_t>(number + 0.5)); }

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json RowToJson(const SimulationRow& row) {
  const SimulationReport& report = row.report;
  Json json = {{"shards", row.cluster.shards},
               {"leaves", row.cluster.leaves},
               {"replicas", row.cluster.replicas},
               {"threads", row.cluster.search_threads},
               {"hedge", std::string(HedgeModeName(row.hedge))},
               {"seed", report.seed},
               {"queries", report.queries},
               {"ok", report.ok},
               {"errors", report.errors},
               {"partial", report.partial}};
  for (const auto& [name, quantile] : kQuantiles) {
    json[Concat(name, "_us")] = report.latency_us.Quantile(quantile);
  }
  json["max_us"] = report.latency_us.max();
  json["mean_us"] = report.latency_us.mean();
  json["primary_calls"] = report.primary_calls;
  json["retries"] = report.retries;
  json["hedges"] = report.hedges;
  json["hedges_won"] = report.hedges_won;
  json["hedges_lost"] = report.hedges_lost;
  json["hedges_cancelled"] = report.hedges_cancelled;
  json["hedges_failed"] = report.hedges_failed;
  json["unhedged"] = report.unhedged;
  json["fetch_calls"] = report.fetch_calls;
  json["refused_calls"] = report.refused_calls;
  json["extra_load"] = report.extra_load();
  json["wasted_cpu_ratio"] = report.wasted_ratio();
  json["busiest_leaf"] = report.busiest_leaf;
  json["leaf_p50_us"] = report.leaf_time_us.Quantile(0.5);
  json["leaf_p99_us"] = report.leaf_time_us.Quantile(0.99);
  json["queue_wait_p99_us"] = report.queue_wait_us.Quantile(0.99);
  json["seconds"] = report.seconds;
  json["events"] = report.events;
  return json;
}

std::string ErrorsText(const SimulationReport& report) {
  std::string text;
  for (const auto& [name, count] : report.errors) {
    text += Concat(text.empty() ? "" : ", ", name, " ", WithThousands(count));
  }
  return text.empty() ? "none" : text;
}

Json PointToJson(const PlanPoint& point) {
  return {{"shards", point.shards},
          {"replicas", point.replicas},
          {"leaf_processes", point.processes()},
          {"hedge", std::string(HedgeModeName(point.hedge))},
          {"qps", point.qps},
          {"docs", point.docs},
          {"latency_us", point.latency_us},
          {"failed_share", point.failed_share},
          {"busiest_leaf", point.busiest_leaf},
          {"extra_load", point.extra_load},
          {"holds", point.holds}};
}

std::string CauseOf(const Limit& limit) {
  return limit.by_load ? "queues: its busiest leaf works " + Percent(limit.beyond.busiest_leaf) +
                             " of the time"
                       : "single queries take too long: the leaves are not full (" +
                             Percent(limit.beyond.busiest_leaf) + ")";
}

Json LimitToJson(const std::optional<Limit>& limit) {
  if (!limit) return nullptr;
  return {{"holds_up_to_factor", limit->factor},
          {"cause", limit->by_load ? "queues" : "slow queries"},
          {"beyond", PointToJson(limit->beyond)}};
}

std::string PointText(const PlanPoint& point, const PlanRequest& request) {
  return absl::StrFormat(
      "%d leaf processes (%d cores): %d shards x %d replicas, hedging %s; p%g %s, busiest leaf %s, "
      "extra load %s, failed %s\n",
      point.processes(), point.processes() * request.threads_per_leaf, point.shards, point.replicas,
      std::string(HedgeModeName(point.hedge)), kPercent * request.objective.quantile,
      HumanMicroseconds(static_cast<uint64_t>(point.latency_us)), Percent(point.busiest_leaf),
      Percent(point.extra_load), Percent(point.failed_share));
}

std::string LimitText(std::string_view what, double now, const std::optional<Limit>& limit) {
  if (!limit) return Concat(what, ": holds as far as was looked (64 times)\n");
  return absl::StrFormat("%s: holds up to %.2f times (%s); then %s\n", std::string(what),
                         limit->factor, Whole(now * limit->factor), CauseOf(*limit));
}

// Which of the two gives way first, and nothing when neither does.
std::string FirstToBreak(const Plan& plan) {
  if (!plan.load && !plan.docs) return "";
  const bool load = plan.load && (!plan.docs || plan.load->factor <= plan.docs->factor);
  return load ? "load" : "documents";
}

}  // namespace

std::string HumanSimulation(const std::vector<SimulationRow>& rows, std::string_view model) {
  TextTable table({">leaves", ">replicas", "hedge", ">p50 ms", ">p90 ms", ">p95 ms", ">p99 ms",
                   ">p99.9 ms", ">extra load", ">hedges", ">won", ">wasted", ">busiest", ">partial",
                   ">failed"});
  for (const SimulationRow& row : rows) {
    const SimulationReport& report = row.report;
    std::vector<std::string> cells = {absl::StrCat(row.cluster.leaves),
                                      absl::StrCat(row.cluster.replicas),
                                      std::string(HedgeModeName(row.hedge))};
    for (const auto& [name, quantile] : kQuantiles) {
      cells.push_back(absl::StrFormat(
          "%.2f",
          static_cast<double>(report.latency_us.Quantile(quantile)) / kNanosPerMicrosecond));
    }
    for (const std::string& cell :
         {Percent(report.extra_load()), WithThousands(report.hedges),
          WithThousands(report.hedges_won), Percent(report.wasted_ratio()),
          Percent(report.busiest_leaf), WithThousands(report.partial),
          WithThousands(report.queries - report.ok)}) {
      cells.push_back(cell);
    }
    table.AddRow(std::move(cells));
  }
  std::string out = table.ToString();
  for (const SimulationRow& row : rows) {
    if (row.report.errors.empty()) continue;
    out += Concat(row.cluster.leaves, " leaves, hedge ", HedgeModeName(row.hedge),
                  ": errors: ", ErrorsText(row.report), "\n");
  }
  const SimulationReport& first = rows.front().report;
  return out + Concat(WithThousands(first.queries), " queries a row, seed ", first.seed, "; ",
                      model, "\n");
}

std::string SimulationJson(const std::vector<SimulationRow>& rows, std::string_view model) {
  Json json = {{"model", std::string(model)}, {"rows", Json::array()}};
  for (const SimulationRow& row : rows) json["rows"].push_back(RowToJson(row));
  return Dump(json);
}

std::string HumanPlan(const PlanRequest& request, const Plan& plan,
                      const std::vector<std::string>& assumptions) {
  std::string out;
  if (plan.best) {
    out += "plan       " + PointText(*plan.best, request);
    out += "runner-up  " +
           (plan.runner_up ? PointText(*plan.runner_up, request) : std::string("none holds\n"));
    out += "\nWhat breaks first when it grows: " +
           (FirstToBreak(plan).empty() ? "neither" : FirstToBreak(plan)) + "\n";
    out += "  " + LimitText("queries a second", request.qps, plan.load);
    out += "  " + LimitText("documents", request.docs, plan.docs);
  } else {
    out += Concat("nothing holds with at most ", request.max_leaves, " leaf processes; tried:\n");
    for (const PlanPoint& point : plan.tried) out += "  " + PointText(point, request);
  }
  out += "\nAssumptions\n";
  for (const std::string& assumption : assumptions) out += "- " + assumption + "\n";
  return out;
}

std::string PlanJson(const PlanRequest& request, const Plan& plan,
                     const std::vector<std::string>& assumptions) {
  Json json = {
      {"quantile", request.objective.quantile},
      {"objective_us", static_cast<double>(request.objective.latency) / kNanosPerMicrosecond},
      {"qps", request.qps},
      {"docs", request.docs},
      {"threads_per_leaf", request.threads_per_leaf},
      {"seed", request.seed}};
  json["plan"] = plan.best ? PointToJson(*plan.best) : Json(nullptr);
  json["runner_up"] = plan.runner_up ? PointToJson(*plan.runner_up) : Json(nullptr);
  json["first_to_break"] = FirstToBreak(plan).empty() ? Json(nullptr) : Json(FirstToBreak(plan));
  json["load_limit"] = LimitToJson(plan.load);
  json["docs_limit"] = LimitToJson(plan.docs);
  json["tried"] = Json::array();
  for (const PlanPoint& point : plan.tried) json["tried"].push_back(PointToJson(point));
  json["assumptions"] = assumptions;
  return Dump(json);
}

}  // namespace canopy
