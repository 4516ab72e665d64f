// The client's side of a connection of frames: calls to one leaf process, any number at a time. For
// the .cc files of rpc/ only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

namespace canopy {

// Outlives its owner while calls are in flight. Thread safety: all members from any thread.
// Lifetime: borrows the loop.
class FrameClient final : public std::enable_shared_from_this<FrameClient> {
 public:
  // Of the leaf's answer: the payload, or why there is none. On the loop's thread.
  using Done = std::function<void(absl::StatusOr<std::string_view>)>;

  FrameClient(EventLoop& loop, std::string address, const ClientOptions& options);

  const std::string& address() const { return address_; }
  const ClientOptions& options() const { return options_; }

  // `done` is called once. Statuses that the client makes, and the leaf's, name the address.
  void Call(FrameMethod method, std::string request, std::shared_ptr<Cancellation> context,
            Done done);

  // Ends the calls in flight and all that begin later with CANCELLED.
  void Close();

 private:
  enum class State { kIdle, kConnecting, kOpen };
  struct PendingCall {
    std::shared_ptr<Cancellation> context;
    Done done;
    std::optional<EventLoop::Timer> deadline;
  };
  using Calls = absl::flat_hash_map<uint64_t, PendingCall>;
  using Message = std::pair<FrameHeader, std::string>;
  class Attempt;

  absl::Status Describe(const absl::Status& status) const;
  absl::Status CheckCall(size_t request_bytes, const Cancellation& context) const;
  void FailOnLoop(absl::Status status, Done done);
  void Add(uint64_t call, PendingCall pending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WatchCall(uint64_t call, Cancellation& context);
  void Abandon(uint64_t call, absl::Status why);
  void EndCall(uint64_t call, absl::StatusOr<std::string_view> result);
  void Finish(PendingCall call, absl::StatusOr<std::string_view> result);

  void Connect();
  void OnConnected(absl::StatusOr<StreamSocket> socket);
  void OnOpen();
  void OnMessage(const FrameHeader& header, std::string_view payload, bool too_large);
  void OnEnd(const absl::Status& why);

  EventLoop& loop_;
  const std::string address_;
  const ClientOptions options_;

  absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_call_ ABSL_GUARDED_BY(mutex_) = 1;
  Calls calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<Message> waiting_ ABSL_GUARDED_BY(mutex_);  // for the connection to be open
  std::shared_ptr<FrameConnection> connection_ ABSL_GUARDED_BY(mutex_);
  // Attempts that failed since the last that went well; until `next_attempt_` calls fail with what
  // the last one ended with.
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time next_attempt_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace canopy
