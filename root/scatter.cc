#include "root/scatter.h"

#include <algorithm>
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

Scatter::Scatter(const ClusterView& view, ReplicaChooser chooser, Options options,
                 std::vector<LeafCall>& calls)
    : view_(view),
      chooser_(chooser),
      options_(options),
      calls_(calls),
      shards_(view.num_shards()) {}

void Scatter::Want(ShardId shard) {
  const std::optional<size_t> choice = chooser_.Choose(view_, shard, {});
  if (!choice) {
    ++pending_;
    return SetFailed(shard, NoReplica(shard));
  }
  const ReplicaView& replica = view_.shards[shard][*choice];
  WantFrom(shard, replica.leaf, replica.replica);
}

void Scatter::WantFrom(ShardId shard, LeafIndex leaf, uint32_t replica) {
  CHECK(shards_[shard].state == State::kUnwanted);
  ++pending_;
  AddWish(shard, leaf, replica, options_.first_kind);
}

void Scatter::AddWish(ShardId shard, LeafIndex leaf, uint32_t replica, v1::AttemptKind kind) {
  shards_[shard].state = State::kPending;
  shards_[shard].tried.push_back(leaf);
  wishes_.push_back({.kind = kind, .leaf = leaf, .shard = shard, .replica = replica});
}

std::vector<CallId> Scatter::StartCalls(absl::Time now) {
  const auto order = [](const Wish& wish) { return std::tuple(wish.kind, wish.leaf, wish.shard); };
  std::sort(wishes_.begin(), wishes_.end(),
            [&](const Wish& a, const Wish& b) { return order(a) < order(b); });
  std::vector<CallId> started;
  const Wish* last = nullptr;
  for (const Wish& wish : wishes_) {
    if (last == nullptr || last->kind != wish.kind || last->leaf != wish.leaf) {
      started.push_back(static_cast<CallId>(calls_.size()));
      calls_.push_back(
          {.leaf = wish.leaf, .replica = wish.replica, .kind = wish.kind, .sent = now});
    }
    calls_.back().shards.push_back(wish.shard);
    shards_[wish.shard].call = started.back();
    last = &wish;
  }
  wishes_.clear();
  started_.insert(started_.end(), started.begin(), started.end());
  return started;
}

void Scatter::EndCall(CallId call, absl::Time now) {
  CHECK(calls_[call].in_flight);
  calls_[call].in_flight = false;
  calls_[call].ended = now;
}

void Scatter::Answer(CallId call, ShardId shard) {
  CHECK(shards_[shard].state == State::kPending);
  shards_[shard].state = State::kAnswered;
  shards_[shard].call = call;
  --pending_;
}

void Scatter::Fail(ShardId shard, const absl::Status& why) {
  Shard& progress = shards_[shard];
  CHECK(progress.state == State::kPending);
  if (!progress.retried && MayRetry(why.code())) {
    progress.retried = true;
    if (const auto choice = chooser_.Choose(view_, shard, progress.tried)) {
      const ReplicaView& replica = view_.shards[shard][*choice];
      return AddWish(shard, replica.leaf, replica.replica, options_.retry_kind);
    }
  }
  SetFailed(shard, why);
}

void Scatter::SetFailed(ShardId shard, const absl::Status& why) {
  shards_[shard].state = State::kFailed;
  shards_[shard].failure = why;
  --pending_;
}

std::vector<CallId> Scatter::GiveUp(const absl::Status& why, absl::Time now) {
  wishes_.clear();
  for (ShardId shard = 0; shard < shards_.size(); ++shard) {
    if (shards_[shard].state == State::kPending) SetFailed(shard, why);
  }
  std::vector<CallId> cancelled;
  for (CallId call : started_) {
    if (!calls_[call].in_flight) continue;
    EndCall(call, now);
    calls_[call].outcome = v1::ATTEMPT_OUTCOME_CANCELLED;
    calls_[call].reason = std::string(why.message());
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
