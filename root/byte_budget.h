// How much memory the answers of all queries in flight may take at a root: replies of leaves are
// counted as they arrive, and let go when their query is over.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "base/strings.h"

namespace canopy {

// Bytes as on the wire. Thread safety: one thread.
class ByteBudget final {
 public:
  explicit ByteBudget(uint64_t limit) : limit_(limit) {}

  // RESOURCE_EXHAUSTED: the limit would be passed; nothing is taken.
  absl::Status Take(uint64_t bytes) {
    if (bytes <= limit_ - used_) {
      used_ += bytes;
      return absl::OkStatus();
    }
    return absl::ResourceExhaustedError(Concat("answers of queries in flight take ", used_,
                                               " bytes, ", bytes, " more are over the limit of ",
                                               limit_, " (--result-memory)"));
  }
  void Return(uint64_t bytes) { used_ -= bytes; }

  uint64_t used() const { return used_; }

 private:
  const uint64_t limit_;
  uint64_t used_ = 0;
};

}  // namespace canopy
