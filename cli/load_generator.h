// An open-loop load: queries leave at times fixed beforehand, whether or not earlier ones have been
// answered, and latency counts from the time at which a query was to leave. So a server that stalls
// is charged for everybody who would have had to wait (no coordinated omission).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "canopy/v1/service.pb.h"
#include "cli/terminal_text.h"
#include "rpc/search_backend.h"

namespace canopy {

enum class Arrivals { kPoisson, kFixed };

// The times at which queries leave, since the start. Same seed, same times.
class ArrivalSchedule final {
 public:
  // REQUIRES: qps > 0.
  ArrivalSchedule(Arrivals arrivals, double qps, uint64_t seed)
      : arrivals_(arrivals), qps_(qps), random_(seed) {}

  // The first query leaves at 0.
  absl::Duration Next();

 private:
  const Arrivals arrivals_;
  const double qps_;
  std::mt19937_64 random_;
  uint64_t index_ = 0;
  double seconds_ = 0;
};

struct LoadOptions {
  double qps = 100;
  absl::Duration duration = absl::Seconds(10);
  Arrivals arrivals = Arrivals::kPoisson;
  uint64_t seed = 1;
  v1::SearchRequest request = {};             // what every query asks, but for its text
  absl::Duration timeout = absl::Seconds(5);  // of each query
  // Queries that wait for an answer; one more is not sent and counts as RESOURCE_EXHAUSTED.
  uint64_t max_in_flight = 20000;
  // Fills LoadReport.timeline: four bytes an answered query.
  bool timeline = false;
  // So many of the slowest answers are kept, with their calls and ledgers. REQUIRES: request.trace.
  size_t slowest = 0;
};

struct SlowQuery {
  std::string query;
  uint64_t latency_us = 0;  // from the intended departure
  v1::SearchResponse response = {};
};

// What became of the queries that were to leave in one second of the load.
struct LoadSecond {
  uint64_t sent = 0;
  std::vector<uint32_t> latency_us = {};  // of the answered ones, in the order of the answers

  // 0 when nothing was answered.
  uint32_t p99_us() const;
};

struct LoadReport {
  uint64_t sent = 0;                       // that were to leave
  uint64_t ok = 0;                         // answered, whole or partial
  uint64_t partial = 0;                    // of those, with less than full coverage
  std::map<std::string, uint64_t> errors;  // by the status' name
  Histogram latency_us;                    // of the answered ones
  // Of those that were answered with an error, from the intended departure; not of those that were
  // not sent because too many were in flight.
  std::map<std::string, Histogram> error_latency_us;
  // With `request.trace`: how long the root's search calls to leaves took, but those that a hedge
  // or retry replaced.
  Histogram leaf_call_us;
  std::vector<LoadSecond> timeline;  // by second, when asked for
  std::vector<SlowQuery> slowest;    // slowest first
  double seconds = 0;                // from the first departure to the last answer

  double achieved_qps() const { return seconds > 0 ? static_cast<double>(ok) / seconds : 0; }
};

// Sends `queries`, drawn at random (seeded), until `options.duration` is over or `wait_until` says
// false, then waits for the answers that are out. `wait_until` returns at the given time of `clock`
// or later, or false at any time; in production it sleeps. REQUIRES: queries not empty; `backend`
// honours its contexts' deadlines, or this never returns.
LoadReport RunLoad(SearchBackend& backend, const std::vector<std::string>& queries,
                   const LoadOptions& options, const Clock& clock,
                   const std::function<bool(absl::Time)>& wait_until);

// What a cluster did between two looks at its counters.
struct ClusterWork {
  uint64_t primary_calls = 0, retries = 0, hedges = 0;
  uint64_t search_us = 0, wasted_us = 0;  // over the leaves that could be asked

  // Extra leaf calls / primary leaf calls; 0 when there were none.
  double extra_load() const;
  // Time spent on searches whose result nobody used / time spent on searches; 0 when there was
  // none.
  double wasted_cpu_ratio() const;
};

// A process that was restarted in between counts from its start.
ClusterWork WorkBetween(const v1::ClusterStatus& before, const v1::ClusterStatus& after);

// For people, and as one JSON object on one line. No `work`: the cluster could not be asked at the
// end.
std::string HumanLoad(const LoadReport& report, const std::optional<ClusterWork>& work,
                      const TerminalShape& shape = {});
std::string LoadJson(const LoadReport& report, const std::optional<ClusterWork>& work);

}  // namespace canopy
