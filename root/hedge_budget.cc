#include "root/hedge_budget.h"

#include <algorithm>

namespace canopy {

void HedgeBudget::OnPrimaryCall(absl::Time now) {
  if (now - window_ >= kWindow) {
    calls_before_ = now - window_ < 2 * kWindow ? calls_ : 0;
    calls_ = 0;
    window_ = now;
  }
  ++calls_;
  tokens_ = std::min(tokens_ + share_, capacity());
}

double HedgeBudget::capacity() const {
  if (share_ <= 0) return 0;
  return std::max(kMinTokens, share_ * static_cast<double>(std::max(calls_, calls_before_)));
}

bool HedgeBudget::TakeForHedge() {
  if (tokens_ < 1) return false;
  --tokens_;
  return true;
}

bool HedgeBudget::TakeForRetry() {
  if (tokens_ - 1 < -capacity()) return false;
  --tokens_;
  return true;
}

double HedgeBudget::Patience() const {
  if (share_ <= 0) return kMaxPatience;
  const double missing = 1 - std::clamp(2 * tokens_ / capacity(), 0.0, 1.0);
  return 1 + missing * (kMaxPatience - 1);
}

void HedgeBudget::OnHedgeFailed() { health_ = std::max(0.0, health_ - 1); }

void HedgeBudget::OnHedgeAnswered() { health_ = std::min(kMaxHealth, health_ + kHealthOfSuccess); }

}  // namespace canopy
