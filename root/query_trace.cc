#include "root/query_trace.h"

#include <algorithm>

#include "rpc/ledger_parts.h"

namespace canopy {
namespace {

uint64_t Microseconds(absl::Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Microseconds(duration)));
}

bool Contributed(const LeafCall& call) {
  return call.outcome == v1::ATTEMPT_OUTCOME_WON && !IsFetch(call.kind);
}

const LeafCall* MedianCall(absl::Span<const LeafCall> calls) {
  std::vector<const LeafCall*> contributed;
  for (const LeafCall& call : calls) {
    if (Contributed(call)) contributed.push_back(&call);
  }
  if (contributed.empty()) return nullptr;
  const auto median = contributed.begin() + (contributed.size() - 1) / 2;
  std::nth_element(
      contributed.begin(), median, contributed.end(),
      [](const LeafCall* a, const LeafCall* b) { return a->ended - a->sent < b->ended - b->sent; });
  return *median;
}

}  // namespace

v1::Ledger MakeLedger(absl::Span<const LeafCall> calls, absl::Time started, absl::Time searched,
                      absl::Time now) {
  v1::Ledger ledger;
  uint64_t median_us = 0;
  if (const LeafCall* call = MedianCall(calls)) {
    median_us = Microseconds(call->ended - call->sent);
    // Measured on another machine: never more than the whole call.
    const uint64_t queue_us = std::min(call->queue_us, median_us);
    const uint64_t execution_us = std::min(call->execution_us, median_us - queue_us);
    ledger.set_leaf_queue_us(queue_us);
    ledger.set_leaf_execution_us(execution_us);
    ledger.set_wire_us(median_us - queue_us - execution_us);
  }
  ledger.set_wait_for_slowest_us(Microseconds(searched - started) - median_us);
  ledger.set_fetch_us(Microseconds(now - searched));
  return ledger;
}

void CloseLedger(absl::Duration total, v1::Ledger& ledger) {
  ledger.clear_unaccounted_us();
  uint64_t parts = 0;
  for (const LedgerPart& part : LedgerParts(ledger)) parts += part.us;
  ledger.set_total_us(std::max(Microseconds(total), parts));
  ledger.set_unaccounted_us(ledger.total_us() - parts);
}

void AddAttempts(const ClusterView& view, absl::Span<const LeafCall> calls, absl::Time started,
                 v1::SearchResponse& response) {
  for (const LeafCall& call : calls) {
    v1::Attempt& attempt = *response.add_attempts();
    attempt.mutable_shards()->Add(call.shards.begin(), call.shards.end());
    attempt.set_replica(call.replica);
    attempt.set_address(view.leaves[call.leaf].address);
    attempt.set_kind(call.kind);
    attempt.set_sent_us(Microseconds(call.sent - started));
    attempt.set_duration_us(Microseconds(call.ended - call.sent));
    attempt.set_queue_us(call.queue_us);
    attempt.set_execution_us(call.execution_us);
    attempt.set_outcome(call.outcome);
    attempt.set_reason(call.reason);
  }
}

}  // namespace canopy
