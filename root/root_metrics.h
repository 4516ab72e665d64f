// What a root counts about its queries, and these counts as metrics, canopy_root_...;
// docs/operations.md lists them. RootService records, on its loop; a scrape reads without asking
// the loop.
#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/metrics.h"
#include "canopy/v1/search.pb.h"
#include "root/call_recorder.h"
#include "root/steering.h"

namespace canopy {

// Thread safety: Collect from any thread, the rest from one.
class RootMetrics final {
 public:
  enum class Rejection : uint8_t { kMaxInFlight, kOverload, kStopping };

  void CountRejected(Rejection why) { ++rejected_[static_cast<size_t>(why)]; }
  // A query that was not rejected is over. `calls`: all that it made.
  void CountQuery(const absl::StatusOr<v1::SearchResponse>& result, absl::Duration took,
                  absl::Span<const LeafCall> calls);
  // What steering.h counts, as of now.
  void SetSteering(const SessionCounters& counters, double hedge_budget_tokens);
  void SetInFlight(uint64_t queries) { in_flight_ = queries; }
  void SetServing(bool serving) { serving_ = serving; }

  std::vector<prometheus::MetricFamily> Collect() const;

 private:
  static constexpr size_t kRejections = 3;
  static constexpr size_t kCodes = 17;          // of absl::StatusCode
  static constexpr size_t kPartial = kCodes;    // beside the codes, of answers
  static constexpr size_t kNotNeeded = kCodes;  // beside the codes, of shards
  static constexpr size_t kKinds = v1::AttemptKind_ARRAYSIZE;
  static constexpr size_t kOutcomes = v1::AttemptOutcome_ARRAYSIZE;
  static constexpr size_t kMaxParts = 16;  // of a ledger
  enum Waste : uint8_t { kCancelled, kLostHedge, kDeadline, kError, kWastes };

  static Waste WasteOf(const LeafCall& call, const absl::StatusOr<v1::SearchResponse>& result);
  void CountAnswer(const v1::SearchResponse& response);
  void CountCall(const LeafCall& call, const absl::StatusOr<v1::SearchResponse>& result);
  void AddQueries(MetricsPage& page) const;
  void AddCalls(MetricsPage& page) const;
  void AddSteering(MetricsPage& page) const;

  std::array<TimeHistogram, kCodes + 1> query_time_;
  std::array<TimeHistogram, kMaxParts> part_time_;
  std::array<std::atomic<uint64_t>, kCodes + 1> degraded_{};
  std::array<std::atomic<uint64_t>, kRejections> rejected_{};
  std::array<std::array<TimeHistogram, kOutcomes>, kKinds> call_time_;
  std::array<std::atomic<uint64_t>, kWastes> wasted_ns_{};
  std::atomic<uint64_t> in_flight_{0};
  std::atomic<double> coverage_{1};
  std::atomic<bool> serving_{false};
  mutable absl::Mutex mutex_;
  SessionCounters counters_ ABSL_GUARDED_BY(mutex_);
  double hedge_budget_tokens_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace canopy
