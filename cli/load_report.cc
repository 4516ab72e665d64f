// How a load report is printed (load_generator.h).
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "base/strings.h"
#include "cli/json_output.h"
#include "cli/load_generator.h"
#include "cli/terminal_text.h"
#include "cli/text_table.h"
#include "cli/waterfall.h"

namespace canopy {
namespace {

struct NamedQuantile {
  const char* name;
  double quantile;
};
constexpr NamedQuantile kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};

using Json = nlohmann::ordered_json;

Json ErrorLatencyJson(const LoadReport& report) {
  Json json = Json::object();
  for (const auto& [status, latency_us] : report.error_latency_us) {
    json[status] = {{"p50_us", latency_us.Quantile(0.5)},
                    {"p99_us", latency_us.Quantile(0.99)},
                    {"max_us", latency_us.max()}};
  }
  return json;
}

Json TimelineJson(const std::vector<LoadSecond>& timeline) {
  Json json = Json::array();
  for (size_t second = 0; second < timeline.size(); ++second) {
    const size_t ok = timeline[second].latency_us.size();
    json.push_back({{"second", second},
                    {"sent", timeline[second].sent},
                    {"ok", ok},
                    {"p99_us", ok == 0 ? Json(nullptr) : Json(timeline[second].p99_us())}});
  }
  return json;
}

TextTable TimelineTable(const std::vector<LoadSecond>& timeline) {
  TextTable table({">second", ">sent", ">answered", ">p99 us"});
  for (size_t second = 0; second < timeline.size(); ++second) {
    const size_t ok = timeline[second].latency_us.size();
    table.AddRow({absl::StrCat(second), absl::StrCat(timeline[second].sent), absl::StrCat(ok),
                  ok == 0 ? "-" : absl::StrCat(timeline[second].p99_us())});
  }
  return table;
}

std::string HumanSlowest(const std::vector<SlowQuery>& slowest, const TerminalShape& shape) {
  std::string out;
  for (const SlowQuery& slow : slowest) {
    out += Concat("\n", HumanMicroseconds(slow.latency_us), ": ", CleanText(slow.query), "\n",
                  AttemptsWaterfall(slow.response, shape), "\n",
                  LedgerBars(slow.response.ledger(), shape));
  }
  return out;
}

// The query, and what `canopy search --json --trace` says of it.
Json SlowestJson(const std::vector<SlowQuery>& slowest) {
  Json json = Json::array();
  for (const SlowQuery& slow : slowest) {
    const std::string answer = SearchJson(
        slow.response, {.client_us = slow.latency_us, .with_hits = false, .with_attempts = true});
    Json each = {{"query", slow.query}, {"latency_us", slow.latency_us}};
    each.update(Json::parse(answer));
    json.push_back(std::move(each));
  }
  return json;
}

std::string HumanWork(const std::optional<ClusterWork>& work) {
  if (!work) return "leaf calls, extra load and wasted search time: unknown\n";
  return absl::StrFormat(
      "leaf calls: %d primary, %d retries, %d hedges (extra load %.2f %%); wasted search time "
      "%.2f %%\n",
      work->primary_calls, work->retries, work->hedges, 100 * work->extra_load(),
      100 * work->wasted_cpu_ratio());
}

Json WorkJson(const std::optional<ClusterWork>& work) {
  const ClusterWork known = work.value_or(ClusterWork());
  Json json = {{"primary_calls", known.primary_calls},
               {"retries", known.retries},
               {"hedges", known.hedges},
               {"extra_load", known.extra_load()},
               {"wasted_cpu_ratio", known.wasted_cpu_ratio()}};
  if (!work) {
    for (Json& value : json) value = nullptr;
  }
  return json;
}

}  // namespace

std::string HumanLoad(const LoadReport& report, const std::optional<ClusterWork>& work,
                      const TerminalShape& shape) {
  std::string out =
      absl::StrFormat("sent %s, answered %s (%.1f per second over %.1f s), partial %s\n",
                      WithThousands(report.sent), WithThousands(report.ok), report.achieved_qps(),
                      report.seconds, WithThousands(report.partial));
  for (const auto& [status, count] : report.errors) {
    out += Concat("failed with ", status, ": ", WithThousands(count));
    const auto latency = report.error_latency_us.find(status);
    if (latency != report.error_latency_us.end()) {
      out += Concat(", after ", latency->second.Quantile(0.5), " us (p50), ",
                    latency->second.Quantile(0.99), " us (p99)");
    }
    out += "\n";
  }
  TextTable table({"latency", ">us"});
  for (const auto& [name, quantile] : kQuantiles) {
    table.AddRow({name, absl::StrCat(report.latency_us.Quantile(quantile))});
  }
  table.AddRow({"max", absl::StrCat(report.latency_us.max())});
  out += table.ToString();
  if (!report.timeline.empty()) out += TimelineTable(report.timeline).ToString();
  return out + HumanWork(work) + HumanSlowest(report.slowest, shape);
}

std::string LoadJson(const LoadReport& report, const std::optional<ClusterWork>& work) {
  Json json = {{"sent", report.sent},
               {"ok", report.ok},
               {"errors", report.errors},
               {"error_latency", ErrorLatencyJson(report)},
               {"partial", report.partial}};
  for (const auto& [name, quantile] : kQuantiles) {
    json[Concat(name, "_us")] = report.latency_us.Quantile(quantile);
  }
  json["max_us"] = report.latency_us.max();
  json["mean_us"] = report.latency_us.mean();
  json["seconds"] = report.seconds;
  json["achieved_qps"] = report.achieved_qps();
  json.update(WorkJson(work));
  if (!report.timeline.empty()) json["timeline"] = TimelineJson(report.timeline);
  if (!report.slowest.empty()) json["slowest"] = SlowestJson(report.slowest);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace canopy
