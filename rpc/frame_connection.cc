#include "rpc/frame_connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;

constexpr size_t kInputBytes = kFrameHeaderBytes + kMaxFrameBytes;
// Room in the input that is worth a read.
constexpr size_t kMinReadBytes = 16 << 10;

void RunAll(const std::vector<std::function<void()>>& functions) {
  for (const auto& function : functions) {
    if (function != nullptr) function();
  }
}

}  // namespace

FrameConnection::FrameConnection(EventLoop& loop, StreamSocket socket, const Options& options)
    : loop_(loop), options_(options), socket_(std::move(socket)) {
  socket_.native_non_blocking(true);
}

void FrameConnection::Start(Events events) {
  events_ = std::move(events);
  input_.resize(kInputBytes);
  Send({.kind = FrameKind::kHello}, std::string(kFrameGreeting));
  loop_.RunAfter(options_.greeting_timeout, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr && !self->greeted_) {
      self->End(absl::UnavailableError(
          Concat("no greeting within ", absl::FormatDuration(self->options_.greeting_timeout))));
    }
  });
  Read();
}

void FrameConnection::Send(const FrameHeader& header, std::string payload,
                           std::function<void()> sent) {
  std::vector<std::function<void()>> all_sent;
  bool wait = false;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) {
      all_sent.push_back(std::move(sent));
    } else {
      output_.push_back({header, std::move(payload), 0, std::move(sent)});
      if (!waits_to_write_) wait = waits_to_write_ = WriteLocked(all_sent);
    }
  }
  RunAll(all_sent);
  if (wait) WaitUntilWritable();
}

// Messages take turns, a frame each.
bool FrameConnection::WriteLocked(std::vector<std::function<void()>>& sent) {
  while (!output_.empty()) {
    Outgoing& message = output_.front();
    if (frame_bytes_ == 0) {
      FrameHeader header = message.header;
      const size_t left = message.payload.size() - message.begin;
      header.bytes = static_cast<uint32_t>(std::min(left, kMaxFrameBytes));
      if (header.bytes < left) header.flags |= kFrameMore;
      frame_header_ = EncodeFrameHeader(header);
      frame_bytes_ = kFrameHeaderBytes + header.bytes;
      frame_sent_ = 0;
    }
    const size_t header_sent = std::min(frame_sent_, kFrameHeaderBytes);
    const size_t payload_sent = frame_sent_ - header_sent;
    iovec parts[] = {{frame_header_.data() + header_sent, kFrameHeaderBytes - header_sent},
                     {message.payload.data() + message.begin + payload_sent,
                      frame_bytes_ - kFrameHeaderBytes - payload_sent}};
    msghdr to_send = {};
    to_send.msg_iov = parts;
    to_send.msg_iovlen = 2;
    const ssize_t bytes = ::sendmsg(socket_.native_handle(), &to_send, MSG_NOSIGNAL | MSG_DONTWAIT);
    // Of any other error the reading side hears too.
    if (bytes < 0 && errno != EINTR) return errno == EAGAIN || errno == EWOULDBLOCK;
    frame_sent_ += std::max<ssize_t>(bytes, 0);
    if (frame_sent_ == frame_bytes_) FinishFrameLocked(sent);
  }
  return false;
}

void FrameConnection::FinishFrameLocked(std::vector<std::function<void()>>& sent) {
  Outgoing message = std::move(output_.front());
  output_.pop_front();
  message.begin += frame_bytes_ - kFrameHeaderBytes;
  frame_bytes_ = 0;
  if (message.begin < message.payload.size()) {
    output_.push_back(std::move(message));
  } else if (message.sent != nullptr) {
    sent.push_back(std::move(message.sent));
  }
}

void FrameConnection::WaitUntilWritable() {
  if (!loop_.InLoop()) {
    loop_.Post([self = shared_from_this()] { self->WaitUntilWritable(); });
    return;
  }
  if (ended_) return;
  socket_.async_wait(StreamSocket::wait_write,
                     loop_.impl().InTurn([self = shared_from_this()](Error error) {
                       if (!error) self->Write();
                     }));
}

void FrameConnection::Write() {
  std::vector<std::function<void()>> sent;
  bool wait = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!closed_) wait = waits_to_write_ = WriteLocked(sent);
  }
  RunAll(sent);
  if (wait) WaitUntilWritable();
  if (paused_ && !ended_ && MayRead()) {
    paused_ = false;
    Read();
  }
}

void FrameConnection::Read() {
  // What is left of the last read is less than a frame, so there is room for the rest of it.
  if (kInputBytes - input_end_ < kMinReadBytes) {
    std::memmove(input_.data(), input_.data() + input_begin_, input_end_ - input_begin_);
    input_end_ -= input_begin_;
    input_begin_ = 0;
  }
  socket_.async_read_some(
      asio::buffer(input_.data() + input_end_, kInputBytes - input_end_),
      loop_.impl().InTurn([self = shared_from_this()](Error error, size_t bytes) {
        if (!error) return self->OnRead(bytes);
        const std::string why = error == asio::error::eof ? "closed by the peer" : error.message();
        self->End(absl::UnavailableError(Concat("connection lost: ", why)));
      }));
}

