#include "cli/load_generator.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/cancellation.h"

namespace canopy {
namespace {

// Gathers the answers from whatever thread they come on.
class Collector final {
 public:
  explicit Collector(const Clock& clock) : clock_(clock) {}

  // False: too many are in flight; then the query counts as refused.
  bool Depart(uint64_t max_in_flight) {
    const absl::MutexLock lock(&mutex_);
    ++report_.sent;
    if (in_flight_ >= max_in_flight) {
      ++report_.errors["RESOURCE_EXHAUSTED"];
      return false;
    }
    ++in_flight_;
    return true;
  }

  void Arrive(absl::Time intended, const absl::StatusOr<v1::SearchResponse>& response) {
    const absl::Time now = clock_.Now();
    const absl::MutexLock lock(&mutex_);
    --in_flight_;
    last_arrival_ = now;
    if (!response.ok()) {
      ++report_.errors[absl::StatusCodeToString(response.status().code())];
      return;
    }
    ++report_.ok;
    if (!response->coverage().complete()) ++report_.partial;
    report_.latency_us.Record(
        static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Microseconds(now - intended))));
  }

  LoadReport WaitForAll(absl::Time start) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](uint64_t* in_flight) { return *in_flight == 0; }, &in_flight_));
    report_.seconds = absl::ToDoubleSeconds(std::max(last_arrival_ - start, absl::ZeroDuration()));
    return std::move(report_);
  }

 private:
  const Clock& clock_;
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
  Collector collector(clock);
  ArrivalSchedule schedule(options.arrivals, options.qps, options.seed);
  std::mt19937_64 random(options.seed + 1);
  std::uniform_int_distribution<size_t> choice(0, requests.size() - 1);
  const absl::Time start = clock.Now();
  for (absl::Duration at = schedule.Next(); at < options.duration; at = schedule.Next()) {
    const absl::Time intended = start + at;
    if (!wait_until(intended)) break;
    const auto& request = requests[choice(random)];
    if (!collector.Depart(options.max_in_flight)) continue;
    // The root gives up at the query's own timeout; the call's deadline is only there for a root
    // that does not answer.
    auto context = std::make_shared<Cancellation>(clock, intended + 2 * options.timeout);
    backend.Search(request, std::move(context),
                   [&collector, intended](const absl::StatusOr<v1::SearchResponse>& response) {
                     collector.Arrive(intended, response);
                   });
  }
  return collector.WaitForAll(start);
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
