// How many queries a root keeps in flight while leaves refuse for load. What is beyond it is
// refused at once, as a whole and at the price of one message, instead of by the leaves, where it
// has cost the work of those that did not refuse. No limit at all until a leaf has refused, nor
// when none has for a while, so a burst goes to the leaves, which know best; in between it is found
// as TCP finds its window (AIMD, as in Netflix's concurrency-limits): down to a part of what is in
// flight when leaves refuse, up by one for every round of answers.
//
// By priority, 0 is the highest: for a query, those of its own priority and of higher ones are in
// flight, so low ones never stand in the way of high ones; and each finds its own limit, since
// leaves refuse low ones first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "rpc/priority.h"

namespace canopy {

// Thread safety: one thread. `now` never goes back.
class QueryLimit final {
 public:
  static constexpr double kDecrease = 0.9;
  // Without a refusal by a leaf for so long, there is no limit.
  static constexpr absl::Duration kForget = absl::Seconds(1);

  // OK: the query is in flight until End. RESOURCE_EXHAUSTED: the limit is reached.
  absl::Status Begin(size_t priority, absl::Time now);

  enum class Outcome : uint8_t { kServed, kRefusedByLeaves, kOther };
  // `begun`: when the query came.
  void End(size_t priority, absl::Time begun, Outcome outcome, absl::Time now);

 private:
  static constexpr double kNone = std::numeric_limits<double>::infinity();
  struct Class {
    uint64_t in_flight = 0;
    double limit = kNone;                       // else at least 1
    absl::Time refused = absl::InfinitePast();  // last, by a leaf
    absl::Time lowered = absl::InfinitePast();  // the limit
  };

  uint64_t InFlight(size_t priority) const;

  std::array<Class, kNumPriorities> classes_;
};

}  // namespace canopy
