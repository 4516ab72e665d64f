#include "leaf/admission_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace canopy {
namespace {

// As people read it.
std::string Text(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Microseconds(1)));
}

}  // namespace

uint64_t AdmissionQueue::Offer(const AdmissionRequest& request, absl::Time now,
                               std::vector<Refusal>& refused) {
  CHECK(request.priority < kNumPriorities);
  const uint64_t id = next_id_++;
  Entry entry{.tasks = request.tasks,
              .cost = request.cost_hint > 0 ? request.cost_hint : model_.MeanCost(),
              .arrived = now,
              .deadline = request.deadline};
  entry.work = model_.Expected(entry.cost);
  if (overloaded(now)) RefuseStale(now, refused);

  RefusalReason reason = RefusalReason::kDeadline;
  absl::Status status = CheckDeadline(entry, WaitBefore(request.priority), now);
  if (status.ok() || BecomesProbe(entry, now)) {
    reason = RefusalReason::kQueueWait;
    status = CheckWait(request.priority, now, refused);
  }
  if (status.ok()) {
    reason = RefusalReason::kQueueFull;
    status = CheckRoom(request.priority, request.tasks, now, refused);
  }
  if (!status.ok()) {
    refused.push_back({id, request.priority, reason, absl::ZeroDuration(), std::move(status)});
    return id;
  }
  Class& of_priority = classes_[request.priority];
  of_priority.tasks += entry.tasks;
  of_priority.work += entry.work;
  ++waiting_;
  waiting_tasks_ += entry.tasks;
  in_flight_cost_ += entry.cost;
  of_priority.entries.emplace(id, entry);
  return id;
}

std::optional<uint64_t> AdmissionQueue::Take(absl::Time now, std::vector<Refusal>& refused) {
  Observe(now);
  if (overloaded(now)) RefuseStale(now, refused);
  while (const auto priority = HighestClass()) {
    const uint64_t id = Choose(*priority, now);
    const Entry& entry = classes_[*priority].entries.at(id);
    absl::Status status = CheckDeadline(entry, absl::ZeroDuration(), now);
    if (!status.ok() && !entry.is_probe) {
      Refuse(*priority, id, now, RefusalReason::kDeadline, std::move(status), refused);
      continue;
    }
    const Entry taken = Extract(*priority, id);
    running_tasks_ += taken.tasks;
    running_work_ += taken.work;
    in_flight_cost_ += taken.cost;
    running_.emplace(id, taken);
    return id;
  }
  return std::nullopt;
}

bool AdmissionQueue::Remove(uint64_t id) {
  for (size_t priority = 0; priority < kNumPriorities; ++priority) {
    if (!classes_[priority].entries.contains(id)) continue;
    Extract(priority, id);
    return true;
  }
  return false;
}

void AdmissionQueue::End(uint64_t id, const Work& work) {
  const auto found = running_.find(id);
  CHECK(found != running_.end());
  const Entry& entry = found->second;
  running_tasks_ -= entry.tasks;
  running_work_ -= entry.work;
  in_flight_cost_ -= entry.cost;
  if (work.complete) {
    model_.Add(work.cost, work.took);
  } else if (work.took > entry.work) {
    model_.Add(entry.cost, work.took);  // at least so long
  }
  running_.erase(found);
}

// A deadline that has passed is the search's own to tell.
absl::Status AdmissionQueue::CheckDeadline(const Entry& entry, absl::Duration wait,
                                           absl::Time now) const {
  const absl::Duration left = entry.deadline - now;
  const absl::Duration own = Elapsed(entry);
  if (wait + own <= left || left <= absl::ZeroDuration()) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      Concat("too late: waited ", Text(now - entry.arrived), ", ", Text(wait),
             " more until a search thread is free and ", Text(own),
             " to search are expected, the limit is what the deadline leaves, ", Text(left)));
}

// Whether the entry, which would be refused even if it began at once, is the one of this interval
// that is served.
bool AdmissionQueue::BecomesProbe(Entry& entry, absl::Time now) {
  if (Elapsed(entry) <= entry.deadline - now || now - last_probe_ < Interval()) return false;
  last_probe_ = now;
  entry.is_probe = true;
  return true;
}

absl::Status AdmissionQueue::CheckWait(size_t priority, absl::Time now,
                                       std::vector<Refusal>& refused) {
  if (!overloaded(now)) {
    if (WaitingWork() <= Interval()) return absl::OkStatus();
    overloaded_ = true;  // no interval could end otherwise
    BeginInterval(now, EldestWait(now));
    RefuseStale(now, refused);
  }
  while (WaitingWork() >= Target()) {
    has_shed_ = true;
    if (!Displace(priority, now, refused)) return WaitsTooLong(WaitingWork(), Target());
  }
  return absl::OkStatus();
}

absl::Status AdmissionQueue::CheckRoom(size_t priority, size_t tasks, absl::Time now,
                                       std::vector<Refusal>& refused) {
  const auto full = [&](size_t waiting) {
    return absl::ResourceExhaustedError(Concat("the search queue is full: ", waiting,
                                               " tasks wait, ", tasks, " more do not fit into ",
                                               options_.max_queue, " (max-queue)"));
  };
  size_t higher = 0;  // tasks that have to stay
  for (size_t i = 0; i <= priority; ++i) higher += classes_[i].tasks;
  if (higher + tasks > options_.max_queue) return full(waiting_tasks_);
  for (size_t lowest = kNumPriorities - 1; waiting_tasks_ + tasks > options_.max_queue;) {
    if (classes_[lowest].entries.empty()) {
      --lowest;
      continue;
    }
    const uint64_t eldest = classes_[lowest].entries.begin()->first;
    Refuse(lowest, eldest, now, RefusalReason::kQueueFull, full(waiting_tasks_), refused);
  }
  return absl::OkStatus();
}

