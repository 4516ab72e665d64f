#include "rpc/rpc_server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"
#include "canopy/v1/service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "rpc/address.h"
#include "rpc/frame_server.h"
#include "rpc/server_call.h"

namespace canopy {
namespace {

// For the last answers to go out, after the drain's deadline.
constexpr absl::Duration kMaxAbortTime = absl::Seconds(1);
constexpr int kMaxThreads = 64;
constexpr int kMaxMetadataBytes = 8 << 10;
// A ping more often than this, with no call in flight, is abuse. Clients ping every 10 s
// (client_options.h).
constexpr int kMinPingIntervalMs = 5000;
// Checks of health in flight. They are not counted with the calls: a server that has too much to do
// is still alive.
constexpr size_t kMaxHealthChecks = 64;
constexpr absl::Duration kHealthTimeout = absl::Seconds(10);

using LeafAsync = v1::LeafService::AsyncService;
using SearchAsync = v1::SearchService::AsyncService;
// The library's own health service would bring threads that wait for events (ServerOptions says of
// reflection what that costs).
using HealthAsync = grpc::health::v1::Health::AsyncService;

absl::Status CheckOptions(const ServerOptions& options) {
  const auto check = [](bool ok, std::string_view what, auto value) {
    return ok ? absl::OkStatus() : absl::InvalidArgumentError(Concat(what, ", got ", value));
  };
  RETURN_IF_ERROR(check(options.threads >= 1 && options.threads <= kMaxThreads,
                        Concat("threads of the server must be 1 to ", kMaxThreads),
                        options.threads));
  RETURN_IF_ERROR(check(options.registered_requests >= 1, "registered_requests must be at least 1",
                        options.registered_requests));
  RETURN_IF_ERROR(check(options.max_calls_in_flight >= 1, "max_calls_in_flight must be at least 1",
                        options.max_calls_in_flight));
  const size_t most_bytes = std::max(options.max_request_bytes, options.max_response_bytes);
  RETURN_IF_ERROR(check(most_bytes <= std::numeric_limits<int>::max(),
                        "max_request_bytes and max_response_bytes must be below 2 GiB",
                        most_bytes));
  return CheckAddress(options.listen);
}

void ConfigureBuilder(const ServerOptions& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_request_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(options.max_response_bytes));
  // Two servers would share a port without a word.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, ToMilliseconds(options.keepalive_time));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             ToMilliseconds(options.keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  // Reflection is the only service on the synchronous interface.
  using SyncOption = grpc::ServerBuilder::SyncServerOption;
  builder.SetSyncServerOption(SyncOption::NUM_CQS, 1);
  builder.SetSyncServerOption(SyncOption::MIN_POLLERS, 1);
  builder.SetSyncServerOption(SyncOption::MAX_POLLERS, 2);
}

// A program that is linked with the reflection library has it in every server.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->erase(std::remove_if(plugins->begin(), plugins->end(),
                                  [](const auto& plugin) {
                                    return plugin->name() == "proto_server_reflection";
                                  }),
                   plugins->end());
  }
};

auto SearchWith(SearchBackend& backend) {
  return [&backend](auto request, auto context, auto done) {
    backend.Search(std::move(request), std::move(context), std::move(done));
  };
}

// For methods whose request says nothing.
template <typename Handler>
auto WithoutRequest(Handler handler) {
  return [handler = std::move(handler)](auto, auto context, auto done) {
    handler(std::move(context), std::move(done));
  };
}

}  // namespace

class RpcServer::Impl final {
 public:
  explicit Impl(ServerOptions options)
      : options_(std::move(options)),
        totals_(options_.max_calls_in_flight),
        loops_(MakeLoops()),
        frames_(*loops_.front(), totals_, options_) {
    ConfigureBuilder(options_, builder_);
    health_loop_ = {.loop = loops_.front().get(),
                    .queue = server_loops_.front()->queue,
                    .totals = &health_totals_};
    AddHealthService();
  }

  ~Impl() {
    Shutdown({.grace = absl::ZeroDuration(), .deadline = absl::ZeroDuration()});
    // Before the methods and services that calls borrow.
    for (auto& loop : loops_) loop->Stop();
  }

  EventLoop& loop(int index) { return *loops_.at(index); }
  const std::string& address() const { return address_; }

  void AddLeafService(SearchBackend& backend, LeafAdmin admin);
  void AddSearchService(SearchBackend& backend, ClusterStatusHandler status);
  absl::Status Start();
  void SetReady(bool ready);
  void Shutdown(const DrainOptions& drain);
  ServerCounters counters() const;

 private:
  using Register = std::function<void(ServerLoop&)>;
  using Loops = std::vector<std::unique_ptr<EventLoop>>;

