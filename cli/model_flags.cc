#include "cli/model_flags.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/flag_values.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/client_input.h"
#include "cli/remote_cluster.h"

namespace canopy {
namespace {

// Of one sampled query; whoever is slower tells nothing about a healthy cluster.
constexpr absl::Duration kSampleTimeout = absl::Seconds(10);
constexpr double kNanosPerMicrosecond = 1000;

// TIME, MEDIAN:SIGMA, exp:MEAN or @FILE.
absl::StatusOr<Distribution> ReadTimes(std::string_view flag, const std::string& text) {
  if (!text.starts_with('@')) {
    absl::StatusOr<Distribution> times = ParseTimeDistribution(text);
    return times.ok() ? times : UsageError(Concat("--", flag, ": ", Message(times.status())));
  }
  const std::string path = text.substr(1);
  ASSIGN_OR_RETURN(const std::string buckets, ReadFile(LocalFileSystem(), path));
  absl::StatusOr<Distribution> times = ParseTimeBuckets(buckets);
  return times.ok() ? times : Annotate(times.status(), path);
}

absl::StatusOr<std::vector<std::string>> ReadSampleQueries(const ModelFlags& values) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(LocalFileSystem(), values.queries));
  absl::StatusOr<std::vector<std::string>> queries = SplitQueries(text);
  if (!queries.ok()) return Annotate(queries.status(), values.queries);
  // Spread over the file, which may be sorted.
  std::vector<std::string> samples;
  const size_t count = std::min<size_t>(queries->size(), static_cast<size_t>(values.samples));
  for (size_t i = 0; i < count; ++i) samples.push_back((*queries)[i * queries->size() / count]);
  return samples;
}

absl::StatusOr<TracedQuery> Trace(RemoteCluster& cluster, const ModelFlags& values,
                                  const std::string& text) {
  v1::SearchRequest request;
  request.set_query_text(text);
  request.set_trace(true);
  request.set_count_only(values.size == 0);
  if (values.size > 0) request.set_k(static_cast<uint32_t>(values.size));
  TracedQuery traced;
  const absl::Time start = SteadyClock().Now();
  ASSIGN_OR_RETURN(traced.response, cluster.Search(std::move(request), kSampleTimeout));
  traced.client_us = static_cast<uint64_t>(absl::ToInt64Microseconds(SteadyClock().Now() - start));
  return traced;
}

}  // namespace

void AddTimeFlags(FlagSet& flags, ModelFlags& values) {
  flags.Group("Times, given: TIME, MEDIAN:SIGMA (lognormal), exp:MEAN or @FILE (buckets)");
  flags.AddString("search-time", &values.search_time,
                  {.value = "TIMES", .help = "of a query in one shard"});
  flags.AddString("fixed-time", &values.fixed_time,
                  {.value = "TIME", .help = "of every search of a shard besides"});
  flags.AddDouble("shard-noise", &values.shard_noise,
                  {.value = "SIGMA",
                   .help = "how shards differ for one query, the same on all replicas (lognormal)",
                   .min = 0,
                   .max = 3});
  flags.AddDouble("call-noise", &values.call_noise,
                  {.value = "SIGMA", .help = "how calls differ (lognormal)", .min = 0, .max = 3});
  flags.AddString("straggler", &values.straggler,
                  {.value = "SHARE:TIME[:exp]",
                   .help = "1%:50ms:exp delays a share of the calls, on average by so much"});
  flags.AddString("wire-time", &values.wire_time,
                  {.value = "TIMES", .help = "of a call, there and back"});
  flags.AddString("fetch-time", &values.fetch_time,
                  {.value = "TIMES", .help = "of a leaf that fetches stored fields"});
  flags.AddString("root-time", &values.root_time,
                  {.value = "TIMES", .help = "of the root and the client, a query"});
}

void AddSampleFlags(FlagSet& flags, ModelFlags& values) {
  flags.AddString("queries", &values.queries,
                  {.value = "FILE", .help = "what it is asked, one query a line"});
  flags.AddInt("samples", &values.samples,
               {.help = "so many queries of the file", .min = 1, .max = 100000});
  flags.AddInt("passes", &values.passes, {.help = "each so many times", .min = 1, .max = 1000});
}

void AddShapeFlags(FlagSet& flags, ModelFlags& values) {
  flags.Group("Queries");
  flags.AddInt("size", &values.size,
               {.help = "hits wanted; 0: only the count", .min = 0, .max = 1000});
  flags.AddDuration("timeout", &values.timeout,
                    {.help = "of each query", .min = absl::Milliseconds(1), .max = absl::Hours(1)});
  flags.AddDouble("min-coverage", &values.min_coverage,
                  {.help = "share of the documents that must be searched", .min = 0, .max = 1});
  flags.AddInt("seed", &values.seed, {.help = "of everything random", .min = 0});
  flags.Group("Cluster");
  flags.AddString("hedge-budget", &values.hedge_budget,
                  {.value = "SHARE", .help = "extra leaf calls, hedges and retries, at most"});
}

