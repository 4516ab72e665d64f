// Settings of a connection to one process; the defaults are those for leaves on a local network.
#pragma once

#include <cstddef>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace canopy {

// What an asynchronous call ends with: exactly once, on the event loop's thread.
template <typename Response>
using RpcDone = std::function<void(absl::StatusOr<Response>)>;

struct ClientOptions {
  // A larger one is INVALID_ARGUMENT and not sent.
  size_t max_request_bytes = 64 << 20;
  size_t max_response_bytes = 64 << 20;  // a larger one is RESOURCE_EXHAUSTED
  // A peer that answers no ping for keepalive_timeout is gone: its calls end with UNAVAILABLE.
  absl::Duration keepalive_time = absl::Seconds(10);
  absl::Duration keepalive_timeout = absl::Seconds(2);
  // A lost connection is tried again after min, then after growing times up to max. One attempt
  // takes at most max.
  absl::Duration reconnect_backoff_min = absl::Milliseconds(100);
  absl::Duration reconnect_backoff_max = absl::Seconds(1);
};

}  // namespace canopy