  Loops MakeLoops() {
    Loops loops;
    for (int i = 0; i < options_.threads; ++i) {
      auto queue = builder_.AddCompletionQueue();
      auto* const server_queue = queue.get();
      loops.push_back(
          std::make_unique<EventLoop>(std::make_unique<EventLoop::Impl>(std::move(queue))));
      server_loops_.push_back(std::make_unique<ServerLoop>(
          ServerLoop{.loop = loops.back().get(), .queue = server_queue, .totals = &totals_}));
    }
    return loops;
  }
  absl::Status Listen();
  void AddHealthService();
  absl::StatusOr<grpc::health::v1::HealthCheckResponse> CheckHealth(const std::string& service);
  template <typename Service>
  typename Service::AsyncService& AddService(
      std::unique_ptr<typename Service::AsyncService>& service);
  // `register_request`: the service's generated member function, which says what the method takes
  // and gives; it belongs to one of the classes that AsyncService is made of. The method lives as
  // long as this object.
  template <typename AsyncService, typename Base, typename Request, typename Response,
            typename Handle>
  static Register MakeMethod(
      AsyncService& service,
      void (Base::*register_request)(grpc::ServerContext*, Request*,
                                     grpc::ServerAsyncResponseWriter<Response>*,
                                     grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*),
      absl::Duration timeout, Handle handle) {
    using Call = ServerCall<Request, Response>;
    const auto request = [&service, register_request](auto* context, auto* message, auto* writer,
                                                      auto* queue, void* tag) {
      (service.*register_request)(context, message, writer, queue, queue, tag);
    };
    auto method = std::make_shared<typename Call::Method>(
        typename Call::Method{request, std::move(handle), timeout});
    return [method](ServerLoop& loop) { Call::Register(loop, *method); };
  }
  // A method over gRPC and over frames.
  template <typename AsyncService, typename Base, typename Request, typename Response,
            typename Handle>
  void AddBoth(AsyncService& service, FrameMethod method,
               void (Base::*register_request)(grpc::ServerContext*, Request*,
                                              grpc::ServerAsyncResponseWriter<Response>*,
                                              grpc::CompletionQueue*, grpc::ServerCompletionQueue*,
                                              void*),
               absl::Duration timeout, Handle handle) {
    frames_.AddMethod(method, timeout, HandleFrames<Request, Response>(handle));
    registrations_.push_back(MakeMethod(service, register_request, timeout, std::move(handle)));
  }
  void EndCallsAfter(absl::Duration delay);

