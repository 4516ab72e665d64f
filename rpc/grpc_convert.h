// Between gRPC's types and ours: statuses, deadlines, channel settings. For the .cc files of rpc/
// only.
#pragma once

#include <grpc/support/time.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "rpc/client_options.h"

namespace canopy {

// Longer messages are cut: a status travels in a header, and headers are limited to 8 KiB (with
// three bytes a byte in the worst case).
inline constexpr size_t kMaxStatusMessageBytes = 2000;
std::string CutStatusMessage(std::string message);

// The two use the same codes. An error without a message gets the name of its code for one.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

// Deadlines on gRPC's monotonic clock, which steps of the wall clock do not touch.
gpr_timespec ToGrpc(absl::Time deadline, const Clock& clock);
// InfiniteFuture when there is none.
absl::Time FromGrpc(gpr_timespec deadline, const Clock& clock);

int ToMilliseconds(absl::Duration duration);

grpc::ChannelArguments ToChannelArguments(const ClientOptions& options);

}  // namespace canopy
