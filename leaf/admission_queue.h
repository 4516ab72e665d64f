// Which searches a leaf serves, in which order, and which it refuses: queue wait decides, not
// latency, which varies with the query. Pure: no thread, lock or clock; search_queue.h drives it
// with real threads, tests with a virtual clock.
//
// Overload (CoDel as folly has it): over a whole interval nothing was taken off the queue without
// the eldest having waited for longer than the target. Until then what waits is a burst: it is
// served in order. It is overload at once when what waits is more than an interval's work. While
// overloaded
//   - the queue is short: about the target's worth of work. What comes on top takes the place of
//     the eldest of the lowest class, or is refused itself, whichever hears of it within the
//     target;
//   - the newest goes first ("Fail at Scale", ACM Queue 2015): it has the most time left. But one
//     that has waited for half the target goes before it, or it would be refused late;
//   - what has waited for twice the target is refused.
// It ends with an interval in which the queue was short of its own accord.
//
// The target is at least the time of two mean searches, the interval at least two targets: a thread
// with one search before it is not overloaded (CoDel says the same of one packet), and would run
// out of work with less.
//
// Higher classes go first, lower ones are refused first. At any load a search is refused when the
// work before it and its own are expected to take longer than its caller waits. (One such search an
// interval is served all the same: nothing else could prove the expectation wrong.)
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "leaf/service_model.h"
#include "rpc/priority.h"

namespace canopy {

struct AdmissionOptions {
  size_t threads = 1;       // that serve
  size_t max_queue = 1024;  // tasks (searches of one shard) that may wait
  absl::Duration target = absl::Milliseconds(5);
  absl::Duration interval = absl::Milliseconds(100);
};

enum class RefusalReason { kQueueFull, kQueueWait, kDeadline };
inline constexpr size_t kNumRefusalReasons = 3;

struct Refusal {
  uint64_t id = 0;
  size_t priority = 0;
  RefusalReason reason = RefusalReason::kQueueFull;
  absl::Duration waited = {};
  absl::Status status = {};  // RESOURCE_EXHAUSTED
};

// One request: its tasks are served or refused together.
struct AdmissionRequest {
  size_t priority = 1;  // below kNumPriorities
  size_t tasks = 1;
  uint64_t cost_hint = 0;  // 0: the mean is expected
  absl::Time deadline = absl::InfiniteFuture();
};

// Thread safety: none.
class AdmissionQueue final {
 public:
  explicit AdmissionQueue(AdmissionOptions options) : options_(options) {}

  // Returns the request's id, greater than all before. Those of `refused` (appended to) no longer
  // wait; the request itself may be among them. `now` never goes back.
  uint64_t Offer(const AdmissionRequest& request, absl::Time now, std::vector<Refusal>& refused);
  // The request to serve next, if any; it runs until End.
  std::optional<uint64_t> Take(absl::Time now, std::vector<Refusal>& refused);
  // False: it does not wait (any more).
  bool Remove(uint64_t id);

  struct Work {
    uint64_t cost = 0;
    absl::Duration took = {};
    bool complete = true;  // false: it stopped before its end
  };
  // REQUIRES: Take gave `id`, once.
  void End(uint64_t id, const Work& work);

  bool empty() const { return waiting_ == 0; }
  // Nothing waits or runs, and the request is expected to take at most `most`.
  bool CanRunAtOnce(const AdmissionRequest& request, absl::Duration most) const {
    const uint64_t cost = request.cost_hint > 0 ? request.cost_hint : model_.MeanCost();
    return waiting_ == 0 && running_.empty() && model_.Expected(cost) <= most;
  }
  // What was seen more than an interval ago says nothing of now.
  bool overloaded(absl::Time now) const { return overloaded_ && now < interval_end_ + Interval(); }
  size_t waiting_tasks() const { return waiting_tasks_; }
  size_t running_tasks() const { return running_tasks_; }  // of requests that have not ended
  // Costs of what waits and runs, as they were expected when it came.
  uint64_t in_flight_cost() const { return in_flight_cost_; }
  const ServiceModel& model() const { return model_; }

 private:
  struct Entry {
    size_t tasks = 0;
    uint64_t cost = 0;         // expected
    absl::Duration work = {};  // expected, of search threads
    absl::Time arrived = {};
    absl::Time deadline = {};
    bool is_probe = false;  // is served whatever is expected of it
  };
  // What waits with one priority. Its sums are of what was added, so they return to zero (durations
  // are whole numbers of a quarter of a nanosecond).
  struct Class {
    std::map<uint64_t, Entry> entries;  // by id, so by arrival
    size_t tasks = 0;
    absl::Duration work;
  };

  absl::Status CheckDeadline(const Entry& entry, absl::Duration wait, absl::Time now) const;
  bool BecomesProbe(Entry& entry, absl::Time now);
  absl::Status CheckRoom(size_t priority, size_t tasks, absl::Time now,
                         std::vector<Refusal>& refused);
  absl::Status CheckWait(size_t priority, absl::Time now, std::vector<Refusal>& refused);
  bool Displace(size_t priority, absl::Time now, std::vector<Refusal>& refused);
  void RefuseStale(absl::Time now, std::vector<Refusal>& refused);
  void Refuse(size_t priority, uint64_t id, absl::Time now, RefusalReason reason,
              absl::Status status, std::vector<Refusal>& refused);

  void Observe(absl::Time now);
  void BeginInterval(absl::Time now, absl::Duration wait);
  uint64_t Choose(size_t priority, absl::Time now) const;
  Entry Extract(size_t priority, uint64_t id);
  std::optional<size_t> HighestClass() const;
  absl::Duration EldestWait(absl::Time now) const;
  absl::Duration Elapsed(const Entry& entry) const;  // with as many threads as it has tasks
  // Until a request that comes now is served.
  absl::Duration WaitBefore(size_t priority) const;
  absl::Duration WaitingWork() const;  // for each thread
  absl::Duration Target() const { return std::max(options_.target, 2 * model_.MeanTime()); }
  absl::Duration Interval() const { return std::max(options_.interval, 2 * Target()); }
  absl::Status WaitsTooLong(absl::Duration wait, absl::Duration limit) const;

  const AdmissionOptions options_;
  ServiceModel model_;
  uint64_t next_id_ = 0;
  std::array<Class, kNumPriorities> classes_;
  absl::flat_hash_map<uint64_t, Entry> running_;
  size_t waiting_ = 0, waiting_tasks_ = 0;
  size_t running_tasks_ = 0;
  absl::Duration running_work_;
  uint64_t in_flight_cost_ = 0;

  bool overloaded_ = false;
  absl::Time interval_end_ = absl::InfinitePast();
  // In this interval: the least that the eldest had waited when one was taken; whether any was
  // refused for the length of the queue.
  absl::Duration least_wait_;
  bool has_shed_ = false;
  absl::Time last_probe_ = absl::InfinitePast();
};

}  // namespace canopy
