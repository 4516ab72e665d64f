#include "root/root_metrics.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/check.h"
#include "base/strings.h"
#include "rpc/ledger_parts.h"

namespace canopy {
namespace {

// How far one answer moves the coverage that is shown: the last hundred or so count.
constexpr double kCoverageWeight = 0.02;

// "ok", "cancelled", "unknown", ... by the codes' numbers.
const std::vector<std::string>& CodeNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (int code = 0; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
      const auto name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
      made.push_back(absl::AsciiStrToLower(name));
    }
    return made;
  }();
  return names;
}

// "ATTEMPT_KIND_FETCH_RETRY" -> "fetch_retry".
std::string Label(std::string name, std::string_view prefix) {
  return absl::AsciiStrToLower(name.substr(prefix.size()));
}

// Codes from other programs may be none of ours.
size_t Known(absl::StatusCode code) {
  const auto number = static_cast<size_t>(code);
  return number < CodeNames().size() ? number : static_cast<size_t>(absl::StatusCode::kUnknown);
}

// The code at the beginning of a shard's reason (coverage.h); UNKNOWN: none. `not_needed` for what
// is missing on purpose.
size_t CodeOfReason(std::string_view reason, size_t not_needed) {
  const std::vector<std::string>& names = CodeNames();
  const std::string_view name = reason.substr(0, reason.find(':'));
  if (name == "not_needed") return not_needed;
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? static_cast<size_t>(absl::StatusCode::kUnknown)
                              : static_cast<size_t>(found - names.begin());
}

double ToDouble(const std::atomic<uint64_t>& count) { return static_cast<double>(count); }

}  // namespace

void RootMetrics::CountQuery(const absl::StatusOr<v1::SearchResponse>& result, absl::Duration took,
                             absl::Span<const LeafCall> calls) {
  const bool partial = result.ok() && !result->coverage().complete();
  query_time_[partial ? kPartial : Known(result.status().code())].Record(took);
  if (result.ok()) CountAnswer(*result);
  for (const LeafCall& call : calls) CountCall(call, result);
}

void RootMetrics::CountAnswer(const v1::SearchResponse& response) {
  const std::vector<LedgerPart> parts = LedgerParts(response.ledger());
  CHECK(parts.size() <= kMaxParts);
  for (size_t i = 0; i < parts.size(); ++i) {
    part_time_[i].Record(absl::Microseconds(static_cast<int64_t>(parts[i].us)));
  }
  const v1::Coverage& coverage = response.coverage();
  const double share = coverage.docs_total() == 0 ? 1
                                                  : static_cast<double>(coverage.docs_covered()) /
                                                        static_cast<double>(coverage.docs_total());
  coverage_ = coverage_ + kCoverageWeight * (share - coverage_);
  if (coverage.complete()) return;
  std::array<bool, kCodes + 1> seen{};
  for (const v1::ShardCoverage& shard : coverage.shards()) {
    if (shard.state() == v1::SHARD_STATE_COMPLETE) continue;
    const size_t code = CodeOfReason(shard.reason(), kNotNeeded);
    if (!std::exchange(seen[code], true)) ++degraded_[code];
  }
}

void RootMetrics::CountCall(const LeafCall& call,
                            const absl::StatusOr<v1::SearchResponse>& result) {
  if (!v1::AttemptKind_IsValid(call.kind) || !v1::AttemptOutcome_IsValid(call.outcome)) return;
  const absl::Duration took = call.ended - call.sent;
  call_time_[call.kind][call.outcome].Record(took);
  if (call.outcome == v1::ATTEMPT_OUTCOME_WON) return;
  wasted_ns_[WasteOf(call, result)] += absl::ToInt64Nanoseconds(took);
}

// A call is cancelled because time is over, because the whole query is, or else because another one
// has answered.
RootMetrics::Waste RootMetrics::WasteOf(const LeafCall& call,
                                        const absl::StatusOr<v1::SearchResponse>& result) {
  if (call.outcome == v1::ATTEMPT_OUTCOME_ERROR) return kError;
  if (call.outcome == v1::ATTEMPT_OUTCOME_LOST) return kLostHedge;
  if (result.ok()) return result->timed_out() ? kDeadline : kLostHedge;
  return absl::IsDeadlineExceeded(result.status()) ? kDeadline : kCancelled;
}

void RootMetrics::SetSteering(const SessionCounters& counters, double hedge_budget_tokens) {
  absl::MutexLock lock(&mutex_);
  counters_ = counters;
  hedge_budget_tokens_ = hedge_budget_tokens;
}

std::vector<prometheus::MetricFamily> RootMetrics::Collect() const {
  MetricsPage page("canopy_root_");
  AddQueries(page);
  AddCalls(page);
  AddSteering(page);
  return page.Take();
}

