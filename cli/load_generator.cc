#include "cli/load_generator.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/cancellation.h"
#include "cli/tail_model.h"

namespace canopy {
namespace {

// Calls that were cancelled are left out: they say only that the leaf took longer than that.
void RecordLeafCalls(const v1::SearchResponse& response, Histogram& calls) {
  for (const v1::Attempt& attempt : response.attempts()) {
    if (IsUsedSearch(attempt)) calls.Record(attempt.duration_us());
  }
}

// Gathers the answers from whatever thread they come on. Lifetime: borrows the clock and options.
class Collector final {
 public:
  Collector(const Clock& clock, const LoadOptions& options)
      : clock_(clock), options_(options), start_(clock.Now()) {}

  absl::Time start() const { return start_; }

  // False: too many are in flight; then the query counts as refused.
  bool Depart(absl::Time intended) {
    const absl::MutexLock lock(&mutex_);
    ++report_.sent;
    if (options_.timeline) ++SecondOf(intended).sent;
    if (in_flight_ >= options_.max_in_flight) {
      ++report_.errors["RESOURCE_EXHAUSTED"];
      return false;
    }
    ++in_flight_;
    return true;
  }

  void Arrive(absl::Time intended, const v1::SearchRequest& request,
              const absl::StatusOr<v1::SearchResponse>& response) {
    const absl::Time now = clock_.Now();
    const absl::MutexLock lock(&mutex_);
    --in_flight_;
    last_arrival_ = now;
    const auto latency_us =
        static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Microseconds(now - intended)));
    if (!response.ok()) {
      const std::string status = absl::StatusCodeToString(response.status().code());
      ++report_.errors[status];
      report_.error_latency_us[status].Record(latency_us);
      return;
    }
    ++report_.ok;
    if (!response->coverage().complete()) ++report_.partial;
    report_.latency_us.Record(latency_us);
    RecordLeafCalls(*response, report_.leaf_call_us);
    KeepIfSlow(request.query_text(), latency_us, *response);
    if (options_.timeline) {
      SecondOf(intended).latency_us.push_back(
          static_cast<uint32_t>(std::min<uint64_t>(latency_us, UINT32_MAX)));
    }
  }

  LoadReport WaitForAll() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](uint64_t* in_flight) { return *in_flight == 0; }, &in_flight_));
    report_.seconds = absl::ToDoubleSeconds(std::max(last_arrival_ - start_, absl::ZeroDuration()));
    std::sort(report_.slowest.begin(), report_.slowest.end(), IsSlower);
    return std::move(report_);
  }

 private:
  static bool IsSlower(const SlowQuery& a, const SlowQuery& b) {
    return a.latency_us > b.latency_us;
  }

  // report_.slowest is a heap, the fastest of them first.
  void KeepIfSlow(const std::string& query, uint64_t latency_us, const v1::SearchResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::vector<SlowQuery>& kept = report_.slowest;
    if (options_.slowest == 0) return;
    if (kept.size() == options_.slowest) {
      if (latency_us <= kept.front().latency_us) return;
      std::pop_heap(kept.begin(), kept.end(), IsSlower);
      kept.pop_back();
    }
    kept.push_back({query, latency_us, response});
    kept.back().response.clear_hits();  // with all their stored fields
    std::push_heap(kept.begin(), kept.end(), IsSlower);
  }

  LoadSecond& SecondOf(absl::Time intended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto second = static_cast<size_t>(absl::ToInt64Seconds(intended - start_));
    if (second >= report_.timeline.size()) report_.timeline.resize(second + 1);
    return report_.timeline[second];
  }

  const Clock& clock_;
  const LoadOptions& options_;
  const absl::Time start_;
  absl::Mutex mutex_;
  LoadReport report_ ABSL_GUARDED_BY(mutex_);
  uint64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time last_arrival_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

