// What the mains of servers share, beside base/main.h: the flags about listening and ending, and
// what is done for them. The end of a process: a signal, or its parent's end, begins a drain.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/flags.h"
#include "rpc/metrics_server.h"
#include "rpc/rpc_server.h"

namespace canopy {

struct ServingFlags {
  std::string listen = "127.0.0.1:0";
  std::string metrics;  // empty: none
  absl::Duration drain_grace = absl::Seconds(1);
  absl::Duration drain_timeout = absl::Seconds(2);
  bool reflection = false;
  bool exit_with_parent = false;

  DrainOptions drain() const { return {.grace = drain_grace, .deadline = drain_timeout}; }
};

// Begins the group "Network".
void AddServingFlags(FlagSet& flags, ServingFlags& values);
// UsageError: what cannot be listened on.
absl::Status CheckServingFlags(const ServingFlags& values);

// With --exit-with-parent: SIGTERM comes when the parent dies. CANCELLED: it has died already.
absl::Status FollowParent(const ServingFlags& values);

// What --metrics asks for; null when it asks for nothing. Errors of MetricsServer::Start.
absl::StatusOr<std::unique_ptr<MetricsServer>> StartMetrics(const ServingFlags& values,
                                                            MetricsServer::Collect collect);
// Its address for the ready line; null when there is none.
nlohmann::ordered_json MetricsAddress(const MetricsServer* server);

// The one line of standard output.
void PrintReady(const nlohmann::ordered_json& line);

// Calls `drain` and logs; a drain that hangs is a bug, and the process is killed.
void DrainWithin(const ServingFlags& values, absl::FunctionRef<void()> drain);

}  // namespace canopy
