// How much memory the answers of all queries in flight may take at a root: what comes from leaves
// is counted as it arrives, also the parts of answers that have not yet come whole, and let go when
// its query is over.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {

inline constexpr uint64_t kDefaultResultBytes = uint64_t{1} << 30;

// Bytes as on the wire. Thread safety: one thread.
class ByteBudget final {
 public:
  explicit ByteBudget(uint64_t limit) : limit_(limit) {}

  // RESOURCE_EXHAUSTED, such that IsOverBudget: the limit would be passed; nothing is taken.
  absl::Status Take(uint64_t bytes) {
    if (bytes <= limit_ - used_) {
      used_ += bytes;
      return absl::OkStatus();
    }
    absl::Status over = absl::ResourceExhaustedError(
        Concat("answers of queries in flight take ", used_, " bytes, ", bytes,
               " more are over the limit of ", limit_, " (--result-memory)"));
    over.SetPayload(kMark, absl::Cord());
    return over;
  }
  void Return(uint64_t bytes) { used_ -= bytes; }

  uint64_t used() const { return used_; }

 private:
  friend bool IsOverBudget(const absl::Status& status);
  static constexpr char kMark[] = "canopy/over-budget";

  const uint64_t limit_;
  uint64_t used_ = 0;
};

// The root's own refusal, which no leaf is to blame for. (Payloads do not travel.)
inline bool IsOverBudget(const absl::Status& status) {
  return status.GetPayload(ByteBudget::kMark).has_value();
}

// What one query has taken of a budget. Lifetime: borrows the budget.
class BudgetedBytes final {
 public:
  explicit BudgetedBytes(ByteBudget& budget) : budget_(budget) {}
  ~BudgetedBytes() { ReturnAll(); }
  BudgetedBytes(const BudgetedBytes&) = delete;
  BudgetedBytes& operator=(const BudgetedBytes&) = delete;

  absl::Status Take(uint64_t bytes) {
    RETURN_IF_ERROR(budget_.Take(bytes));
    bytes_ += bytes;
    return absl::OkStatus();
  }
  void ReturnAll() { budget_.Return(std::exchange(bytes_, 0)); }

 private:
  ByteBudget& budget_;
  uint64_t bytes_ = 0;
};

}  // namespace canopy