void FrameConnection::OnRead(size_t bytes) {
  input_end_ += bytes;
  ++reads_;
  if (const absl::Status status = TakeFrames(); !status.ok()) return End(status);
  if (ended_) return;
  paused_ = !MayRead();
  if (!paused_) Read();
}

bool FrameConnection::MayRead() {
  if (options_.max_unsent == 0) return true;
  absl::MutexLock lock(&mutex_);
  return output_.size() <= options_.max_unsent;
}

absl::Status FrameConnection::TakeFrames() {
  while (!ended_ && input_end_ - input_begin_ >= kFrameHeaderBytes) {
    const std::string_view input(input_.data() + input_begin_, input_end_ - input_begin_);
    auto header = DecodeFrameHeader(input);
    if (!greeted_ && (!header.ok() || header->kind != FrameKind::kHello)) {
      return absl::UnimplementedError("");  // speaks something else
    }
    RETURN_IF_ERROR(header.status());
    const size_t size = kFrameHeaderBytes + header->bytes;
    if (input.size() < size) return absl::OkStatus();
    input_begin_ += size;
    RETURN_IF_ERROR(Take(*header, input.substr(kFrameHeaderBytes, header->bytes)));
  }
  if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
  return absl::OkStatus();
}

absl::Status FrameConnection::Take(const FrameHeader& header, std::string_view payload) {
  switch (header.kind) {
    case FrameKind::kHello:
      if (payload != kFrameGreeting || greeted_) {
        return absl::UnavailableError(
            Concat("the peer speaks \"", payload, "\", this side \"", kFrameGreeting, "\""));
      }
      greeted_ = true;
      SetKeepalive();
      events_.on_open();
      break;
    case FrameKind::kPing:
      Send({.kind = FrameKind::kPong, .call = header.call}, "");
      break;
    case FrameKind::kPong:
      break;
    case FrameKind::kRequest:
    case FrameKind::kReply:
      if (header.flags & kFrameMore || parts_.contains(header.call)) {
        return TakePart(header, payload);
      }
      [[fallthrough]];
    case FrameKind::kCancel:
      events_.on_message(header, payload, payload.size() > options_.max_message_bytes);
      break;
  }
  return absl::OkStatus();
}

absl::Status FrameConnection::TakePart(const FrameHeader& header, std::string_view payload) {
  const auto [place, is_new] = parts_.try_emplace(header.call);
  Part& part = place->second;
  parts_bytes_ += is_new ? sizeof(Part) : 0;
  if (part.state == Part::State::kKept) {
    if (part.bytes.size() + payload.size() > options_.max_message_bytes) {
      Forget(part, Part::State::kTooLarge);
    } else if (!events_.on_part(header, payload.size())) {
      Forget(part, Part::State::kSkipped);
    }
  }
  if (part.state == Part::State::kKept) {
    part.bytes += payload;
    parts_bytes_ += payload.size();
  }
  if (parts_bytes_ > options_.max_parts_bytes) {
    return absl::ResourceExhaustedError(Concat("messages that are not whole take ", parts_bytes_,
                                               " bytes, at most ", options_.max_parts_bytes));
  }
  if (header.flags & kFrameMore) return absl::OkStatus();
  const Part whole = std::move(part);
  parts_.erase(place);
  parts_bytes_ -= whole.bytes.size() + sizeof(Part);
  if (whole.state == Part::State::kSkipped) return absl::OkStatus();
  events_.on_message(header, whole.bytes, whole.state == Part::State::kTooLarge);
  return absl::OkStatus();
}

void FrameConnection::Forget(Part& part, Part::State state) {
  parts_bytes_ -= part.bytes.size();
  part.bytes = std::string();
  part.state = state;
}

void FrameConnection::Skip(uint64_t call) {
  const auto found = parts_.find(call);
  if (found != parts_.end()) Forget(found->second, Part::State::kSkipped);
}

void FrameConnection::SetKeepalive() {
  loop_.RunAfter(options_.keepalive_time, [weak = weak_from_this(), reads = reads_] {
    const auto self = weak.lock();
    if (self == nullptr || self->ended_) return;
    if (self->reads_ != reads) return self->SetKeepalive();
    self->Send({.kind = FrameKind::kPing}, "");
    self->CheckPeer(reads);
  });
}

void FrameConnection::CheckPeer(uint64_t reads) {
  loop_.RunAfter(options_.keepalive_timeout, [weak = weak_from_this(), reads] {
    const auto self = weak.lock();
    if (self == nullptr || self->ended_) return;
    if (self->reads_ != reads) return self->SetKeepalive();
    self->End(absl::UnavailableError(Concat("no answer to a ping within ",
                                            absl::FormatDuration(self->options_.keepalive_timeout),
                                            " (keepalive)")));
  });
}

void FrameConnection::Close(absl::Status why) {
  loop_.impl().Dispatch([self = shared_from_this(), why = std::move(why)] { self->End(why); });
}

void FrameConnection::End(const absl::Status& why) {
  if (std::exchange(ended_, true)) return;
  std::deque<Outgoing> dropped;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;  // nobody uses the socket's number from here on
    dropped.swap(output_);
  }
  Error ignored;
  socket_.close(ignored);
  for (const Outgoing& message : dropped) {
    if (message.sent != nullptr) message.sent();
  }
  const Events events = std::exchange(events_, {});
  if (events.on_end != nullptr) events.on_end(why);
}

}  // namespace canopy