absl::StatusOr<WorkModel> ReadWorkModel(const ModelFlags& values) {
  WorkModel work;
  ASSIGN_OR_RETURN(work.cost, ReadTimes("search-time", values.search_time));
  ASSIGN_OR_RETURN(const Distribution fixed, ReadTimes("fixed-time", values.fixed_time));
  work.fixed = fixed.Mean();
  work.shard_factor = Distribution::Lognormal(1, values.shard_noise);
  work.call_factor = Distribution::Lognormal(1, values.call_noise);
  ASSIGN_OR_RETURN(work.wire, ReadTimes("wire-time", values.wire_time));
  ASSIGN_OR_RETURN(work.fetch, ReadTimes("fetch-time", values.fetch_time));
  ASSIGN_OR_RETURN(work.root, ReadTimes("root-time", values.root_time));
  if (values.straggler.empty()) return work;
  const absl::Status status = ParseStraggler(values.straggler, work);
  if (!status.ok()) return UsageError(Concat("--straggler: ", Message(status)));
  return work;
}

QueryShape ReadQueryShape(const ModelFlags& values) {
  return {.k = static_cast<uint32_t>(values.size),
          .min_coverage = values.min_coverage,
          .timeout = absl::ToInt64Nanoseconds(values.timeout)};
}

absl::StatusOr<double> ReadHedgeBudget(const ModelFlags& values) {
  const absl::StatusOr<double> share = ParseShare(values.hedge_budget);
  if (!share.ok()) return UsageError(Concat("--hedge-budget: ", Message(share.status())));
  return share;
}

absl::Status ParseStraggler(std::string_view text, WorkModel& work) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), ':');
  const bool exponential = parts.size() == 3 && parts[2] == "exp";
  if (parts.size() != 2 && !exponential) {
    return absl::InvalidArgumentError(Concat("not SHARE:TIME or SHARE:TIME:exp: ", text));
  }
  ASSIGN_OR_RETURN(work.straggler_share, ParseShare(parts[0]));
  ASSIGN_OR_RETURN(work.straggler_delay, ParseTimeDistribution(parts[1]));
  if (exponential) work.straggler_delay = Distribution::Exponential(work.straggler_delay.Mean());
  return absl::OkStatus();
}

absl::StatusOr<MeasuredCluster> MeasureCluster(const ModelFlags& values) {
  RETURN_IF_ERROR(CheckTarget(values.address));
  if (values.queries.empty()) return UsageError("--queries is needed to measure a cluster");
  ASSIGN_OR_RETURN(const std::vector<std::string> queries, ReadSampleQueries(values));
  RemoteCluster cluster(values.address);
  MeasuredCluster measured;
  ASSIGN_OR_RETURN(const v1::ClusterStatus status, cluster.Status(kSampleTimeout));
  measured.docs = status.collection().docs_total();
  for (const v1::ReplicaStatus& replica : status.replicas()) {
    measured.replicas = std::max(measured.replicas, replica.replica() + 1);
  }
  std::vector<TracedQuery> traces;
  for (int64_t pass = 0; pass <= values.passes; ++pass) {
    std::fprintf(stderr, "asking %s: %zu queries, pass %d of %d\n", values.address.c_str(),
                 queries.size(), static_cast<int>(pass), static_cast<int>(values.passes));
    for (size_t i = 0; i < queries.size(); ++i) {
      ASSIGN_OR_RETURN(TracedQuery traced, Trace(cluster, values, queries[i]));
      traced.query = i;
      if (pass > 0) traces.push_back(std::move(traced));  // the first warms the caches
    }
  }
  ASSIGN_OR_RETURN(measured.calibration, Calibrate(traces));
  return measured;
}

std::string DescribeModel(const ModelFlags& values,
                          const std::optional<MeasuredCluster>& measured) {
  if (!measured) {
    return Concat("times by flags: a shard ", values.search_time, " + ", values.fixed_time,
                  ", shards differ by sigma ", values.shard_noise, ", calls by ", values.call_noise,
                  ", stragglers ", values.straggler.empty() ? "none" : values.straggler, ", wire ",
                  values.wire_time);
  }
  const Calibration& calibration = measured->calibration;
  const CostFit& fit = calibration.fit;
  std::string text = absl::StrFormat(
      "times measured at %s: %d queries, %d calls to %d leaves of %d shards with %d documents; ",
      values.address, calibration.queries, calibration.calls, calibration.leaves,
      calibration.shards, measured->docs);
  text +=
      calibration.costs_known
          ? absl::StrFormat("a shard takes %.1f us + %.3f ns for every posting (R2 %.2f)",
                            fit.fixed_ns / kNanosPerMicrosecond, fit.ns_per_posting, fit.r_squared)
          : absl::StrFormat("the leaves told no costs: fixed is the least time seen, %.1f us",
                            fit.fixed_ns / kNanosPerMicrosecond);
  if (calibration.censored_calls > 0) {
    text += absl::StrFormat(
        "; %d calls were cancelled or failed and are not in it: measure "
        "with hedging off",
        calibration.censored_calls);
  }
  return text;
}

}  // namespace canopy