// Refuses the eldest of the lowest class, to make room for a request of `priority`. False: nothing
// is lower, nor, in the same class, young enough to be told early.
bool AdmissionQueue::Displace(size_t priority, absl::Time now, std::vector<Refusal>& refused) {
  size_t lowest = kNumPriorities - 1;
  while (lowest > priority && classes_[lowest].entries.empty()) --lowest;
  if (classes_[lowest].entries.empty()) return false;
  const auto& [id, eldest] = *classes_[lowest].entries.begin();
  if (lowest == priority && now - eldest.arrived >= options_.target) return false;
  Refuse(lowest, id, now, RefusalReason::kQueueWait, WaitsTooLong(WaitingWork(), Target()),
         refused);
  return true;
}

// All that have waited for twice the target, but the one that would be the newest to serve: to
// leave a thread without work helps nobody.
void AdmissionQueue::RefuseStale(absl::Time now, std::vector<Refusal>& refused) {
  const absl::Duration limit = 2 * Target();
  const auto highest = HighestClass();
  for (size_t priority = 0; priority < kNumPriorities; ++priority) {
    auto& entries = classes_[priority].entries;
    const size_t kept = priority == highest ? 1 : 0;
    while (entries.size() > kept && now - entries.begin()->second.arrived > limit) {
      has_shed_ = true;
      const absl::Duration waited = now - entries.begin()->second.arrived;
      Refuse(priority, entries.begin()->first, now, RefusalReason::kQueueWait,
             WaitsTooLong(waited, limit), refused);
    }
  }
}

void AdmissionQueue::Refuse(size_t priority, uint64_t id, absl::Time now, RefusalReason reason,
                            absl::Status status, std::vector<Refusal>& refused) {
  const Entry entry = Extract(priority, id);
  refused.push_back({id, priority, reason, now - entry.arrived, std::move(status)});
}

void AdmissionQueue::Observe(absl::Time now) {
  const absl::Duration wait = EldestWait(now);
  if (now < interval_end_) {
    least_wait_ = std::min(least_wait_, wait);
    return;
  }
  const bool is_recent = now < interval_end_ + Interval();
  overloaded_ = is_recent && (has_shed_ || least_wait_ > Target());
  BeginInterval(now, wait);
}

void AdmissionQueue::BeginInterval(absl::Time now, absl::Duration wait) {
  interval_end_ = now + Interval();
  least_wait_ = wait;
  has_shed_ = false;
}

uint64_t AdmissionQueue::Choose(size_t priority, absl::Time now) const {
  const auto& entries = classes_[priority].entries;
  const auto& [eldest, entry] = *entries.begin();
  const bool newest_first = overloaded(now) && now - entry.arrived < options_.target / 2;
  return newest_first ? entries.rbegin()->first : eldest;
}

AdmissionQueue::Entry AdmissionQueue::Extract(size_t priority, uint64_t id) {
  Class& of_priority = classes_[priority];
  const auto node = of_priority.entries.extract(id);
  const Entry& entry = node.mapped();
  of_priority.tasks -= entry.tasks;
  of_priority.work -= entry.work;
  --waiting_;
  waiting_tasks_ -= entry.tasks;
  in_flight_cost_ -= entry.cost;
  return entry;
}

std::optional<size_t> AdmissionQueue::HighestClass() const {
  for (size_t priority = 0; priority < kNumPriorities; ++priority) {
    if (!classes_[priority].entries.empty()) return priority;
  }
  return std::nullopt;
}

absl::Duration AdmissionQueue::EldestWait(absl::Time now) const {
  absl::Duration wait;
  for (const Class& of_priority : classes_) {
    if (of_priority.entries.empty()) continue;
    wait = std::max(wait, now - of_priority.entries.begin()->second.arrived);
  }
  return wait;
}

absl::Duration AdmissionQueue::Elapsed(const Entry& entry) const {
  return entry.work / static_cast<int64_t>(std::clamp<size_t>(entry.tasks, 1, options_.threads));
}

absl::Duration AdmissionQueue::WaitBefore(size_t priority) const {
  if (waiting_ == 0 && running_.size() < options_.threads) return absl::ZeroDuration();
  absl::Duration work = running_work_;
  for (size_t i = 0; i <= priority; ++i) work += classes_[i].work;
  return work / static_cast<int64_t>(options_.threads);
}

absl::Duration AdmissionQueue::WaitingWork() const {
  absl::Duration work;
  for (const Class& of_priority : classes_) work += of_priority.work;
  return work / static_cast<int64_t>(options_.threads);
}

absl::Status AdmissionQueue::WaitsTooLong(absl::Duration wait, absl::Duration limit) const {
  return absl::ResourceExhaustedError(Concat("overloaded: a wait of ", Text(wait),
                                             ", the limit is ", Text(limit), " (queue-target ",
                                             Text(options_.target), ")"));
}

}  // namespace canopy
