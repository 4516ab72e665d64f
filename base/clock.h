// Time comes only from here, so that tests and the simulator can give their own.
#pragma once

#include "absl/time/time.h"

namespace canopy {

// Thread safety: implementations may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic; the epoch has no meaning.
  virtual absl::Time Now() const = 0;
};

// The machine's steady clock. Lives for the whole process.
const Clock& SteadyClock();

}  // namespace canopy
