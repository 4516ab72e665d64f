// Asking a process how it is, by grpc.health.v1: whether it is live or ready (rpc/rpc_server.h).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "rpc/rpc_server.h"

namespace canopy {

// Asks once and waits for the answer. OK: serving. UNAVAILABLE: cannot be reached, or says
// NOT_SERVING. NOT_FOUND: no such service. UNIMPLEMENTED: no health service.
absl::Status CheckHealth(const std::string& address, std::string_view service,
                         absl::Duration timeout);

// Asks again and again, from before the process listens, until it is ready; blocks the calling
// thread. DEADLINE_EXCEEDED after `timeout`, with the last error.
absl::Status WaitForReady(const std::string& address, absl::Duration timeout,
                          std::string_view service = kReadyService);

}  // namespace canopy