std::vector<std::shared_ptr<const v1::SearchRequest>> MakeRequests(
    const std::vector<std::string>& queries, const LoadOptions& options) {
  std::vector<std::shared_ptr<const v1::SearchRequest>> requests;
  for (const std::string& query : queries) {
    auto request = std::make_shared<v1::SearchRequest>(options.request);
    request->set_query_text(query);
    request->set_timeout_us(static_cast<uint64_t>(absl::ToInt64Microseconds(options.timeout)));
    requests.push_back(std::move(request));
  }
  return requests;
}

// What a counter grew by; a smaller value means that it began again at 0.
uint64_t Growth(uint64_t before, uint64_t after) {
  return after >= before ? after - before : after;
}

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

absl::Duration ArrivalSchedule::Next() {
  const uint64_t index = index_++;
  if (arrivals_ == Arrivals::kFixed) return absl::Seconds(static_cast<double>(index) / qps_);
  if (index > 0) seconds_ += std::exponential_distribution<double>(qps_)(random_);
  return absl::Seconds(seconds_);
}

LoadReport RunLoad(SearchBackend& backend, const std::vector<std::string>& queries,
                   const LoadOptions& options, const Clock& clock,
                   const std::function<bool(absl::Time)>& wait_until) {
  const auto requests = MakeRequests(queries, options);
  Collector collector(clock, options);
  ArrivalSchedule schedule(options.arrivals, options.qps, options.seed);
  std::mt19937_64 random(options.seed + 1);
  std::uniform_int_distribution<size_t> choice(0, requests.size() - 1);
  for (absl::Duration at = schedule.Next(); at < options.duration; at = schedule.Next()) {
    const absl::Time intended = collector.start() + at;
    if (!wait_until(intended)) break;
    const auto& request = requests[choice(random)];
    if (!collector.Depart(intended)) continue;
    // The root gives up at the query's own timeout; the call's deadline is only there for a root
    // that does not answer.
    auto context = std::make_shared<Cancellation>(clock, intended + 2 * options.timeout);
    backend.Search(
        request, std::move(context),
        [&collector, intended, request](const absl::StatusOr<v1::SearchResponse>& response) {
          collector.Arrive(intended, *request, response);
        });
  }
  return collector.WaitForAll();
}

uint32_t LoadSecond::p99_us() const {
  if (latency_us.empty()) return 0;
  std::vector<uint32_t> sorted = latency_us;
  const size_t rank = (sorted.size() * 99 + 99) / 100;  // from 1
  std::nth_element(sorted.begin(), sorted.begin() + (rank - 1), sorted.end());
  return sorted[rank - 1];
}

double ClusterWork::extra_load() const { return Ratio(retries + hedges, primary_calls); }

double ClusterWork::wasted_cpu_ratio() const { return Ratio(wasted_us, search_us); }

ClusterWork WorkBetween(const v1::ClusterStatus& before, const v1::ClusterStatus& after) {
  ClusterWork work;
  work.primary_calls = Growth(before.primary_calls_total(), after.primary_calls_total());
  work.retries = Growth(before.retry_calls_total(), after.retry_calls_total());
  work.hedges = Growth(before.hedge_calls_total(), after.hedge_calls_total());
  std::map<std::string, const v1::LeafStatus*> earlier;
  for (const v1::ReplicaStatus& replica : before.replicas()) {
    if (replica.reachable()) earlier[replica.address()] = &replica.leaf();
  }
  for (const v1::ReplicaStatus& replica : after.replicas()) {
    const auto found = earlier.find(replica.address());
    if (!replica.reachable() || found == earlier.end()) continue;
    const v1::LeafStatus& then = *found->second;
    const v1::LeafStatus& now = replica.leaf();
    work.search_us += Growth(then.load().cpu_us(), now.load().cpu_us());
    work.wasted_us += Growth(then.wasted_us_total(), now.wasted_us_total());
  }
  return work;
}

}  // namespace canopy