void RootMetrics::AddQueries(MetricsPage& page) const {
  auto queries = page.Histogram("query_seconds",
                                "From a query's arrival to its answer, by result: ok, partial or "
                                "the error's code.");
  for (size_t code = 0; code < kCodes; ++code) {
    queries.Add({{"result", CodeNames()[code]}}, query_time_[code]);
  }
  queries.Add({{"result", "partial"}}, query_time_[kPartial]);
  auto parts =
      page.Histogram("query_part_seconds", "Where the time of answered queries went, by part.");
  const std::vector<LedgerPart> names = LedgerParts(v1::Ledger());
  for (size_t i = 0; i < names.size(); ++i) {
    parts.Add({{"part", std::string(names[i].name)}}, part_time_[i]);
  }
  page.Counter("rejected_queries_total", "Queries that were not begun, by reason.")
      .Add({{"reason", "max_in_flight"}}, ToDouble(rejected_[0]))
      .Add({{"reason", "overload"}}, ToDouble(rejected_[1]))
      .Add({{"reason", "stopping"}}, ToDouble(rejected_[2]));
  auto degraded = page.Counter("degraded_queries_total",
                               "Answers that do not cover every shard, by the codes of what is "
                               "missing; an answer counts once for each.");
  for (size_t code = 1; code < kCodes; ++code) {  // 0: ok
    degraded.Add({{"reason", CodeNames()[code]}}, ToDouble(degraded_[code]));
  }
  degraded.Add({{"reason", "not_needed"}}, ToDouble(degraded_[kNotNeeded]));
  page.Gauge("queries_in_flight", "Queries that run.").Add(ToDouble(in_flight_));
  page.Gauge("coverage_ratio",
             "Share of the documents that answers covered: an average in which the last hundred or "
             "so count most.")
      .Add(coverage_);
  page.Gauge("serving", "1 while every shard has a replica that can be asked.")
      .Add(serving_ ? 1 : 0);
}

void RootMetrics::AddCalls(MetricsPage& page) const {
  auto calls =
      page.Histogram("leaf_call_seconds",
                     "Calls to leaves, by kind and by what became of them; a call that was "
                     "cancelled until then.");
  for (size_t kind = 0; kind < kKinds; ++kind) {
    for (size_t outcome = 0; outcome < kOutcomes; ++outcome) {
      calls.Add({{"kind", Label(v1::AttemptKind_Name(kind), "ATTEMPT_KIND_")},
                 {"outcome", Label(v1::AttemptOutcome_Name(outcome), "ATTEMPT_OUTCOME_")}},
                call_time_[kind][outcome]);
    }
  }
  page.Counter("wasted_work_seconds_total",
               "Time of leaf calls whose result was not used, by reason; what a leaf does after it "
               "was told to stop is in its own metrics.")
      .Add({{"reason", "cancelled"}}, ToDouble(wasted_ns_[kCancelled]) * kSecondsPerNs)
      .Add({{"reason", "lost_hedge"}}, ToDouble(wasted_ns_[kLostHedge]) * kSecondsPerNs)
      .Add({{"reason", "deadline"}}, ToDouble(wasted_ns_[kDeadline]) * kSecondsPerNs)
      .Add({{"reason", "error"}}, ToDouble(wasted_ns_[kError]) * kSecondsPerNs);
}

void RootMetrics::AddSteering(MetricsPage& page) const {
  absl::MutexLock lock(&mutex_);
  const auto number = [](uint64_t count) { return static_cast<double>(count); };
  page.Counter("hedges_total", "Calls made because another was late, by what became of them.")
      .Add({{"outcome", "won"}}, number(counters_.hedges_won))
      .Add({{"outcome", "lost"}}, number(counters_.hedges_lost))
      .Add({{"outcome", "cancelled"}}, number(counters_.hedges_cancelled))
      .Add({{"outcome", "error"}}, number(counters_.hedges_failed));
  page.Counter("unhedged_calls_total", "Calls that were late and not hedged, by reason.")
      .Add({{"reason", "shadow"}}, number(counters_.shadow_hedges))
      .Add({{"reason", "no_replica"}}, number(counters_.unhedged_no_replica))
      .Add({{"reason", "budget"}}, number(counters_.unhedged_budget))
      .Add({{"reason", "slow_cluster"}}, number(counters_.unhedged_slow_cluster))
      .Add({{"reason", "refused"}}, number(counters_.unhedged_refused))
      .Add({{"reason", "failing"}}, number(counters_.unhedged_failing));
  page.Counter("unretried_calls_total", "Calls that failed and were not retried, by reason.")
      .Add({{"reason", "budget"}}, number(counters_.unretried_budget));
  page.Gauge("hedge_budget_tokens", "Hedges and retries that may be made now.")
      .Add(hedge_budget_tokens_);
  page.Counter("unneeded_shards_total",
               "Shards that were not waited for, as none of their documents could be a hit.")
      .Add(number(counters_.shards_not_needed));
  page.Counter("late_replies_total", "Replies that nobody waited for any more.")
      .Add(number(counters_.late_replies));
  page.Counter("wrong_generation_replies_total",
               "Replies of another generation or collection than the query's; discarded.")
      .Add(number(counters_.wrong_generation_replies));
}

}  // namespace canopy
