// The shell around a service: listens, turns calls, over frames (frame.h) or gRPC on one port, into
// SearchBackend calls, and looks after what every server needs: health, reflection, limits,
// deadlines, cancellation, graceful drain. It knows nothing of searching.
//
// In a query's flow: a request arrives on an event loop's thread, the backend is called there (it
// must return quickly), and answers from whatever thread it likes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "canopy/v1/postings.pb.h"
#include "canopy/v1/service.pb.h"
#include "rpc/event_loop.h"
#include "rpc/search_backend.h"

namespace canopy {

// Services of grpc.health.v1 (Check alone): a process has two states, live and ready. A leaf that
// loads an index, or that drains, is live and not ready.
inline constexpr std::string_view kLiveService = "";
inline constexpr std::string_view kReadyService = "ready";

struct ServerOptions {
  std::string listen = "127.0.0.1:0";   // HOST:PORT (port 0: any), or unix:PATH
  int threads = 1;                      // event loops for gRPC; frames are served by the first
  size_t max_request_bytes = 64 << 20;  // a larger one is RESOURCE_EXHAUSTED
  size_t max_response_bytes = 64 << 20;
  // The longest that a call may take. A call's deadline is the client's or this, whichever is
  // sooner.
  absl::Duration call_timeout = absl::Seconds(30);
  absl::Duration reload_timeout = absl::Hours(1);  // the same, of LeafService.Reload
  // Calls in flight over all methods; more are answered RESOURCE_EXHAUSTED.
  size_t max_calls_in_flight = 4096;
  // Requests of each method that wait, registered, for a call.
  int registered_requests = 64;
  // A client that answers no ping for keepalive_timeout is gone: its calls are cancelled.
  absl::Duration keepalive_time = absl::Seconds(10);
  absl::Duration keepalive_timeout = absl::Seconds(2);
  // For tools such as grpcurl. The library serves it with a thread of its own that waits for
  // events too, so that most events then pass from thread to thread: every call gets slower.
  bool reflection = false;
};

// What LeafService offers besides SearchBackend. Called on a loop's thread; must not block it.
struct LeafAdmin {
  std::function<void(std::shared_ptr<Cancellation>, SearchBackend::Done<v1::LeafStatus>)> status;
  std::function<void(std::shared_ptr<Cancellation>, SearchBackend::Done<v1::LeafStatus>)> reload;
  std::function<void(std::shared_ptr<const v1::PostingsRequest>, std::shared_ptr<Cancellation>,
                     SearchBackend::Done<v1::PostingsResponse>)>
      postings = [](auto, auto, auto done) {
        done(absl::UnimplementedError("this leaf has no posting bitmaps"));
      };
  std::function<void(bool undo, SearchBackend::Done<v1::LeafStatus>)> drain = [](bool, auto done) {
    done(absl::UnimplementedError("this leaf cannot be drained"));
  };
};

using ClusterStatusHandler =
    std::function<void(std::shared_ptr<Cancellation>, SearchBackend::Done<v1::ClusterStatus>)>;

struct DrainOptions {
  // Not ready any more, but still serving: time for callers to notice and go elsewhere.
  absl::Duration grace = absl::Seconds(1);
  // Then calls in flight have this long to end before they are ended.
  absl::Duration deadline = absl::Seconds(3);
  // How the grace is waited for; a test has things to do meanwhile.
  std::function<void(absl::Duration)> sleep = absl::SleepFor;
};

struct ServerCounters {
  uint64_t calls_in_flight = 0;
  uint64_t calls_total = 0;
  uint64_t calls_cancelled_total =
      0;  // the client went away, or its deadline passed, before the answer
  uint64_t calls_rejected_total = 0;  // max_calls_in_flight
};

// Each call gets a Cancellation with the call's deadline, cancelled when the client goes away.
// Use: Create, Add...Service, Start, SetReady(true), ..., Shutdown.
// Thread safety: SetReady, counters and loop from any thread; the rest from one.
// Lifetime: backends and handlers outlive the server, or Shutdown has returned before they go.
class RpcServer final {
 public:
  // INVALID_ARGUMENT: an option makes no sense, and which.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Create(ServerOptions options);
  // Shutdown() without grace, then stops the loops.
  ~RpcServer();

  // Loop `index` of options.threads, for clients and timers that should share the server's threads.
  // Valid from Create on (it turns from Start on, even one that failed) until the server is
  // destroyed; clients on it are destroyed before the server.
  EventLoop& loop(int index = 0);

  // REQUIRES: before Start().
  void AddLeafService(SearchBackend& backend, LeafAdmin admin);
  void AddSearchService(SearchBackend& backend, ClusterStatusHandler status);

  // Listens. Live from now on, not yet ready. UNAVAILABLE with the system's reason:
  // "cannot listen on 127.0.0.1:9000: address already in use".
  absl::Status Start();

  // HOST:PORT with the real port. REQUIRES: Start() was OK.
  const std::string& address() const;

  // What grpc.health.v1 says for kReadyService and for the names of the services added, until a
  // Shutdown begins: from then on nothing is ready. kLiveService serves until Shutdown.
  void SetReady(bool ready);

  // Graceful end: not ready at once, `grace` long everything is served, then no new calls and
  // `deadline` for those in flight, which then end with UNAVAILABLE, so that callers try elsewhere,
  // while their contexts are cancelled. Backends may still call `done` later; nobody hears it.
  // Returns after at most grace + deadline + 2 s. May be called twice.
  void Shutdown(const DrainOptions& drain);

  ServerCounters counters() const;

 private:
  class Impl;
  explicit RpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace canopy
