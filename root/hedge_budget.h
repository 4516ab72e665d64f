// How many calls a root may make beyond one a leaf process and query: hedges and retries draw on
// one bucket, which primary calls fill. So extra load stays a fixed share of the load, whatever
// goes wrong.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace canopy {

// Thread safety: one thread. `now` never goes back.
class HedgeBudget final {
 public:
  // The bucket holds what ten seconds of primary calls put into it, and at least this, which it has
  // at the start.
  static constexpr double kMinTokens = 10;
  static constexpr double kMaxPatience = 8;

  // `share`: tokens that a primary call adds.
  // 0: no hedge and no retry at all.
  explicit HedgeBudget(double share) : share_(share), tokens_(share > 0 ? kMinTokens : 0) {}

  void OnPrimaryCall(absl::Time now);
  // False: no token is left.
  bool TakeForHedge();
  // A retry is for a query that would fail without it, so it may also borrow, as much as the bucket
  // holds. False: that is spent too.
  bool TakeForRetry();

  // Hedges that fail are of no use: after some, none is sent until others have done well (the retry
  // throttle of gRPC's proposal A6: 10 tokens, a failure takes 1, a success gives 0.1, closed at 5
  // and below).
  void OnHedgeFailed();
  void OnHedgeAnswered();
  bool hedges_fail() const { return health_ <= kMaxHealth / 2; }

  // Tokens that `calls` primary calls add.
  double Earned(size_t calls) const { return share_ * static_cast<double>(calls); }

  // By how much longer than usual a call is waited for before it counts as late: 1 while the bucket
  // is at least half full, then more, up to kMaxPatience for the last token. So what there is goes
  // to the latest calls, not to the first that come.
  double Patience() const;

  double tokens() const { return tokens_; }

 private:
  static constexpr absl::Duration kWindow = absl::Seconds(10);
  static constexpr double kMaxHealth = 10;
  static constexpr double kHealthOfSuccess = 0.1;

  double capacity() const;

  const double share_;
  double tokens_;
  double health_ = kMaxHealth;
  // Primary calls since `window_`, and in the ten seconds before.
  absl::Time window_ = absl::InfinitePast();
  uint64_t calls_ = 0, calls_before_ = 0;
};

}  // namespace canopy
