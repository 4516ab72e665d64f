#include "rpc/frame_caller.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "rpc/stream_address.h"

namespace canopy {
namespace {

using Error = boost::system::error_code;

constexpr size_t kReadBytes = 64 << 10;

absl::Status LostError(std::string_view why) {
  return absl::UnavailableError(Concat("connection lost: ", why));
}

}  // namespace

FrameCaller::FrameCaller(std::string address, const ClientOptions& options)
    : address_(std::move(address)), options_(options), socket_(context_) {}

absl::StatusOr<std::string> FrameCaller::Call(FrameMethod method, std::string_view request,
                                              absl::Time deadline) {
  const absl::Duration left = deadline - SteadyClock().Now();
  if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("the deadline is over");
  const FrameHeader header = {
      .kind = FrameKind::kRequest,
      .code = static_cast<uint8_t>(method),
      .call = next_call_++,
      .number = deadline == absl::InfiniteFuture()
                    ? 0
                    : static_cast<uint64_t>(std::max<int64_t>(1, absl::ToInt64Microseconds(left)))};
  const bool was_open = socket_.is_open();
  auto reply = Exchange(header, request, deadline);
  // A peer may have ended a connection that was idle.
  if (!reply.ok() && was_open && !socket_.is_open() && absl::IsUnavailable(reply.status())) {
    reply = Exchange(header, request, deadline);
  }
  return reply;
}

absl::StatusOr<std::string> FrameCaller::Exchange(FrameHeader header, std::string_view request,
                                                  absl::Time deadline) {
  absl::Status lost;
  if (!socket_.is_open()) lost = Connect(deadline);
  if (lost.ok()) lost = Send(header, request, deadline);
  std::string reply;
  while (lost.ok()) {
    const size_t before = reply.size();
    const auto frame = Receive(reply, deadline);
    lost = frame.status();
    if (!lost.ok()) break;
    if (frame->kind == FrameKind::kPing) lost = Send({.kind = FrameKind::kPong}, "", deadline);
    if (frame->kind != FrameKind::kReply || frame->call != header.call) {
      reply.resize(before);
    } else if (reply.size() > options_.max_response_bytes) {
      lost = absl::ResourceExhaustedError(Concat("the answer is longer than the limit of ",
                                                 options_.max_response_bytes, " (response bytes)"));
    } else if ((frame->flags & kFrameMore) == 0) {
      const auto code = static_cast<absl::StatusCode>(frame->code);
      if (code == absl::StatusCode::kOk) return reply;
      return absl::Status(code, reply);
    }
  }
  // Also after the deadline: what comes late is of no use.
  Error ignored;
  socket_.close(ignored);
  input_.clear();
  return lost;
}

absl::Status FrameCaller::Connect(absl::Time deadline) {
  deadline = std::min(deadline, SteadyClock().Now() + options_.reconnect_backoff_max);
  RETURN_IF_ERROR(ConnectSocket(deadline));
  SetNoDelay(socket_);
  socket_.native_non_blocking(true);
  RETURN_IF_ERROR(Send({.kind = FrameKind::kHello}, kFrameGreeting, deadline));
  std::string greeting;
  const auto hello = Receive(greeting, deadline);
  // Others end the connection, say something else, or wait for more.
  if (!hello.ok() || hello->kind != FrameKind::kHello) return absl::UnimplementedError("");
  if (greeting == kFrameGreeting) return absl::OkStatus();
  return absl::UnavailableError(
      Concat("the peer speaks \"", greeting, "\", this side \"", kFrameGreeting, "\""));
}

absl::Status FrameCaller::ConnectSocket(absl::Time deadline) {
  absl::Status status = absl::UnavailableError("no connection in time");
  Resolve(context_, address_, [&](auto endpoints) {
    status = endpoints.status();
    if (!status.ok()) return;
    status = absl::UnavailableError("no connection in time");
    auto tried = std::make_shared<std::vector<StreamEndpoint>>(*std::move(endpoints));
    boost::asio::async_connect(socket_, *tried, [&status, tried](Error error, const auto&) {
      status = error ? absl::UnavailableError(Concat("cannot connect: ", error.message()))
                     : absl::OkStatus();
    });
  });
  context_.restart();
  context_.run_for(absl::ToChronoNanoseconds(deadline - SteadyClock().Now()));
  if (context_.stopped()) return status;
  Error ignored;
  socket_.close(ignored);
  context_.run();  // the handler of the attempt that is given up
  return absl::UnavailableError("no connection in time");
}

absl::Status FrameCaller::Send(FrameHeader header, std::string_view payload, absl::Time deadline) {
  std::string bytes;
  do {
    const std::string_view part = payload.substr(0, kMaxFrameBytes);
    payload.remove_prefix(part.size());
    header.bytes = static_cast<uint32_t>(part.size());
    header.flags = payload.empty() ? 0 : kFrameMore;
    const auto encoded = EncodeFrameHeader(header);
    bytes.append(encoded.data(), encoded.size()).append(part);
  } while (!payload.empty());
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t done =
        ::send(socket_.native_handle(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (done >= 0) {
      sent += done;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      RETURN_IF_ERROR(WaitFor(POLLOUT, deadline));
    } else if (errno != EINTR) {
      return LostError(std::strerror(errno));
    }
  }
  return absl::OkStatus();
}

// Appends the next frame's payload to `payload`.
absl::StatusOr<FrameHeader> FrameCaller::Receive(std::string& payload, absl::Time deadline) {
  RETURN_IF_ERROR(ReceiveBytes(kFrameHeaderBytes, deadline));
  ASSIGN_OR_RETURN(const FrameHeader header, DecodeFrameHeader(input_));
  const size_t size = kFrameHeaderBytes + header.bytes;
  RETURN_IF_ERROR(ReceiveBytes(size, deadline));
  payload.append(input_, kFrameHeaderBytes, header.bytes);
  input_.erase(0, size);
  return header;
}

// Until at least so many are in the input.
absl::Status FrameCaller::ReceiveBytes(size_t bytes, absl::Time deadline) {
  while (input_.size() < bytes) {
    const size_t before = input_.size();
    input_.resize(before + kReadBytes);
    const ssize_t done =
        ::recv(socket_.native_handle(), input_.data() + before, kReadBytes, MSG_DONTWAIT);
    const int error = errno;
    input_.resize(before + std::max<ssize_t>(done, 0));
    if (done == 0) return LostError("closed by the peer");
    if (done > 0 || error == EINTR) continue;
    if (error != EAGAIN && error != EWOULDBLOCK) return LostError(std::strerror(error));
    RETURN_IF_ERROR(WaitFor(POLLIN, deadline));
  }
  return absl::OkStatus();
}

absl::Status FrameCaller::WaitFor(short events, absl::Time deadline) {
  while (true) {
    const absl::Duration left = deadline - SteadyClock().Now();
    if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("the deadline is over");
    pollfd waited = {.fd = socket_.native_handle(), .events = events, .revents = 0};
    const timespec timeout = absl::ToTimespec(std::min(left, absl::Hours(1)));
    const int ready = ::ppoll(&waited, 1, &timeout, nullptr);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return LostError(std::strerror(errno));
  }
}

}  // namespace canopy
