#include "rpc/serving_flags.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "rpc/address.h"

namespace canopy {
namespace {

// Beyond the drain's own limits.
constexpr absl::Duration kMaxExitTime = absl::Seconds(10);

}  // namespace

void AddServingFlags(FlagSet& flags, ServingFlags& values) {
  flags.Group("Network");
  flags.AddString("listen", &values.listen,
                  {.value = "HOST:PORT", .help = "address to listen on; port 0: any free one"});
  flags.AddString("metrics", &values.metrics,
                  {.value = "HOST:PORT",
                   .help = "where metrics are served over HTTP, at /metrics, to whoever asks; port "
                           "0: any free one; empty: nowhere"});
  flags.AddDuration(
      "drain-grace", &values.drain_grace,
      {.help = "after SIGTERM: how long all calls are still served, while health says not ready",
       .max = absl::Hours(1)});
  flags.AddDuration(
      "drain-timeout", &values.drain_timeout,
      {.help = "after that: how long calls in flight may take to end", .max = absl::Hours(1)});
  flags.AddBool("reflection", &values.reflection,
                "offer gRPC reflection, for tools such as grpcurl; every call gets slower");
  flags.AddBool("exit-with-parent", &values.exit_with_parent,
                "drain and exit when the process that started this one dies");
}

absl::Status CheckServingFlags(const ServingFlags& values) {
  if (const absl::Status status = CheckAddress(values.listen); !status.ok()) {
    return UsageError(Concat("--listen: ", Message(status)));
  }
  if (values.metrics.empty()) return absl::OkStatus();
  const absl::Status status = CheckHostPort(values.metrics);
  return status.ok() ? status : UsageError(Concat("--metrics: ", Message(status)));
}

absl::StatusOr<std::unique_ptr<MetricsServer>> StartMetrics(const ServingFlags& values,
                                                            MetricsServer::Collect collect) {
  if (values.metrics.empty()) return nullptr;
  auto server = MetricsServer::Start(values.metrics, std::move(collect));
  if (!server.ok()) return Annotate(server.status(), "--metrics");
  LogInfo("serving metrics", {{"address", (*server)->address()}});
  return server;
}

nlohmann::ordered_json MetricsAddress(const MetricsServer* server) {
  if (server == nullptr) return nullptr;
  return server->address();
}

absl::Status FollowParent(const ServingFlags& values) {
  if (!values.exit_with_parent) return absl::OkStatus();
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() == parent) return absl::OkStatus();
  return absl::CancelledError("the parent process has died");
}

void PrintReady(const nlohmann::ordered_json& line) {
  std::puts(line.dump().c_str());
  std::fflush(stdout);
}

void DrainWithin(const ServingFlags& values, absl::FunctionRef<void()> drain) {
  const absl::Duration limit = values.drain_grace + values.drain_timeout + kMaxExitTime;
  alarm(static_cast<unsigned>(absl::ToInt64Seconds(limit)));
  LogInfo("draining", {{"grace", values.drain_grace}, {"timeout", values.drain_timeout}});
  drain();
  LogInfo("drained");
}

}  // namespace canopy
