#include "rpc/frame_server.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;

// A connection that says nothing.
constexpr absl::Duration kFirstByteTimeout = absl::Seconds(10);
// After an error of accept, such as too many open files.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);
constexpr size_t kMaxUnsent = 1000;
constexpr uint64_t kMaxTimeoutUs = uint64_t{1} << 50;

}  // namespace

struct FrameServer::Shared final : std::enable_shared_from_this<Shared> {
  struct Method {
    absl::Duration timeout;
    FrameHandler handle;
  };

  Shared(EventLoop& loop, ServerCallTotals& totals, const ServerOptions& options)
      : loop(loop), totals(totals), options(options) {}

  void Accept(size_t acceptor);
  void Recognize(StreamSocket socket);
  void Serve(StreamSocket socket);

  EventLoop& loop;
  ServerCallTotals& totals;
  const ServerOptions options;
  absl::flat_hash_map<uint8_t, Method> methods;
  std::function<void(int)> adopt;
  // The loop's thread alone.
  std::vector<StreamAcceptor> acceptors;
  absl::flat_hash_set<std::shared_ptr<Session>> sessions;
};

// The calls of one connection.
class FrameServer::Session final : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Shared> server, std::shared_ptr<FrameConnection> connection)
      : server_(std::move(server)), connection_(std::move(connection)) {}

  void Start() {
    connection_->Start(
        {.on_message =
             [weak = weak_from_this()](const auto& header, auto payload, bool too_large) {
               if (const auto self = weak.lock()) self->OnMessage(header, payload, too_large);
             },
         .on_end =
             [weak = weak_from_this()](const auto&) {
               const auto self = weak.lock();
               if (self == nullptr) return;
               self->EndCalls();
               self->server_->sessions.erase(self);
             }});
  }

  void Close() { connection_->Close(ShuttingDown()); }

  void AbortCalls() {
    for (const auto& [call, context] : Calls()) {
      Answer(call, ShuttingDown());
      context->Cancel();
    }
  }

 private:
  using Contexts = std::vector<std::pair<uint64_t, std::shared_ptr<Cancellation>>>;

  Contexts Calls() {
    absl::MutexLock lock(&mutex_);
    return Contexts(calls_.begin(), calls_.end());
  }

  void OnMessage(const FrameHeader& header, std::string_view payload, bool too_large) {
    if (header.kind == FrameKind::kCancel) return Cancel(header.call);
    if (header.kind != FrameKind::kRequest) return;
    if (!server_->totals.BeginCall()) return Reply(header.call, ShuttingDown(), nullptr);
    const auto method = server_->methods.find(header.code);
    const Clock& clock = server_->loop.clock();
    absl::Duration timeout = header.number == 0
                                 ? absl::InfiniteDuration()
                                 : absl::Microseconds(std::min(header.number, kMaxTimeoutUs));
    if (method != server_->methods.end()) timeout = std::min(timeout, method->second.timeout);
    const auto context = std::make_shared<Cancellation>(clock, clock.Now() + timeout);
    {
      absl::MutexLock lock(&mutex_);
      if (!calls_.emplace(header.call, context).second) {
        server_->totals.EndCall();
        return connection_->Close(absl::InvalidArgumentError("two calls with one id"));
      }
    }
    const absl::Status status = CheckCall(header, too_large);
    if (!status.ok()) return Answer(header.call, status);
    // Weak: the backend may answer when the server is gone.
    method->second.handle(
        payload, context,
        [weak = weak_from_this(), call = header.call](absl::StatusOr<std::string> response) {
          if (const auto self = weak.lock()) self->Answer(call, std::move(response));
        });
  }

  absl::Status CheckCall(const FrameHeader& header, bool too_large) {
    ServerCallTotals& totals = server_->totals;
    if (too_large) {
      return absl::ResourceExhaustedError(Concat("the request is longer than the limit of ",
                                                 server_->options.max_request_bytes,
                                                 " (max_request_bytes)"));
    }
    if (!server_->methods.contains(header.code)) {
      return absl::UnimplementedError("");  // the client knows what it has asked for
    }
    if (totals.in_flight <= totals.max_in_flight) return absl::OkStatus();
    ++totals.rejected;
    return totals.TooMany();
  }

  // The first answer counts.
  void Answer(uint64_t call, absl::StatusOr<std::string> response) {
    {
      absl::MutexLock lock(&mutex_);
      if (calls_.erase(call) == 0) return;
    }
    const size_t limit = server_->options.max_response_bytes;
    if (response.ok() && response->size() > limit) {
      response = absl::ResourceExhaustedError(Concat("the answer is ", response->size(),
                                                     " bytes long, more than the limit of ", limit,
                                                     " (max_response_bytes)"));
    }
    Reply(call, std::move(response), [totals = &server_->totals] { totals->EndCall(); });
  }

  void Reply(uint64_t call, absl::StatusOr<std::string> response, std::function<void()> sent) {
    const FrameHeader header = {.kind = FrameKind::kReply,
                                .code = static_cast<uint8_t>(response.status().code()),
                                .call = call};
    connection_->Send(header,
                      response.ok() ? *std::move(response)
                                    : CutStatusMessage(std::string(response.status().message())),
                      std::move(sent));
  }

  void Cancel(uint64_t call) {
    std::shared_ptr<Cancellation> context;
    {
      absl::MutexLock lock(&mutex_);
      const auto found = calls_.find(call);
      if (found == calls_.end()) return;
      context = found->second;
    }
    ++server_->totals.cancelled;
    context->Cancel();
  }

  // The client is gone.
  void EndCalls() {
    absl::flat_hash_map<uint64_t, std::shared_ptr<Cancellation>> calls;
    {
      absl::MutexLock lock(&mutex_);
      calls.swap(calls_);
    }
    for (const auto& [call, context] : calls) {
      server_->totals.cancelled += context->cancelled() ? 0 : 1;
      context->Cancel();
      server_->totals.EndCall();
    }
  }

  const std::shared_ptr<Shared> server_;
  const std::shared_ptr<FrameConnection> connection_;
  absl::Mutex mutex_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Cancellation>> calls_ ABSL_GUARDED_BY(mutex_);
};

