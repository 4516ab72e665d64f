#include "root/term_scatter.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "base/mix.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr ShardId kOnlyShard = 0;

}  // namespace

void TermScatter::Want(uint64_t hash) {
  tasks_.push_back({.hash = hash});
  ++pending_;
  const size_t task = tasks_.size() - 1;
  if (Try(task, options_.first_kind)) return;
  std::string reasons;
  for (const ReplicaView& replica : view_.shards[kOnlyShard]) {
    reasons += Concat(reasons.empty() ? "" : "; ", view_.leaves[replica.leaf].address, ": ",
                      replica.reason);
  }
  Fail(task, absl::UnavailableError(Concat("no leaf: ", reasons)));
}

std::optional<size_t> TermScatter::Choose(const Task& task) const {
  const std::vector<ReplicaView>& replicas = view_.shards[kOnlyShard];
  std::optional<size_t> best;
  std::pair<ReplicaHealth, uint64_t> best_rank;
  for (size_t i = 0; i < replicas.size(); ++i) {
    const LeafIndex leaf = replicas[i].leaf;
    if (replicas[i].health == ReplicaHealth::kDown) continue;
    if (std::find(task.tried.begin(), task.tried.end(), leaf) != task.tried.end()) continue;
    const std::pair rank(replicas[i].health, MixBits(task.hash ^ view_.leaves[leaf].hash));
    if (!best || rank < best_rank) {
      best = i;
      best_rank = rank;
    }
  }
  return best;
}

// False: no leaf is left, or the budget for retries is spent.
bool TermScatter::Try(size_t task, v1::AttemptKind kind) {
  const std::optional<size_t> choice = Choose(tasks_[task]);
  if (!choice) return false;
  const ReplicaView& replica = view_.shards[kOnlyShard][*choice];
  // One call a leaf: what it brings besides costs nothing more.
  const bool goes_there = std::any_of(wishes_.begin(), wishes_.end(), [&](const Wish& wish) {
    return wish.kind == kind && wish.leaf == replica.leaf;
  });
  if (kind == options_.retry_kind && !goes_there && !steering_.budget.TakeForRetry()) {
    ++steering_.counters.unretried_budget;
    return false;
  }
  tasks_[task].tried.push_back(replica.leaf);
  wishes_.push_back({.kind = kind, .leaf = replica.leaf, .task = task, .replica = replica.replica});
  return true;
}

std::vector<CallId> TermScatter::StartCalls(absl::Time now) {
  const auto order = [](const Wish& wish) { return std::tuple(wish.kind, wish.leaf, wish.task); };
  std::sort(wishes_.begin(), wishes_.end(),
            [&](const Wish& a, const Wish& b) { return order(a) < order(b); });
  std::vector<CallId> started;
  const Wish* last = nullptr;
  for (const Wish& wish : wishes_) {
    if (last == nullptr || last->kind != wish.kind || last->leaf != wish.leaf) {
      started.push_back(static_cast<CallId>(calls_.size()));
      calls_.push_back({.leaf = wish.leaf,
                        .replica = wish.replica,
                        .kind = wish.kind,
                        .shards = {kOnlyShard},
                        .sent = now});
    }
    tasks_of_[started.back()].push_back(wish.task);
    last = &wish;
  }
  wishes_.clear();
  for (const CallId call : started) Count(calls_[call]);
  return started;
}

void TermScatter::Count(const LeafCall& call) {
  SessionCounters& counters = steering_.counters;
  counters.fetch_calls += IsFetch(call.kind);
  counters.retry_calls += call.kind == v1::ATTEMPT_KIND_RETRY;
  counters.primary_calls += call.kind == v1::ATTEMPT_KIND_PRIMARY;
  if (call.kind == v1::ATTEMPT_KIND_PRIMARY) steering_.budget.OnPrimaryCall(call.sent);
}

void TermScatter::EndCall(CallId call, absl::Time now) {
  CHECK(calls_[call].in_flight);
  calls_[call].in_flight = false;
  calls_[call].ended = now;
}

void TermScatter::End(Task& task) {
  CHECK(task.pending);
  task.pending = false;
  --pending_;
}

void TermScatter::Answer(size_t task) { End(tasks_[task]); }

void TermScatter::Fail(size_t task, const absl::Status& why) {
  const bool first = tasks_[task].tried.size() == 1;
  if (first && MayRetry(why.code()) && Try(task, options_.retry_kind)) return;
  End(tasks_[task]);
  if (failure_.ok()) failure_ = why;
}

std::vector<CallId> TermScatter::GiveUp(const absl::Status& why, absl::Time now) {
  wishes_.clear();
  if (pending_ > 0 && failure_.ok()) failure_ = why;
  for (Task& task : tasks_) {
    if (task.pending) End(task);
  }
  std::vector<CallId> cancelled;
  for (const auto& [call, tasks] : tasks_of_) {
    if (!calls_[call].in_flight) continue;
    EndCall(call, now);
    calls_[call].outcome = v1::ATTEMPT_OUTCOME_CANCELLED;
    calls_[call].reason = std::string(why.message());
    cancelled.push_back(call);
  }
  return cancelled;
}

}  // namespace canopy
