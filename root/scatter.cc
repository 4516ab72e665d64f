#include "root/scatter.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace canopy {

bool MayRetry(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
      return false;
    default:
      return true;
  }
}

Scatter::Scatter(const ClusterView& view, ReplicaChooser chooser, Steering& steering,
                 LatencyEstimates& latency, Options options, std::vector<LeafCall>& calls)
    : view_(view),
      chooser_(chooser),
      steering_(steering),
      recorder_(view, steering, latency),
      options_(options),
      calls_(calls),
      cost_a_shard_(options.cost_a_shard),
      shards_(view.num_shards()) {}

void Scatter::Want(ShardId shard, absl::Time now) {
  const std::optional<size_t> choice = chooser_.Choose(view_, shard, {}, now);
  if (!choice) {
    ++pending_;
    return SetFailed(shard, NoReplica(shard));
  }
  const ReplicaView& replica = view_.shards[shard][*choice];
  WantFrom(shard, replica.leaf, replica.replica);
}

void Scatter::WantFrom(ShardId shard, LeafIndex leaf, uint32_t replica) {
  WantFrom(shard, leaf, replica, options_.first_kind);
}

void Scatter::WantFrom(ShardId shard, LeafIndex leaf, uint32_t replica, v1::AttemptKind kind) {
  CHECK(shards_[shard].state == State::kUnwanted);
  ++pending_;
  shards_[shard].state = State::kPending;
  AddWish(shard, leaf, replica, kind);
}

void Scatter::WantMore(ShardId shard) {
  Shard& again = shards_[shard];
  CHECK(again.state == State::kAnswered);
  again.state = State::kUnwanted;
  again.retried = again.hedged = false;
  again.calls.clear();
  again.tried.clear();
  const LeafCall& answered = calls_[again.answered_by];
  WantFrom(shard, answered.leaf, answered.replica, v1::ATTEMPT_KIND_MORE);
}

std::optional<size_t> Scatter::ChooseOther(ShardId shard, absl::Time now) const {
  return chooser_.Choose(view_, shard, shards_[shard].tried, now);
}

void Scatter::Hedge(ShardId shard, size_t place) {
  CHECK(MayHedge(shard));
  shards_[shard].hedged = true;
  const ReplicaView& replica = view_.shards[shard][place];
  AddWish(shard, replica.leaf, replica.replica, options_.hedge_kind);
}

void Scatter::AddWish(ShardId shard, LeafIndex leaf, uint32_t replica, v1::AttemptKind kind) {
  shards_[shard].tried.push_back(leaf);
  ++shards_[shard].wishes;
  wishes_.push_back({.kind = kind, .leaf = leaf, .shard = shard, .replica = replica});
}

std::vector<CallId> Scatter::StartCalls(absl::Time now) {
  const auto order = [](const Wish& wish) { return std::tuple(wish.kind, wish.leaf, wish.shard); };
  std::sort(wishes_.begin(), wishes_.end(),
            [&](const Wish& a, const Wish& b) { return order(a) < order(b); });
  std::vector<CallId> started;
  const Wish* last = nullptr;
  for (const Wish& wish : wishes_) {
    Shard& shard = shards_[wish.shard];
    --shard.wishes;
    if (shard.state != State::kPending) continue;  // answered since
    if (last == nullptr || last->kind != wish.kind || last->leaf != wish.leaf) {
      started.push_back(static_cast<CallId>(calls_.size()));
      calls_.push_back(
          {.leaf = wish.leaf, .replica = wish.replica, .kind = wish.kind, .sent = now});
    }
    calls_.back().shards.push_back(wish.shard);
    ++calls_.back().wanted;
    shard.calls.push_back(started.back());
    last = &wish;
  }
  wishes_.clear();
  for (const CallId call : started) {
    LeafCall& state = calls_[call];
    state.cost = CostOf(state);
    state.assumed_cost = state.cost > 0 ? state.cost : options_.assumed_cost * state.shards.size();
    recorder_.Started(state);
    first_calls_ += state.kind == options_.first_kind;
  }
  started_.insert(started_.end(), started.begin(), started.end());
  return started;
}

void Scatter::EndCall(CallId call, absl::Time now) {
  CHECK(calls_[call].in_flight);
  calls_[call].in_flight = false;
  calls_[call].ended = now;
}

