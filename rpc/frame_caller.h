// A connection of frames for a caller that makes one call at a time and waits for it: the reply
// wakes the caller, and no other thread. For the .cc files of rpc/ only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "rpc/client_options.h"
#include "rpc/frame_connection.h"

namespace canopy {

// Connects at the first call, and again when the connection is lost. Thread safety: none.
class FrameCaller final {
 public:
  FrameCaller(std::string address, const ClientOptions& options);

  // UNIMPLEMENTED without a message: the peer does not speak frames. Otherwise the peer's statuses,
  // DEADLINE_EXCEEDED, UNAVAILABLE.
  absl::StatusOr<std::string> Call(FrameMethod method, std::string_view request,
                                   absl::Time deadline);

 private:
  absl::Status Connect(absl::Time deadline);
  absl::Status ConnectSocket(absl::Time deadline);
  absl::StatusOr<std::string> Exchange(FrameHeader header, std::string_view request,
                                       absl::Time deadline);
  absl::Status Send(FrameHeader header, std::string_view payload, absl::Time deadline);
  absl::StatusOr<FrameHeader> Receive(std::string& payload, absl::Time deadline);
  absl::Status ReceiveBytes(size_t bytes, absl::Time deadline);
  absl::Status WaitFor(short events, absl::Time deadline);

  const std::string address_;
  const ClientOptions options_;
  boost::asio::io_context context_;
  StreamSocket socket_;
  std::string input_;  // what has arrived and is not used
  uint64_t next_call_ = 1;
};

}  // namespace canopy