  const ServerOptions options_;
  ServerCallTotals totals_;
  ServerCallTotals health_totals_{kMaxHealthChecks};
  grpc::ServerBuilder builder_;
  std::unique_ptr<LeafAsync> leaf_service_;
  std::unique_ptr<SearchAsync> search_service_;
  HealthAsync health_service_;
  std::vector<Register> registrations_;  // one a method
  Register register_health_;
  std::vector<std::string> ready_names_ = {std::string(kReadyService)};
  std::vector<std::unique_ptr<ServerLoop>> server_loops_;
  const Loops loops_;
  FrameServer frames_;
  ServerLoop health_loop_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  absl::Mutex ready_mutex_;
  bool ready_ ABSL_GUARDED_BY(ready_mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(ready_mutex_) = false;
};

// Makes the service that the server offers. REQUIRES: before Start(), and the first of its kind.
template <typename Service>
typename Service::AsyncService& RpcServer::Impl::AddService(
    std::unique_ptr<typename Service::AsyncService>& service) {
  CHECK(server_ == nullptr && service == nullptr);
  service = std::make_unique<typename Service::AsyncService>();
  builder_.RegisterService(service.get());
  ready_names_.push_back(Service::service_full_name());
  return *service;
}

void RpcServer::Impl::AddLeafService(SearchBackend& backend, LeafAdmin admin) {
  LeafAsync& service = AddService<v1::LeafService>(leaf_service_);
  const absl::Duration timeout = options_.call_timeout;
  AddBoth(service, FrameMethod::kSearch, &LeafAsync::RequestSearch, timeout, SearchWith(backend));
  AddBoth(service, FrameMethod::kFetch, &LeafAsync::RequestFetch, timeout,
          [&backend](auto request, auto context, auto done) {
            backend.Fetch(std::move(request), std::move(context), std::move(done));
          });
  AddBoth(service, FrameMethod::kStatus, &LeafAsync::RequestStatus, timeout,
          WithoutRequest(std::move(admin.status)));
  AddBoth(service, FrameMethod::kReload, &LeafAsync::RequestReload, options_.reload_timeout,
          WithoutRequest(std::move(admin.reload)));
  AddBoth(service, FrameMethod::kDrain, &LeafAsync::RequestDrain, timeout,
          [drain = std::move(admin.drain)](auto request, auto, auto done) {
            drain(request->undo(), std::move(done));
          });
  AddBoth(service, FrameMethod::kPostings, &LeafAsync::RequestPostings, timeout,
          std::move(admin.postings));
}

void RpcServer::Impl::AddSearchService(SearchBackend& backend, ClusterStatusHandler status) {
  SearchAsync& service = AddService<v1::SearchService>(search_service_);
  AddBoth(service, FrameMethod::kRootSearch, &SearchAsync::RequestSearch, options_.call_timeout,
          SearchWith(backend));
  AddBoth(service, FrameMethod::kRootStatus, &SearchAsync::RequestStatus, options_.call_timeout,
          WithoutRequest(std::move(status)));
}

absl::Status RpcServer::Impl::Start() {
  CHECK(server_ == nullptr);
  const absl::Status status = Listen();
  if (status.ok()) {
    for (int i = 0; i < options_.registered_requests; ++i) register_health_(health_loop_);
    for (auto& loop : server_loops_) {
      for (const auto& add : registrations_) {
        for (int i = 0; i < options_.registered_requests; ++i) add(*loop);
      }
    }
  }
  // Also after an error: whoever uses the loops may be waiting for what it has posted.
  for (auto& loop : loops_) loop->impl().Start();
  return status;
}

absl::Status RpcServer::Impl::Listen() {
  // Before the library tries, which would only log what is wrong.
  RETURN_IF_ERROR(CheckListen(options_.listen));
  if (options_.reflection) {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  } else {
    builder_.SetOption(std::make_unique<WithoutReflection>());
  }
  ASSIGN_OR_RETURN(Listeners listeners,
                   canopy::Listen(loops_.front()->impl().sockets(), options_.listen));
  server_ = builder_.BuildAndStart();
  if (server_ == nullptr) {
    return absl::UnavailableError(Concat("cannot serve on ", options_.listen));
  }
  address_ = listeners.address;
  frames_.Start(std::move(listeners), [this](int descriptor) {
    grpc::AddInsecureChannelFromFd(server_.get(), descriptor);
  });
  return absl::OkStatus();
}

void RpcServer::Impl::SetReady(bool ready) {
  absl::MutexLock lock(&ready_mutex_);
  ready_ = ready;
}

void RpcServer::Impl::AddHealthService() {
  builder_.RegisterService(&health_service_);
  register_health_ =
      MakeMethod(health_service_, &HealthAsync::RequestCheck, kHealthTimeout,
                 [this](auto request, auto, auto done) { done(CheckHealth(request->service())); });
}

absl::StatusOr<grpc::health::v1::HealthCheckResponse> RpcServer::Impl::CheckHealth(
    const std::string& service) {
  using Response = grpc::health::v1::HealthCheckResponse;
  Response response;
  response.set_status(Response::SERVING);
  if (service == kLiveService) return response;
  if (std::find(ready_names_.begin(), ready_names_.end(), service) == ready_names_.end()) {
    return absl::NotFoundError(Concat("this server has no service \"", service, "\""));
  }
  absl::MutexLock lock(&ready_mutex_);
  if (!ready_ || draining_) response.set_status(Response::NOT_SERVING);
  return response;
}

void RpcServer::Impl::Shutdown(const DrainOptions& drain) {
  if (server_ == nullptr || totals_.shutting_down) return;
  {
    absl::MutexLock lock(&ready_mutex_);
    draining_ = true;
  }
  drain.sleep(drain.grace);
  totals_.shutting_down = health_totals_.shutting_down = true;
  frames_.StopAccepting();
  EndCallsAfter(drain.deadline);
  // The library would end what comes during its own shutdown with CANCELLED, or at its end.
  totals_.WaitUntilIdle(drain.deadline + kMaxAbortTime);
  totals_.closed = health_totals_.closed = true;
  const Clock& clock = SteadyClock();
  server_->Shutdown(ToGrpc(clock.Now() + kMaxAbortTime, clock));
  frames_.Close();
}

// The library would end them with CANCELLED, which callers do not try elsewhere.
void RpcServer::Impl::EndCallsAfter(absl::Duration delay) {
  loops_.front()->RunAfter(delay, [this] { frames_.AbortCalls(); });
  for (auto& server_loop : server_loops_) {
    server_loop->loop->RunAfter(delay, [loop = server_loop.get()] {
      for (const auto& [call, abort] : loop->in_flight) abort(call);
    });
  }
}

ServerCounters RpcServer::Impl::counters() const {
  return {.calls_in_flight = totals_.in_flight,
          .calls_total = totals_.total,
          .calls_cancelled_total = totals_.cancelled,
          .calls_rejected_total = totals_.rejected};
}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Create(ServerOptions options) {
  RETURN_IF_ERROR(CheckOptions(options));
  return std::unique_ptr<RpcServer>(new RpcServer(std::make_unique<Impl>(std::move(options))));
}

RpcServer::RpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RpcServer::~RpcServer() = default;
EventLoop& RpcServer::loop(int index) { return impl_->loop(index); }
void RpcServer::AddLeafService(SearchBackend& backend, LeafAdmin admin) {
  impl_->AddLeafService(backend, std::move(admin));
}
void RpcServer::AddSearchService(SearchBackend& backend, ClusterStatusHandler status) {
  impl_->AddSearchService(backend, std::move(status));
}
absl::Status RpcServer::Start() { return impl_->Start(); }
const std::string& RpcServer::address() const { return impl_->address(); }
void RpcServer::SetReady(bool ready) { impl_->SetReady(ready); }
void RpcServer::Shutdown(const DrainOptions& drain) { impl_->Shutdown(drain); }
ServerCounters RpcServer::counters() const { return impl_->counters(); }

}  // namespace canopy