// No call needs to bring the shard any more.
void Scatter::StopWaiting(Shard& shard) {
  --pending_;
  for (const CallId call : shard.calls) {
    if (--calls_[call].wanted == 0 && calls_[call].in_flight) idle_.push_back(call);
  }
}

bool Scatter::Answer(CallId call, ShardId shard) {
  Shard& progress = shards_[shard];
  if (progress.state != State::kPending) return false;
  progress.state = State::kAnswered;
  progress.answered_by = call;
  StopWaiting(progress);
  return true;
}

void Scatter::Drop(ShardId shard) {
  CHECK(shards_[shard].state == State::kPending);
  shards_[shard].state = State::kNotNeeded;
  StopWaiting(shards_[shard]);
}

bool Scatter::IsOut(const Shard& shard) const {
  return shard.wishes > 0 || std::any_of(shard.calls.begin(), shard.calls.end(),
                                         [this](CallId call) { return calls_[call].in_flight; });
}

void Scatter::Fail(CallId call, ShardId shard, const absl::Status& why, absl::Time now) {
  CHECK(!calls_[call].in_flight);
  Shard& progress = shards_[shard];
  if (progress.state != State::kPending || IsOut(progress) || Retry(shard, why, now)) return;
  SetFailed(shard, why);
}

bool Scatter::Retry(ShardId shard, const absl::Status& why, absl::Time now) {
  Shard& progress = shards_[shard];
  if (progress.retried || !MayRetry(why.code())) return false;
  const std::optional<size_t> choice = ChooseOther(shard, now);
  if (!choice) return false;
  const ReplicaView& replica = view_.shards[shard][*choice];
  // One call a leaf process: what it brings besides costs nothing more.
  const bool goes_there = std::any_of(wishes_.begin(), wishes_.end(), [&](const Wish& wish) {
    return wish.kind == options_.retry_kind && wish.leaf == replica.leaf;
  });
  if (!goes_there && !steering_.budget.TakeForRetry()) {
    ++steering_.counters.unretried_budget;
    return false;
  }
  progress.retried = true;
  AddWish(shard, replica.leaf, replica.replica, options_.retry_kind);
  return true;
}

void Scatter::SetFailed(ShardId shard, const absl::Status& why) {
  shards_[shard].state = State::kFailed;
  shards_[shard].failure = why;
  StopWaiting(shards_[shard]);
}

void Scatter::Failed(CallId call, const absl::Status& why) {
  recorder_.Failed(calls_[call], why, options_.deadline);
}

void Scatter::Cancel(CallId call, std::string_view why, absl::Time now) {
  EndCall(call, now);
  LeafCall& state = calls_[call];
  state.outcome = v1::ATTEMPT_OUTCOME_CANCELLED;
  state.reason = std::string(why);
  state.cost = CostOf(state);
  recorder_.Cancelled(state);
}

std::vector<CallId> Scatter::CancelIdle(absl::Time now) {
  std::vector<CallId> cancelled;
  for (const CallId call : idle_) {
    if (!calls_[call].in_flight) continue;
    Cancel(call, "nothing of it is waited for any more", now);
    cancelled.push_back(call);
  }
  idle_.clear();
  return cancelled;
}

std::vector<CallId> Scatter::GiveUp(const absl::Status& why, absl::Time now) {
  wishes_.clear();
  for (ShardId shard = 0; shard < shards_.size(); ++shard) {
    if (shards_[shard].state == State::kPending) SetFailed(shard, why);
  }
  idle_.clear();
  std::vector<CallId> cancelled;
  for (const CallId call : started_) {
    if (!calls_[call].in_flight) continue;
    Cancel(call, Message(why), now);
    cancelled.push_back(call);
  }
  return cancelled;
}

absl::Status Scatter::NoReplica(ShardId shard) const {
  std::string reasons;
  for (const ReplicaView& replica : view_.shards[shard]) {
    const std::string& address = view_.leaves[replica.leaf].address;
    // Errors of connections name the address themselves.
    const bool named = replica.reason.find(address) != std::string::npos;
    reasons += Concat(reasons.empty() ? "" : "; ", named ? "" : address + ": ", replica.reason);
  }
  return absl::UnavailableError(Concat("no replica: ", reasons));
}

}  // namespace canopy
