// What a leaf counts about itself, for its status, its replies and its metrics.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/cancellation.h"
#include "base/metrics.h"
#include "canopy/v1/search.pb.h"

namespace canopy {

// How a search that was admitted ended. Partial: with answers for some of its shards only.
enum class SearchOutcome : uint8_t { kOk, kPartial, kCancelled, kDeadline, kError };
inline constexpr size_t kSearchOutcomes = 5;
// v1::Priority without UNSPECIFIED.
inline constexpr size_t kPriorityClasses = 4;

// Times are sums since the start, in nanoseconds: many pieces of work take less than a microsecond.
// Thread safety: all members from any thread.
struct LeafCounters {
  std::atomic<uint64_t> searches{0};  // that were admitted
  // Searches and fetches whose caller left, or whose deadline passed, before the end.
  std::atomic<uint64_t> searches_cancelled{0};
  std::atomic<uint64_t> searches_rejected{0};  // the queue was full
  std::atomic<uint64_t> fetches{0};
  std::atomic<uint64_t> tasks_queued{0};     // searches of one shard that wait
  std::atomic<uint64_t> tasks_in_flight{0};  // that wait or run
  std::atomic<uint64_t> queue_wait_ns{0};    // of searches
  std::atomic<uint64_t> service_ns{0};       // of searches
  std::atomic<uint64_t> cpu_ns{0};           // of searches and fetches
  std::atomic<uint64_t> wasted_ns{0};        // the part of cpu_ns whose result nobody waited for

  // The part of wasted_ns after a deadline; the parts of queue_wait_ns and service_ns; searches
  // that were replied to, by SearchOutcome and by priority.
  std::atomic<uint64_t> wasted_deadline_ns{0};
  TimeHistogram queue_wait;
  TimeHistogram search_time;
  std::atomic<uint64_t> ended[kSearchOutcomes][kPriorityClasses]{};

  // Counts the processor time of a search or fetch, which ends with `context` as it is now.
  void CountCpu(absl::Duration cpu, const Cancellation& context);
  // Counts in `ended` a search with this reply.
  void CountReply(const absl::StatusOr<v1::SearchResponse>& reply, v1::Priority priority);
};

// Processor time that the calling thread has used.
absl::Duration ThreadCpuTime();

}  // namespace canopy
