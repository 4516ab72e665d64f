// One connection of frames (frame.h), the same for both sides: puts messages into frames and
// together again, greets, and notices when the peer is gone. For the .cc files of rpc/ only.
//
// What is sent goes out on the sender's thread if the socket takes it, so that no other thread has
// to wake up for it.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "rpc/event_loop_impl.h"
#include "rpc/frame.h"

namespace canopy {

using StreamSocket = boost::asio::generic::stream_protocol::socket;

// Thread safety: Send and Close from any thread, the others on the loop's. Lifetime: borrows the
// loop; what the loop waits for keeps it alive.
class FrameConnection final : public std::enable_shared_from_this<FrameConnection> {
 public:
  struct Options {
    size_t max_message_bytes = 64 << 20;  // of those that arrive
    // A peer from which nothing came for the first is sent a ping; it is gone when nothing came for
    // the second either.
    absl::Duration keepalive_time = absl::Seconds(10);
    absl::Duration keepalive_timeout = absl::Seconds(2);
    // While more messages wait for a peer that does not read, nothing is read from it. 0: always,
    // for the side that asks: two that wait for each other would wait for ever.
    size_t max_unsent = 0;
    // Of all messages that have not arrived in whole, so that nobody can fill the memory with
    // parts.
    size_t max_parts_bytes = std::numeric_limits<size_t>::max();
    // A peer that does not greet in this time is none.
    absl::Duration greeting_timeout = absl::Seconds(10);
  };
  // All on the loop's thread.
  struct Events {
    // The peer has greeted.
    std::function<void()> on_open = [] {};
    // So many bytes of a message that comes in several frames. False: nobody wants it; what has
    // come of it is let go, the rest is skipped, and it is no message for on_message.
    std::function<bool(const FrameHeader&, size_t bytes)> on_part = [](const auto&, size_t) {
      return true;
    };
    // A whole message: request, cancel or reply. `too_large`: it had more bytes than allowed, which
    // are gone.
    std::function<void(const FrameHeader&, std::string_view payload, bool too_large)> on_message;
    // Once; nothing comes after it.
    std::function<void(const absl::Status&)> on_end;
  };

  // `socket` is connected.
  FrameConnection(EventLoop& loop, StreamSocket socket, const Options& options);

  // Greets, and begins to read.
  void Start(Events events);

  // `sent` is called once, on any thread, when the system has the message or the connection has
  // ended; it must be short.
  void Send(const FrameHeader& header, std::string payload, std::function<void()> sent = nullptr);

  // As when on_part had returned false, now: of the message with this call's id that is arriving,
  // if one is.
  void Skip(uint64_t call);

  // Ends it with `why` for on_end, which comes later. Messages that wait are dropped.
  void Close(absl::Status why);

 private:
  struct Outgoing {
    FrameHeader header;
    std::string payload;
    size_t begin = 0;  // of the frame that goes out now, in the payload
    std::function<void()> sent;
  };

  void Read();
  bool MayRead();
  void OnRead(size_t bytes);
  absl::Status TakeFrames();
  absl::Status Take(const FrameHeader& header, std::string_view payload);
  absl::Status TakePart(const FrameHeader& header, std::string_view payload);
  void Write();
  // True: the socket takes no more now.
  bool WriteLocked(std::vector<std::function<void()>>& sent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishFrameLocked(std::vector<std::function<void()>>& sent)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitUntilWritable();
  void SetKeepalive();
  void CheckPeer(uint64_t reads);
  void End(const absl::Status& why);

  EventLoop& loop_;
  const Options options_;

  // The loop's thread alone.
  StreamSocket socket_;
  Events events_;
  std::string input_;
  size_t input_begin_ = 0, input_end_ = 0;
  uint64_t reads_ = 0;
  bool greeted_ = false;
  bool paused_ = false;  // for max_unsent
  bool ended_ = false;
  struct Part {
    enum class State { kKept, kTooLarge, kSkipped };
    std::string bytes;
    State state = State::kKept;
  };
  void Forget(Part& part, Part::State state);
  absl::flat_hash_map<uint64_t, Part> parts_;  // of messages that are not whole, by call
  size_t parts_bytes_ = 0;                     // of them, and a little for each

  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool waits_to_write_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Outgoing> output_ ABSL_GUARDED_BY(mutex_);
  std::array<char, kFrameHeaderBytes> frame_header_ ABSL_GUARDED_BY(mutex_);
  size_t frame_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // header and payload; 0: none has begun
  size_t frame_sent_ ABSL_GUARDED_BY(mutex_) = 0;   // of it
};

}  // namespace canopy
