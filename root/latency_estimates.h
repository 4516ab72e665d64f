// How long calls to leaves take, learned from those that have ended: quantiles by (shard, cost
// class), over a sliding window. What hedging (hedger.h) compares a call with that is still out.
//
// A call that was cancelled is a censored sample: it took at least so long. Leaving it out, or
// counting it as ended, would lower the estimate with every hedge and so cause more hedges; the
// quantiles are those of the product-limit estimate (Kaplan and Meier, 1958).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/types.h"

namespace canopy {

// A call by what its time depends on. Calls with the same set of shards name the first of it.
struct CallKind {
  ShardId shard = 0;
  uint64_t cost = 0;  // cost units (ShardAnswer.cost) over the call's shards; 0: not known
};

struct LatencyQuantiles {
  absl::Duration p50, p95, p99;
};

// Thread safety: one thread. `now` never goes back.
class LatencyEstimates final {
 public:
  // Samples below which the calls of one kind say too little and those of all shards are looked at.
  static constexpr uint64_t kMinSamples = 100;
  // A window is closed when it is so old and has kMinSamples, or when it is kMaxWindow old. The
  // last closed one and the open one count.
  static constexpr absl::Duration kWindow = absl::Seconds(5);
  static constexpr absl::Duration kMaxWindow = absl::Minutes(1);
  // Kinds that are kept apart; further ones are known by their cost class only.
  static constexpr size_t kMaxKinds = 8192;

  LatencyEstimates();
  ~LatencyEstimates();

  // A call of `kind` has ended after `latency`; or, censored, has been cancelled then.
  void Record(CallKind kind, absl::Duration latency, bool censored, absl::Time now);

  // Of the narrowest group that has kMinSamples: (shard, cost class), cost class, all. nullopt:
  // none has.
  std::optional<LatencyQuantiles> Quantiles(CallKind kind, absl::Time now);

 private:
  class Group;

  // Null: kMaxKinds is reached.
  Group* Find(uint64_t key, bool create);

  absl::flat_hash_map<uint64_t, std::unique_ptr<Group>> groups_;
};

}  // namespace canopy
