// `canopy search`, `canopy count`, `canopy status`: one question to a running cluster.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/client_input.h"
#include "cli/commands.h"
#include "cli/human_output.h"
#include "cli/json_output.h"
#include "cli/remote_cluster.h"
#include "text/analyzer.h"

namespace canopy {
namespace {

// Of a query on standard input. What a root accepts is its own, smaller limit.
constexpr size_t kMaxQueryBytes = 32 << 20;

struct QueryOptions {
  std::string target;
  int64_t size = 10;
  int64_t offset = 0;
  absl::Duration timeout = absl::Milliseconds(500);
  double min_coverage = 1;
  bool lower_bound_total = false;
  std::string priority = "critical";
  std::vector<std::string> fields;
  bool trace = false;
  bool json = false;
  std::vector<std::string> query;
};

void AddClusterFlags(FlagSet& flags, QueryOptions& options) {
  flags.Group("Cluster");
  flags.AddString("target", &options.target,
                  {.value = "HOST:PORT", .help = "address of a root", .required = true});
  flags.AddDuration(
      "timeout", &options.timeout,
      {.help = "for the whole answer", .min = absl::Microseconds(1), .max = absl::Hours(1)});
}

void AddQueryFlags(FlagSet& flags, QueryOptions& options) {
  flags.AddDouble(
      "min-coverage", &options.min_coverage,
      {.help = "share of the documents that must be searched for an answer to count as one",
       .min = 0,
       .max = 1});
  flags.AddBool("lower-bound-total", &options.lower_bound_total,
                "the total may be a lower bound where that is faster; hits are exact all the same");
  flags.AddString("priority", &options.priority,
                  {.value = "CLASS",
                   .help = "what is refused last when there is too much to do",
                   .choices = {"critical-plus", "critical", "sheddable-plus", "sheddable"}});
  flags.AddPositionals(
      &options.query, {.name = "QUERY",
                       .help = "in the query language; several words are joined with spaces; \"-\" "
                               "reads it from standard input"});
}

absl::StatusOr<std::string> ReadStandardInput() {
  std::string text;
  char buffer[64 << 10];
  while (const size_t size = std::fread(buffer, 1, sizeof(buffer), stdin)) {
    text.append(buffer, size);
    if (text.size() > kMaxQueryBytes) {
      return absl::InvalidArgumentError(
          Concat("the query on standard input is longer than ", kMaxQueryBytes, " bytes"));
    }
  }
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

v1::Priority PriorityOf(std::string_view name) {
  if (name == "critical-plus") return v1::PRIORITY_CRITICAL_PLUS;
  if (name == "sheddable-plus") return v1::PRIORITY_SHEDDABLE_PLUS;
  if (name == "sheddable") return v1::PRIORITY_SHEDDABLE;
  return v1::PRIORITY_CRITICAL;
}

absl::StatusOr<v1::SearchRequest> MakeRequest(const QueryOptions& options) {
  v1::SearchRequest request;
  if (options.query == std::vector<std::string>{"-"}) {
    ASSIGN_OR_RETURN(*request.mutable_query_text(), ReadStandardInput());
  } else {
    request.set_query_text(absl::StrJoin(options.query, " "));
  }
  RETURN_IF_ERROR(CheckUtf8("the query", request.query_text()));
  request.set_k(static_cast<uint32_t>(options.size));
  request.set_offset(static_cast<uint32_t>(options.offset));
  request.set_min_coverage(options.min_coverage);
  request.set_total_may_be_lower_bound(options.lower_bound_total);
  request.set_priority(PriorityOf(options.priority));
  for (const std::string& field : options.fields) {
    RETURN_IF_ERROR(CheckUtf8("--fields", field));
    request.add_fields(field);
  }
  request.set_trace(options.trace);
  return request;
}

struct TimedResponse {
  v1::SearchResponse response;
  uint64_t client_us = 0;
};

absl::StatusOr<TimedResponse> TimedSearch(RemoteCluster& cluster, v1::SearchRequest request,
                                          absl::Duration timeout) {
  const absl::Time start = SteadyClock().Now();
  TimedResponse timed;
  ASSIGN_OR_RETURN(timed.response, cluster.Search(std::move(request), timeout));
  timed.client_us = static_cast<uint64_t>(absl::ToInt64Microseconds(SteadyClock().Now() - start));
  return timed;
}

void Print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// What marks the words that were searched for; null where this program does not have the analyzer,
// which costs only the marks.
std::unique_ptr<Analyzer> AnalyzerOf(const v1::SearchResponse& response) {
  absl::StatusOr<std::unique_ptr<Analyzer>> analyzer =
      Analyzer::Create(response.analyzer(), response.analyzer_version());
  return analyzer.ok() ? *std::move(analyzer) : nullptr;
}

absl::Status RunSearch(const QueryOptions& options) {
  RETURN_IF_ERROR(CheckTarget(options.target));
  ASSIGN_OR_RETURN(v1::SearchRequest request, MakeRequest(options));
  RemoteCluster cluster(options.target);
  ASSIGN_OR_RETURN(const TimedResponse timed,
                   TimedSearch(cluster, std::move(request), options.timeout));
  if (options.json) {
    Print(
        SearchJson(timed.response, {.client_us = timed.client_us, .with_attempts = options.trace}) +
        "\n");
    return absl::OkStatus();
  }
  const std::unique_ptr<Analyzer> analyzer = AnalyzerOf(timed.response);
  Print(HumanSearch(timed.response, {.markup = MarkupFor(STDOUT_FILENO),
                                     .client_us = timed.client_us,
                                     .offset = static_cast<uint32_t>(options.offset),
                                     .trace = options.trace,
                                     .shape = ShapeOf(STDOUT_FILENO),
                                     .analyzer = analyzer.get()}));
  return absl::OkStatus();
}

absl::Status RunCount(const QueryOptions& options) {
  RETURN_IF_ERROR(CheckTarget(options.target));
  ASSIGN_OR_RETURN(v1::SearchRequest request, MakeRequest(options));
  request.clear_k();
  request.set_count_only(true);
  RemoteCluster cluster(options.target);
  ASSIGN_OR_RETURN(const TimedResponse timed,
                   TimedSearch(cluster, std::move(request), options.timeout));
  Print(options.json
            ? SearchJson(timed.response, {.client_us = timed.client_us, .with_hits = false}) + "\n"
            : HumanCount(timed.response, timed.client_us));
  return absl::OkStatus();
}

absl::Status RunStatus(const QueryOptions& options) {
  RETURN_IF_ERROR(CheckTarget(options.target));
  RemoteCluster cluster(options.target);
  ASSIGN_OR_RETURN(const v1::ClusterStatus status, cluster.Status(options.timeout));
  Print(options.json ? StatusJson(status) + "\n" : HumanStatus(status));
  return absl::OkStatus();
}

}  // namespace

int SearchCommand(int argc, char** argv) {
  QueryOptions options;
  FlagSet flags("canopy search", "Asks a cluster for the best documents.");
  AddClusterFlags(flags, options);
  flags.Group("Query");
  AddQueryFlags(flags, options);
  flags.AddInt("size", &options.size, {.help = "hits wanted", .min = 1, .max = 10000});
  flags.AddInt("offset", &options.offset, {.help = "hits to leave out", .min = 0, .max = 10000});
  flags.AddStrings("fields", &options.fields,
                   {.value = "NAME", .help = "stored field to return; none given: all"});
  flags.Group("Output");
  flags.AddBool("trace", &options.trace, "list the calls to leaves, and where the time went");
  flags.AddBool("json", &options.json, "one JSON object instead of text");
  return RunMain(flags, argc, argv, [&] { return RunSearch(options); });
}

int CountCommand(int argc, char** argv) {
  QueryOptions options;
  FlagSet flags("canopy count", "Asks a cluster how many documents match.");
  AddClusterFlags(flags, options);
  flags.Group("Query");
  AddQueryFlags(flags, options);
  flags.Group("Output");
  flags.AddBool("json", &options.json, "one JSON object instead of text");
  return RunMain(flags, argc, argv, [&] { return RunCount(options); });
}

int StatusCommand(int argc, char** argv) {
  QueryOptions options;
  options.timeout = absl::Seconds(5);  // asked when something is wrong
  FlagSet flags("canopy status", "Shows what a cluster serves, and how it is.");
  AddClusterFlags(flags, options);
  flags.Group("Output");
  flags.AddBool("json", &options.json, "one JSON object instead of text");
  return RunMain(flags, argc, argv, [&] { return RunStatus(options); });
}

}  // namespace canopy
