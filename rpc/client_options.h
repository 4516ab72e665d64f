// Settings of a connection to one process; the defaults are those for leaves on a local network.
#pragma once

#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace canopy {

// What an asynchronous call ends with: exactly once, on the event loop's thread.
template <typename Response>
using RpcDone = std::function<void(absl::StatusOr<Response>)>;

// Somebody's memory for answers, from which the parts of those that have not arrived in whole are
// taken as they come: of answers that travel in several frames (frame.h). Clients may share one.
// Both functions run on the loop's thread, and as long as calls of the client are in flight.
struct PartsBudget {
  // Before so many bytes more are kept. An error: the call ends with it, the address before its
  // message and its payloads as they are; the peer is told that nobody waits, and what still comes
  // of the answer is thrown away.
  std::function<absl::Status(size_t bytes)> take = [](size_t) { return absl::OkStatus(); };
  // All that a call has taken, right before it ends, however it does. Whoever is given the whole
  // answer may take its bytes again before anybody else can.
  std::function<void(size_t bytes)> give_back = [](size_t) {};
};

struct ClientOptions {
  // A larger one is INVALID_ARGUMENT and not sent.
  size_t max_request_bytes = 64 << 20;
  size_t max_response_bytes = 64 << 20;  // a larger one is RESOURCE_EXHAUSTED
  PartsBudget parts = {};                // by default no limit but max_response_bytes a call
  // A peer that answers no ping for keepalive_timeout is gone: its calls end with UNAVAILABLE.
  absl::Duration keepalive_time = absl::Seconds(10);
  absl::Duration keepalive_timeout = absl::Seconds(2);
  // A lost connection is tried again after min, then after growing times up to max. One attempt
  // takes at most max.
  absl::Duration reconnect_backoff_min = absl::Milliseconds(100);
  absl::Duration reconnect_backoff_max = absl::Seconds(1);
};

}  // namespace canopy
