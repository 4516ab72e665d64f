#include "root/hedger.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace canopy {
namespace {

// To this share patience has to have shrunk for calls to be gone over again: not at every answer.
constexpr double kMuchLess = 0.8;

}  // namespace

Hedger::Hedger(const ClusterView& view, Steering& steering, LatencyEstimates& latency,
               Scatter& scatter, const std::vector<LeafCall>& calls)
    : view_(view), steering_(steering), latency_(latency), scatter_(scatter), calls_(calls) {}

void Hedger::OnAnswered(CallId call) {
  if (IsHedge(calls_[call].kind)) return;
  const absl::Duration took = calls_[call].ended - calls_[call].sent;
  answered_.insert(std::upper_bound(answered_.begin(), answered_.end(), took), took);
}

Hedger::Stage Hedger::StageNow() const {
  if (answered_.empty()) return Stage::kNoneAnswered;
  return 2 * answered_.size() < scatter_.first_calls() ? Stage::kSome : Stage::kHalf;
}

absl::Time Hedger::Look(absl::Time now) {
  if (steering_.options.hedge == HedgeMode::kOff) return absl::InfiniteFuture();
  const size_t calls = scatter_.calls().size();
  const double patience = Patience();
  if (now < next_ && StageNow() == stage_ && calls == checks_.size() &&
      patience > kMuchLess * patience_) {
    return next_;
  }
  patience_ = patience;
  stage_ = StageNow();
  checks_.resize(calls);
  next_ = absl::InfiniteFuture();
  for (size_t place = 0; place < calls; ++place) {
    const CallId call = scatter_.calls()[place];
    if (!calls_[call].in_flight || IsHedge(calls_[call].kind)) continue;
    next_ = std::min(next_, Check(call, checks_[place], now));
  }
  return next_;
}

// Hedges the call if it is late; when to look at it again.
absl::Time Hedger::Check(CallId id, CallCheck& check, absl::Time now) {
  if (check.hedged) return absl::InfiniteFuture();
  const LeafCall& call = calls_[id];
  const absl::Time late_at =
      std::max(call.sent + absl::Ceil(Patience() * DelayOf(call, now), absl::Nanoseconds(1)),
               check.not_before);
  if (now < late_at) return late_at;
  uint64_t* const obstacle = Hedge(call, now);
  if (obstacle == nullptr) {
    check.hedged = true;
    return absl::InfiniteFuture();
  }
  *obstacle += check.not_before == absl::InfinitePast();  // once a call
  check.hedged = steering_.options.hedge == HedgeMode::kShadow;
  check.not_before = now + std::max(now - call.sent, kFloor);
  return check.not_before;
}

absl::Duration Hedger::DelayOf(const LeafCall& call, absl::Time now) const {
  const CallKind kind = {.shard = call.shards[0], .cost = scatter_.CostOf(call)};
  const std::optional<LatencyQuantiles> usual = latency_.Quantiles(kind, now);
  if (stage_ == Stage::kHalf && scatter_.first_calls() >= kMinSiblings) {
    const absl::Duration median = answered_[(answered_.size() - 1) / 2];
    const absl::Duration beside_siblings = std::max(kFloor, kTimesMedian * median);
    return usual ? std::min(usual->p99, beside_siblings) : beside_siblings;
  }
  return usual ? std::max(kFloor, usual->p95) : kDefaultDelay;
}

double Hedger::Patience() const {
  const double own_share = std::max(1.0, steering_.budget.Earned(scatter_.first_calls()));
  const size_t few = answered_.size() + kLateTogether;
  const size_t beyond = scatter_.first_calls() - std::min(scatter_.first_calls(), few);
  return steering_.budget.Patience() * (1 + static_cast<double>(beyond) / own_share);
}

// Null: hedged. Else the counter of what was in the way.
uint64_t* Hedger::Hedge(const LeafCall& call, absl::Time now) {
  SessionCounters& counters = steering_.counters;
  if (steering_.budget.hedges_fail()) return &counters.unhedged_failing;
  if (steering_.loads.SlowShare(now) > steering_.options.max_slow_share) {
    return &counters.unhedged_slow_cluster;
  }
  std::vector<std::pair<ShardId, size_t>> targets;
  bool refused = false;
  for (const ShardId shard : call.shards) {
    if (!scatter_.MayHedge(shard)) continue;
    const std::optional<size_t> place = scatter_.ChooseOther(shard, now);
    if (!place) continue;
    const ReplicaView& replica = view_.shards[shard][*place];
    const LeafSlot slot = view_.leaves[replica.leaf].slot;
    if (replica.health != ReplicaHealth::kReady || steering_.loads.IsEjected(slot, now)) continue;
    refused |= steering_.loads.HasRefused(slot, now);
    targets.emplace_back(shard, *place);
  }
  if (targets.empty()) return &counters.unhedged_no_replica;
  if (refused) return &counters.unhedged_refused;
  if (steering_.options.hedge == HedgeMode::kShadow) return &counters.shadow_hedges;
  return Send(targets) ? nullptr : &counters.unhedged_budget;
}

// A token for each leaf process that is asked. False: not one was left.
bool Hedger::Send(const std::vector<std::pair<ShardId, size_t>>& targets) {
  std::vector<LeafIndex> leaves;
  bool sent = false;
  for (const auto& [shard, place] : targets) {
    const LeafIndex leaf = view_.shards[shard][place].leaf;
    if (std::find(leaves.begin(), leaves.end(), leaf) == leaves.end()) {
      if (!steering_.budget.TakeForHedge()) break;
      leaves.push_back(leaf);
    }
    scatter_.Hedge(shard, place);
    sent = true;
  }
  return sent;
}

}  // namespace canopy
