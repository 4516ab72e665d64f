#include "leaf/leaf_counters.h"

#include <ctime>

#include "base/check.h"

namespace canopy {

void LeafCounters::CountCpu(absl::Duration cpu, const Cancellation& context) {
  const uint64_t ns = absl::ToInt64Nanoseconds(cpu);
  cpu_ns += ns;
  const absl::Status status = context.status();
  if (status.ok()) return;
  ++searches_cancelled;
  wasted_ns += ns;
  if (absl::IsDeadlineExceeded(status)) wasted_deadline_ns += ns;
}

void LeafCounters::CountStop(bool has_run, absl::Duration late) {
  if (!has_run) {
    ++cancelled_waiting;
    return;
  }
  ++cancelled_running;
  const uint64_t ns = absl::ToInt64Nanoseconds(late);
  stop_ns += ns;
  uint64_t most = stop_max_ns;
  while (ns > most && !stop_max_ns.compare_exchange_weak(most, ns)) {
  }
  if (late > kPromptness) ++stopped_late;
}

void LeafCounters::CountRefusal(const Refusal& refusal) {
  ++searches_rejected;
  ++refused_by_reason[static_cast<size_t>(refusal.reason)];
  ++refused_by_priority[refusal.priority];
  if (refusal.waited > kPromptness) ++refused_late;
}

absl::Duration ThreadCpuTime() {
  timespec time;
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return absl::DurationFromTimespec(time);
}

}  // namespace canopy
