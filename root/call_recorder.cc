#include "root/call_recorder.h"

#include <algorithm>
#include <optional>

namespace canopy {
namespace {

CallKind KindOf(const LeafCall& call) { return {.shard = call.shards[0], .cost = call.cost}; }

uint64_t Microseconds(absl::Duration time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Microseconds(time)));
}

}  // namespace

QueryLimit::Outcome OutcomeOf(const absl::Status& result, absl::Span<const LeafCall> calls) {
  if (result.ok()) return QueryLimit::Outcome::kServed;
  const bool refused =
      absl::IsResourceExhausted(result) &&
      std::any_of(calls.begin(), calls.end(), [](const LeafCall& call) { return call.refused; });
  return refused ? QueryLimit::Outcome::kRefusedByLeaves : QueryLimit::Outcome::kOther;
}

bool IsHedge(v1::AttemptKind kind) {
  return kind == v1::ATTEMPT_KIND_HEDGE || kind == v1::ATTEMPT_KIND_FETCH_HEDGE;
}

bool IsFetch(v1::AttemptKind kind) {
  return kind == v1::ATTEMPT_KIND_FETCH || kind == v1::ATTEMPT_KIND_FETCH_RETRY ||
         kind == v1::ATTEMPT_KIND_FETCH_HEDGE;
}

void CallRecorder::Started(const LeafCall& call) {
  SessionCounters& counters = steering_.counters;
  steering_.loads.OnSent(SlotOf(call), call.assumed_cost, call.sent);
  counters.fetch_calls += IsFetch(call.kind);
  counters.hedge_calls += IsHedge(call.kind);
  counters.primary_calls += call.kind == v1::ATTEMPT_KIND_PRIMARY;
  counters.retry_calls += call.kind == v1::ATTEMPT_KIND_RETRY;
  if (call.kind == v1::ATTEMPT_KIND_PRIMARY) steering_.budget.OnPrimaryCall(call.sent);
}

LeafLoads::Ended CallRecorder::Ended(const LeafCall& call, absl::Duration took) {
  LeafLoads::Ended ended = {.cost = call.assumed_cost};
  if (const auto usual = latency_.Quantiles(KindOf(call), call.ended)) {
    ended.slowness = absl::FDivDuration(took, usual->p50);
  }
  return ended;
}

void CallRecorder::Answered(const LeafCall& call, const v1::LeafLoad& load) {
  const absl::Duration took = call.ended - call.sent;
  steering_.loads.OnAnswered(SlotOf(call), Ended(call, took), load.in_flight_cost(), call.ended);
  latency_.Record(KindOf(call), took, /*censored=*/false, call.ended);
  SessionCounters& counters = steering_.counters;
  const bool won = call.outcome == v1::ATTEMPT_OUTCOME_WON;
  if (!won) counters.wasted_lost_us += Microseconds(took);
  if (!IsHedge(call.kind)) return;
  ++(won ? counters.hedges_won : counters.hedges_lost);
  steering_.budget.OnHedgeAnswered();
}

void CallRecorder::Failed(const LeafCall& call, const absl::Status& why, absl::Time deadline) {
  const LeafLoads::Ended ended = Ended(call, std::max(deadline, call.ended) - call.sent);
  if (absl::IsResourceExhausted(why)) {
    steering_.loads.OnRefused(SlotOf(call), ended, call.ended);
  } else {
    steering_.loads.OnFailed(SlotOf(call), ended, call.ended);
  }
  if (!IsHedge(call.kind)) return;
  ++steering_.counters.hedges_failed;
  steering_.budget.OnHedgeFailed();
}

void CallRecorder::Cancelled(const LeafCall& call) {
  const absl::Duration took = call.ended - call.sent;
  steering_.loads.OnCancelled(SlotOf(call), Ended(call, took), call.ended);
  latency_.Record(KindOf(call), took, /*censored=*/true, call.ended);
  steering_.counters.wasted_cancelled_us += Microseconds(took);
  steering_.counters.hedges_cancelled += IsHedge(call.kind);
}

}  // namespace canopy
