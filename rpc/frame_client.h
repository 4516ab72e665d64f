// The client's side of a connection of frames: calls to one process, any number at a time. For the
// .cc files of rpc/ only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/cancellation.h"
#include "rpc/client_options.h"
#include "rpc/frame_connection.h"
#include "rpc/peer.h"

namespace canopy {

// Outlives its owner while calls are in flight. Thread safety: all members from any thread.
// Lifetime: borrows the loop.
class FrameClient final : public std::enable_shared_from_this<FrameClient> {
 public:
  // `service`: as Peer's.
  FrameClient(EventLoop& loop, std::string address, std::string service,
              const ClientOptions& options);

  const Peer& peer() const { return peer_; }

  // `done` is called once, on the loop's thread. Errors of the client and of the peer name the
  // address.
  template <typename Request, typename Response>
  void Call(FrameMethod method, const Request& request, std::shared_ptr<Cancellation> context,
            RpcDone<Response> done) {
    CallWithBytes(method, request.SerializeAsString(), std::move(context),
                  [this, done = std::move(done)](absl::StatusOr<std::string_view> reply) {
                    if (!reply.ok()) return done(reply.status());
                    Response response;
                    if (response.ParseFromArray(reply->data(), static_cast<int>(reply->size()))) {
                      return done(std::move(response));
                    }
                    done(peer_.Describe(absl::InternalError("the reply cannot be read")));
                  });
  }

  // Whoever is at the address takes connections and has never greeted: it speaks something else.
  bool speaks_otherwise();

  // Ends the calls in flight and all that begin later with CANCELLED.
  void Close();

 private:
  using Done = std::function<void(absl::StatusOr<std::string_view>)>;
  enum class State { kIdle, kConnecting, kOpen };
  struct PendingCall {
    std::shared_ptr<Cancellation> context;
    Done done;
    size_t parts_bytes = 0;  // taken of options.parts
  };
  using Calls = absl::flat_hash_map<uint64_t, PendingCall>;
  static constexpr EventLoop::Timer kNever = {.at = absl::InfiniteFuture()};
  using Message = std::pair<FrameHeader, std::string>;
  class Attempt;

  void CallWithBytes(FrameMethod method, std::string request, std::shared_ptr<Cancellation> context,
                     Done done);
  absl::Status CheckCall(size_t request_bytes, const Cancellation& context) const;
  void FailOnLoop(absl::Status status, Done done);
  void Add(uint64_t call, PendingCall pending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LookAt(absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndLateCalls();
  void WatchCall(uint64_t call, Cancellation& context);
  void Abandon(uint64_t call, absl::Status why);
  void EndCall(uint64_t call, absl::StatusOr<std::string_view> result);
  void Finish(PendingCall call, absl::StatusOr<std::string_view> result);

  void Connect();
  void OnConnected(absl::StatusOr<StreamSocket> socket);
  void OnOpen();
  bool OnPart(uint64_t call, size_t bytes);
  void OnMessage(const FrameHeader& header, std::string_view payload, bool too_large);
  void OnEnd(const absl::Status& why);

  EventLoop& loop_;
  const Peer peer_;
  const ClientOptions options_;

  absl::Mutex mutex_;
  bool was_open_ ABSL_GUARDED_BY(mutex_) = false;
  bool speaks_otherwise_ ABSL_GUARDED_BY(mutex_) = false;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_call_ ABSL_GUARDED_BY(mutex_) = 1;
  Calls calls_ ABSL_GUARDED_BY(mutex_);
  EventLoop::Timer look_ ABSL_GUARDED_BY(mutex_) = kNever;  // for calls past their deadline
  std::vector<Message> waiting_ ABSL_GUARDED_BY(mutex_);    // for the connection to be open
  std::shared_ptr<FrameConnection> connection_ ABSL_GUARDED_BY(mutex_);
  // Attempts that failed since the last that went well; until `next_attempt_` calls fail with what
  // the last one ended with.
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time next_attempt_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace canopy