void FrameServer::Shared::Accept(size_t acceptor) {
  acceptors[acceptor].async_accept(
      loop.impl().InTurn([self = shared_from_this(), acceptor](Error error, StreamSocket socket) {
        if (self->acceptors.empty()) return;
        if (error) {
          self->loop.RunAfter(kAcceptPause, [self, acceptor] {
            if (!self->acceptors.empty()) self->Accept(acceptor);
          });
          return;
        }
        SetNoDelay(socket);
        self->Recognize(std::move(socket));
        self->Accept(acceptor);
      }));
}

// By the first byte.
void FrameServer::Shared::Recognize(StreamSocket socket) {
  struct Look {
    StreamSocket socket;
    char first = 0;
    bool done = false;
  };
  const auto look = std::make_shared<Look>(Look{std::move(socket)});
  loop.RunAfter(kFirstByteTimeout, [weak = std::weak_ptr(look)] {
    Error ignored;
    const auto look = weak.lock();
    if (look != nullptr && !look->done) look->socket.close(ignored);
  });
  look->socket.async_receive(
      asio::buffer(&look->first, 1), asio::socket_base::message_peek,
      loop.impl().InTurn([self = shared_from_this(), look](Error error, size_t) {
        look->done = true;
        // Whoever comes too late shall not wait for a server that has been shut down.
        if (error || self->acceptors.empty()) return;
        if (look->first == static_cast<char>(FrameKind::kHello)) {
          return self->Serve(std::move(look->socket));
        }
        look->socket.native_non_blocking(true, error);
        const int descriptor = look->socket.release(error);
        if (!error) self->adopt(descriptor);
      }));
}

void FrameServer::Shared::Serve(StreamSocket socket) {
  const FrameConnection::Options settings = {.max_message_bytes = options.max_request_bytes,
                                             .keepalive_time = options.keepalive_time,
                                             .keepalive_timeout = options.keepalive_timeout,
                                             .max_unsent = kMaxUnsent,
                                             .max_parts_bytes = 4 * options.max_request_bytes};
  const auto session = std::make_shared<Session>(
      shared_from_this(), std::make_shared<FrameConnection>(loop, std::move(socket), settings));
  sessions.insert(session);
  session->Start();
}

FrameServer::FrameServer(EventLoop& loop, ServerCallTotals& totals, const ServerOptions& options)
    : shared_(std::make_shared<Shared>(loop, totals, options)) {}

// The loop has stopped.
FrameServer::~FrameServer() {
  shared_->acceptors.clear();
  shared_->sessions.clear();
}

void FrameServer::AddMethod(FrameMethod method, absl::Duration timeout, FrameHandler handle) {
  shared_->methods[static_cast<uint8_t>(method)] = {timeout, std::move(handle)};
}

void FrameServer::Start(Listeners listeners, std::function<void(int)> adopt) {
  shared_->adopt = std::move(adopt);
  shared_->acceptors = std::move(listeners.acceptors);
  shared_->loop.Post([shared = shared_] {
    for (size_t i = 0; i < shared->acceptors.size(); ++i) shared->Accept(i);
  });
}

void FrameServer::StopAccepting() {
  absl::Notification stopped;
  shared_->loop.impl().Dispatch([&] {
    shared_->acceptors.clear();
    stopped.Notify();
  });
  stopped.WaitForNotification();
}

void FrameServer::AbortCalls() {
  for (const auto& session : shared_->sessions) session->AbortCalls();
}

void FrameServer::Close() {
  shared_->loop.impl().Dispatch([shared = shared_] {
    for (const auto& session : shared->sessions) session->Close();
  });
}

}  // namespace canopy
