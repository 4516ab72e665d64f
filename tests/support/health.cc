#include "tests/support/health.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <memory>

#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "rpc/grpc_convert.h"

namespace canopy {
namespace {

// One that is being started is asked this often.
constexpr absl::Duration kPollInterval = absl::Milliseconds(20);
constexpr absl::Duration kCheckTimeout = absl::Seconds(1);

namespace health_v1 = grpc::health::v1;

std::unique_ptr<health_v1::Health::Stub> Connect(const std::string& address) {
  ClientOptions options;
  options.reconnect_backoff_min = kPollInterval;
  options.reconnect_backoff_max = 5 * kPollInterval;
  return health_v1::Health::NewStub(grpc::CreateCustomChannel(
      address, grpc::InsecureChannelCredentials(), ToChannelArguments(options)));
}

absl::Status Check(health_v1::Health::Stub& stub, std::string_view service,
                   absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(ToGrpc(SteadyClock().Now() + timeout, SteadyClock()));
  health_v1::HealthCheckRequest request;
  request.set_service(std::string(service));
  health_v1::HealthCheckResponse response;
  RETURN_IF_ERROR(FromGrpc(stub.Check(&context, request, &response)));
  if (response.status() == health_v1::HealthCheckResponse::SERVING) return absl::OkStatus();
  return absl::UnavailableError(
      Concat("health of service \"", service, "\" is ",
             health_v1::HealthCheckResponse::ServingStatus_Name(response.status())));
}

}  // namespace

absl::Status CheckHealth(const std::string& address, std::string_view service,
                         absl::Duration timeout) {
  return Annotate(Check(*Connect(address), service, timeout), address);
}

absl::Status WaitForReady(const std::string& address, absl::Duration timeout,
                          std::string_view service) {
  const Clock& clock = SteadyClock();
  const absl::Time deadline = clock.Now() + timeout;
  const auto stub = Connect(address);
  while (true) {
    const absl::Duration left = deadline - clock.Now();
    const absl::Status status =
        Check(*stub, service, std::clamp(left, kPollInterval, kCheckTimeout));
    if (status.ok()) return status;
    if (clock.Now() + kPollInterval >= deadline) {
      return absl::DeadlineExceededError(Concat(
          address, ": not ready after ", absl::FormatDuration(timeout), ": ", Message(status)));
    }
    absl::SleepFor(kPollInterval);
  }
}

}  // namespace canopy
