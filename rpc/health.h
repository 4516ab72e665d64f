// Asking a process how it is, by grpc.health.v1. A process has two states: live (the service named
// "") and ready (kReadyService): a leaf that loads an index, or that drains, is live and not ready.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace canopy {

inline constexpr std::string_view kLiveService = "";
inline constexpr std::string_view kReadyService = "ready";

// Asks once and waits for the answer. OK: serving. UNAVAILABLE: cannot be reached, or says
// NOT_SERVING. NOT_FOUND: no such service. UNIMPLEMENTED: no health service.
absl::Status CheckHealth(const std::string& address, std::string_view service,
                         absl::Duration timeout);

// Asks again and again, from before the process listens, until it is ready; blocks the calling
// thread. DEADLINE_EXCEEDED after `timeout`, with the last error.
absl::Status WaitForReady(const std::string& address, absl::Duration timeout,
                          std::string_view service = kReadyService);

}  // namespace canopy
