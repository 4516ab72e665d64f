// What a leaf counts about itself, for its status, its replies and (later) its metrics.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "canopy/v1/search.pb.h"

namespace canopy {

// Times are sums since the start, in microseconds. Thread safety: all members from any thread.
struct LeafCounters {
  std::atomic<uint64_t> searches{0};  // that were admitted
  std::atomic<uint64_t> searches_cancelled{
      0};  // whose caller left, or whose deadline passed, before the end
  std::atomic<uint64_t> searches_rejected{0};  // the queue was full
  std::atomic<uint64_t> fetches{0};
  std::atomic<uint64_t> tasks_queued{0};     // searches of one shard that wait
  std::atomic<uint64_t> tasks_in_flight{0};  // that wait or run
  std::atomic<uint64_t> queue_wait_us{0};
  std::atomic<uint64_t> service_us{0};
  std::atomic<uint64_t> cpu_us{0};     // of searches
  std::atomic<uint64_t> wasted_us{0};  // the part of cpu_us whose result nobody waited for
};

// Processor time that the calling thread has used.
absl::Duration ThreadCpuTime();

}  // namespace canopy
