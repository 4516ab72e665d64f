// The server's side of connections of frames: accepts, serves calls, and hands connections of HTTP,
// which come to the same port, on to gRPC. For the .cc files of rpc/ only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/cancellation.h"
#include "rpc/frame_connection.h"
#include "rpc/server_call.h"
#include "rpc/stream_address.h"

namespace canopy {

// How a request, as bytes, is answered.
using FrameHandler = std::function<void(std::string_view request, std::shared_ptr<Cancellation>,
                                        RpcDone<std::string>)>;

// `handle` as a backend offers it, with messages.
template <typename Request, typename Response, typename Handle>
FrameHandler HandleFrames(Handle handle) {
  return [handle = std::move(handle)](std::string_view bytes, std::shared_ptr<Cancellation> context,
                                      RpcDone<std::string> done) {
    auto request = std::make_shared<Request>();
    if (!request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return done(absl::InvalidArgumentError("the request cannot be read"));
    }
    RpcDone<Response> answer = [done = std::move(done)](absl::StatusOr<Response> response) {
      if (!response.ok()) return done(response.status());
      done(response->SerializeAsString());
    };
    handle(std::shared_ptr<const Request>(std::move(request)), std::move(context),
           std::move(answer));
  };
}

// Thread safety: everything on the loop's thread, except what says otherwise. Lifetime: borrows the
// loop, which has stopped when the server goes, and the totals.
class FrameServer final {
 public:
  FrameServer(EventLoop& loop, ServerCallTotals& totals, const ServerOptions& options);
  ~FrameServer();

  // REQUIRES: before Start().
  void AddMethod(FrameMethod method, absl::Duration timeout, FrameHandler handle);

  // Accepts from now on; a connection that does not speak frames is `adopt`ed as a file descriptor.
  // Any thread.
  void Start(Listeners listeners, std::function<void(int)> adopt);

  // When it returns, no new connection is served or handed on. Not on the loop's thread, which
  // runs.
  void StopAccepting();
  // Ends every call with UNAVAILABLE, also those that come later.
  void AbortCalls();
  // Ends the connections. Any thread.
  void Close();

 private:
  class Session;
  // What the sessions share with the server, and keep alive.
  struct Shared;

  const std::shared_ptr<Shared> shared_;
};

}  // namespace canopy
