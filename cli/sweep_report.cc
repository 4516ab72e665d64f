#include "cli/sweep_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "base/version.h"
#include "cli/text_table.h"

namespace canopy {
namespace {

using Json = nlohmann::ordered_json;

std::string Milliseconds(uint64_t us) {
  return absl::StrFormat("%.2f", static_cast<double>(us) / 1000);
}

std::string Percent(double share) { return absl::StrFormat("%.2f %%", 100 * share); }

void AddTail(const std::string& name, const std::optional<Tail>& tail, Json& json) {
  const auto add = [&](const char* quantile, const std::optional<uint64_t>& us) {
    json[name + quantile] = us.has_value() ? Json(*us) : Json(nullptr);
  };
  add("p50_us", tail ? std::optional(tail->p50_us) : std::nullopt);
  add("p99_us", tail ? std::optional(tail->p99_us) : std::nullopt);
  add("p999_us", tail ? tail->p999_us : std::nullopt);
}

Json RowJson(const SweepRow& row) {
  const SweepCase& sweep_case = row.sweep_case;
  Json json = {{"leaves", sweep_case.leaves},
               {"replicas", sweep_case.replicas},
               {"hedge", sweep_case.hedge},
               {"straggler", !sweep_case.calm},
               {"series", sweep_case.Series()},
               {"repeats", row.repeats},
               {"offered_qps", row.offered_qps},
               {"achieved_qps", row.achieved_qps},
               {"sent", row.sent},
               {"ok", row.ok},
               {"p50_us", row.measured.p50_us},
               {"p90_us", row.p90_us},
               {"p95_us", row.p95_us},
               {"p99_us", row.measured.p99_us}};
  json["p999_us"] = row.measured.p999_us ? Json(*row.measured.p999_us) : Json(nullptr);
  json["max_us"] = row.max_us;
  AddTail("prediction_", row.prediction, json);
  AddTail("limit_", row.limit, json);
  json["p99_over_limit"] = row.limit ? Json(row.P99OverLimit()) : Json(nullptr);
  json["hedges"] = row.hedges;
  json["extra_load"] = row.extra_load;
  json["wasted_cpu_ratio"] = row.wasted_cpu_ratio;
  json["partial"] = row.partial;
  json["errors"] = row.errors;
  return json;
}

// The rows of one line of a plot, and its name.
struct Series {
  std::string name;
  std::vector<std::pair<uint32_t, Tail>> points;  // by number of leaves
};

std::vector<Series> AllSeries(const std::vector<SweepRow>& rows) {
  std::vector<Series> all;
  Series limit{"limit", {}};
  for (const SweepRow& row : rows) {
    const std::string name = row.sweep_case.Series();
    auto found = std::find_if(all.begin(), all.end(), [&](auto& s) { return s.name == name; });
    if (found == all.end()) found = all.insert(all.end(), {name, {}});
    found->points.emplace_back(row.sweep_case.leaves, row.measured);
    if (row.sweep_case.calm && row.limit) {
      limit.points.emplace_back(row.sweep_case.leaves, *row.limit);
    }
  }
  if (!limit.points.empty()) all.push_back(std::move(limit));
  for (Series& series : all) {
    std::sort(series.points.begin(), series.points.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  return all;
}

// For a text in double quotes.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// Okabe and Ito's colours, which the colour-blind tell apart; the limit is black and dashed.
constexpr const char* kColours[] = {"#009E73", "#D55E00", "#0072B2", "#E69F00",
                                    "#CC79A7", "#56B4E9", "#F0E442"};

std::string PlotOf(const std::string& quantile, const std::vector<Series>& all,
                   const std::string& straggler) {
  const char* const title = quantile == "p999" ? "p99.9" : quantile.c_str();
  const int column = quantile == "p50" ? 2 : quantile == "p99" ? 3 : 4;
  std::string script = absl::StrFormat("set output \"%s.svg\"\nset title %s\nplot ", quantile,
                                       Quoted(Concat(title,
                                                     " of a query by the number of leaves; "
                                                     "stragglers: ",
                                                     straggler)));
  std::vector<std::string> curves;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string style =
        all[i].name == "limit"
            ? "lw 2 dt 2 pt 2 lc rgb \"#000000\""
            : absl::StrFormat("lw 2 pt 7 ps 0.6 lc rgb \"%s\"", kColours[i % std::size(kColours)]);
    curves.push_back(
        absl::StrFormat("\"sweep.dat\" index %d using 1:%d with linespoints %s title %s", i, column,
                        style, Quoted(all[i].name)));
  }
  return script + absl::StrJoin(curves, ", \\\n     ") + "\n";
}

}  // namespace

std::string SweepJson(const SweepContext& context, const SweepOptions& options,
                      const std::vector<SweepRow>& rows) {
  Json json = {{"kind", "sweep"},
               {"date", context.date},
               {"version", std::string(kVersion)},
               {"note", context.note},
               {"machine",
                {{"cpu", context.cpu},
                 {"cores", context.processors},
                 {"memory_bytes", context.memory_bytes},
                 {"kernel", context.kernel},
                 {"system", context.system},
                 {"load_before", context.load_before}}},
               {"index",
                {{"directory", context.index},
                 {"generation", context.generation},
                 {"shards", context.shards},
                 {"docs", context.docs},
                 {"checksum", absl::StrFormat("%016x", context.checksum)}}},
               {"queries",
                {{"file", context.queries},
                 {"count", context.num_queries},
                 {"checksum", absl::StrFormat("%016x", context.queries_checksum)}}},
               {"settings",
                {{"leaves", options.axes.leaves},
                 {"replicas", options.axes.replicas},
                 {"hedge", options.axes.hedge},
                 {"straggler", context.straggler},
                 {"qps", options.qps},
                 {"seconds", context.seconds},
                 {"warm_up_seconds", context.warm_up_seconds},
                 {"repeats", options.repeats},
                 {"min_queries", options.min_queries},
                 {"seed", context.seed},
                 {"size", context.size},
                 {"omit_fields", context.omit_fields}}}};
  const bool measured = context.capacity_qps > 0;
  json["capacity_qps"] = measured ? Json(context.capacity_qps) : Json(nullptr);
  json["rows"] = Json::array();
  for (const SweepRow& row : rows) json["rows"].push_back(RowJson(row));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string SweepTable(const std::vector<SweepRow>& rows) {
  TextTable table({">leaves", "cluster", ">qps", ">p50 ms", ">p90", ">p99", ">p99.9", ">max",
                   ">predicted p99", ">limit p99", ">p99/limit", ">extra load", ">wasted",
                   ">partial", ">errors"});
  for (const SweepRow& row : rows) {
    table.AddRow(
        {absl::StrCat(row.sweep_case.leaves), row.sweep_case.Series(),
         absl::StrFormat("%.1f", row.achieved_qps), Milliseconds(row.measured.p50_us),
         Milliseconds(row.p90_us), Milliseconds(row.measured.p99_us),
         row.measured.p999_us ? Milliseconds(*row.measured.p999_us) : "too few",
         Milliseconds(row.max_us), row.prediction ? Milliseconds(row.prediction->p99_us) : "-",
         row.limit ? Milliseconds(row.limit->p99_us) : "-",
         row.limit ? absl::StrFormat("%.2f", row.P99OverLimit()) : "-", Percent(row.extra_load),
         Percent(row.wasted_cpu_ratio), absl::StrCat(row.partial), absl::StrCat(row.errors)});
  }
  return table.ToString();
}

std::vector<std::string> PlottedQuantiles(const std::vector<SweepRow>& rows) {
  std::vector<std::string> names = {"p50", "p99"};
  const bool has_p999 = std::any_of(rows.begin(), rows.end(), [](const SweepRow& row) {
    return row.measured.p999_us.has_value();
  });
  if (has_p999) names.emplace_back("p999");
  return names;
}

std::string PlotData(const std::vector<SweepRow>& rows) {
  std::string data;
  for (const Series& series : AllSeries(rows)) {
    if (!data.empty()) data += "\n\n";  // between blocks
    data += Concat("# ", series.name, ": leaves, p50, p99, p99.9 in ms\n");
    for (const auto& [leaves, tail] : series.points) {
      data += Concat(leaves, " ", Milliseconds(tail.p50_us), " ", Milliseconds(tail.p99_us), " ",
                     tail.p999_us ? Milliseconds(*tail.p999_us) : "?", "\n");
    }
  }
  return data;
}

std::string PlotScript(const std::vector<SweepRow>& rows, const std::string& straggler) {
  std::vector<uint32_t> leaves;
  for (const SweepRow& row : rows) leaves.push_back(row.sweep_case.leaves);
  std::sort(leaves.begin(), leaves.end());
  leaves.erase(std::unique(leaves.begin(), leaves.end()), leaves.end());
  std::string script = absl::StrFormat(
      "# In this folder: gnuplot sweep.gp\n"
      "set terminal svg size 860,470 font \"sans-serif,13\" background rgb \"#ffffff\"\n"
      "set datafile missing \"?\"\n"
      "set logscale x 2\n"
      "set logscale y\n"
      "set xrange [%g:%g]\n"
      "set xtics (%s)\n"
      "set xlabel \"leaf processes of a replica\"\n"
      "set ylabel \"milliseconds\"\n"
      "set grid xtics ytics mytics lt 1 lw 1 lc rgb \"#cccccc\", lt 1 lw 1 lc rgb \"#e8e8e8\"\n"
      "set key outside right top\n",
      leaves.front() * 0.9, leaves.back() * 1.1, absl::StrJoin(leaves, ", "));
  const std::vector<Series> all = AllSeries(rows);
  for (const std::string& quantile : PlottedQuantiles(rows)) {
    script += "\n" + PlotOf(quantile, all, straggler);
  }
  return script;
}

}  // namespace canopy
