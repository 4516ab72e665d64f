#include "leaf/leaf_metrics.h"

#include <algorithm>
#include <iterator>

#include "base/metrics.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr const char* kOutcomeNames[] = {"ok", "partial", "cancelled", "deadline_exceeded",
                                         "error"};
static_assert(std::size(kOutcomeNames) == kSearchOutcomes);
constexpr const char* kPriorityNames[] = {"critical_plus", "critical", "sheddable_plus",
                                          "sheddable"};
static_assert(std::size(kPriorityNames) == kPriorityClasses);

double Seconds(uint64_t ns) { return static_cast<double>(ns) * kSecondsPerNs; }

SearchOutcome OutcomeOf(const absl::StatusOr<v1::SearchResponse>& reply) {
  if (absl::IsCancelled(reply.status())) return SearchOutcome::kCancelled;
  if (absl::IsDeadlineExceeded(reply.status())) return SearchOutcome::kDeadline;
  if (!reply.ok()) return SearchOutcome::kError;
  const auto& answers = reply->shard_answers();
  const bool whole = std::all_of(answers.begin(), answers.end(), [](const v1::ShardAnswer& answer) {
    return answer.state() == v1::SHARD_STATE_COMPLETE;
  });
  return whole ? SearchOutcome::kOk : SearchOutcome::kPartial;
}

void AddSearches(const LeafCounters& counters, MetricsPage& page) {
  auto ended = page.Counter("searches_total", "Searches that were admitted, when they end.");
  for (size_t outcome = 0; outcome < kSearchOutcomes; ++outcome) {
    for (size_t priority = 0; priority < kPriorityClasses; ++priority) {
      ended.Add({{"outcome", kOutcomeNames[outcome]}, {"priority", kPriorityNames[priority]}},
                static_cast<double>(counters.ended[outcome][priority]));
    }
  }
  page.Counter("refused_searches_total", "Searches that were not admitted, by reason.")
      .Add({{"reason", "queue_full"}}, static_cast<double>(counters.searches_rejected));
  page.Histogram("search_seconds", "From the start of an admitted search to its reply.")
      .Add(counters.search_time);
  page.Histogram("queue_wait_seconds", "How long an admitted search waited for a thread.")
      .Add(counters.queue_wait);
  page.Counter("fetches_total", "Fetches of stored fields that were begun.")
      .Add(static_cast<double>(counters.fetches));
}

void AddWork(const LeafCounters& counters, const v1::LeafStatus& status, MetricsPage& page) {
  const uint64_t deadline_ns = counters.wasted_deadline_ns;  // first: it is the last to be counted
  page.Counter("cpu_seconds_total", "Processor time of searches and fetches.")
      .Add(Seconds(counters.cpu_ns));
  page.Counter("wasted_work_seconds_total",
               "The part of the processor time whose result nobody waited for, by reason.")
      .Add({{"reason", "cancelled"}}, Seconds(counters.wasted_ns - deadline_ns))
      .Add({{"reason", "deadline"}}, Seconds(deadline_ns));
  page.Gauge("queued_tasks", "Searches of one shard that wait for a thread.")
      .Add(static_cast<double>(counters.tasks_queued));
  page.Gauge("in_flight_cost", "Cost of the searches that wait or run, as roots are told.")
      .Add(static_cast<double>(status.load().in_flight_cost()));
}

void AddGeneration(const v1::LeafStatus& status, MetricsPage& page) {
  page.Gauge("ready", "1 when searches are answered, 0 while the leaf loads or drains.")
      .Add(status.ready() ? 1 : 0);
  page.Gauge("reload_failed", "1 when the last reload left the generation as it was.")
      .Add(status.reload_error().empty() ? 0 : 1);
  const v1::CollectionInfo& collection = status.collection();
  if (collection.generation() == 0) return;  // nothing is served yet
  page.Gauge("generation_info", "1, with the generation that is served.")
      .Add({{"generation", Concat(collection.generation())},
            {"analyzer", collection.analyzer()},
            {"version", status.version()}},
           1);
  page.Gauge("shards", "Shards that are served.").Add(status.shards_size());
}

}  // namespace

void LeafCounters::CountReply(const absl::StatusOr<v1::SearchResponse>& reply,
                              v1::Priority priority) {
  // A value from a newer root counts as one that is not given.
  const bool known = priority >= v1::PRIORITY_CRITICAL_PLUS && priority <= v1::PRIORITY_SHEDDABLE;
  const int of_class = (known ? priority : v1::PRIORITY_CRITICAL) - v1::PRIORITY_CRITICAL_PLUS;
  ++ended[static_cast<size_t>(OutcomeOf(reply))][of_class];
}

std::vector<prometheus::MetricFamily> LeafMetrics(const LeafCounters& counters,
                                                  const v1::LeafStatus& status) {
  MetricsPage page("canopy_leaf_");
  AddSearches(counters, page);
  AddWork(counters, status, page);
  AddGeneration(status, page);
  return page.Take();
}

}  // namespace canopy
