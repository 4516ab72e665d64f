// The server shell: limits, deadlines, health, drain. Over loopback, on any free port.
#include "rpc/rpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "rpc/leaf_client.h"
#include "rpc/search_client.h"
#include "tests/rpc/function_backend.h"
#include "tests/rpc/grpc_only_proxy.h"
#include "tests/support/health.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr absl::Duration kHealthTimeout = absl::Seconds(10);

// Calls come over frames, as from a root to a leaf or from a client to a root, or over gRPC through
// what knows no frames.
enum class Transport { kLeafFrames, kRootFrames, kGrpc };

class RpcServerTest : public ::testing::TestWithParam<Transport> {
 protected:
  absl::Status TryStart(ServerOptions options = {}) {
    server_ = RpcServer::Create(options).value();
    server_->AddSearchService(backend_, [](auto, auto done) { done(v1::ClusterStatus()); });
    server_->AddLeafService(backend_, {.status = [](auto, auto done) { done(v1::LeafStatus()); },
                                       .reload = [](auto, auto done) { done(v1::LeafStatus()); }});
    return server_->Start();
  }
  void Start(ServerOptions options = {}) {
    ASSERT_TRUE(TryStart(options).ok());
    client_ = MakeClient(loop_);
  }
  std::unique_ptr<SearchBackend> MakeClient(EventLoop& loop) {
    if (GetParam() == Transport::kLeafFrames) {
      return std::make_unique<LeafClient>(loop, server_->address());
    }
    if (GetParam() == Transport::kGrpc)
      proxy_ = std::make_unique<GrpcOnlyProxy>(server_->address());
    return std::make_unique<SearchClient>(loop, Address(), ClientOptions());
  }
  std::string Address() const { return proxy_ == nullptr ? server_->address() : proxy_->address(); }
  Outcome<v1::SearchResponse> Search(std::shared_ptr<Cancellation> context = WithTimeout(kLong)) {
    Outcome<v1::SearchResponse> outcome;
    client_->Search(TextRequest("a"), std::move(context), outcome.done());
    return outcome;
  }

  FunctionBackend backend_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<GrpcOnlyProxy> proxy_;
  EventLoop loop_;
  std::unique_ptr<SearchBackend> client_;
};

INSTANTIATE_TEST_SUITE_P(Transports, RpcServerTest,
                         ::testing::Values(Transport::kLeafFrames, Transport::kRootFrames,
                                           Transport::kGrpc));

TEST_P(RpcServerTest, TheContextHasTheClientsDeadline) {
  absl::Duration left;
  backend_.on_search = [&](auto, auto context, auto done) {
    left = context->deadline() - SteadyClock().Now();
    done(v1::SearchResponse());
  };
  Start({.call_timeout = absl::Seconds(50)});
  EXPECT_TRUE(Search(WithTimeout(absl::Seconds(20))).Wait().ok());
  EXPECT_GT(left, absl::Seconds(10));
  EXPECT_LE(left, absl::Seconds(21));  // the wire format rounds up
}

TEST_P(RpcServerTest, TheServersTimeoutWinsWhenItIsShorter) {
  absl::Duration left;
  backend_.on_search = [&](auto, auto context, auto done) {
    left = context->deadline() - SteadyClock().Now();
    done(v1::SearchResponse());
  };
  Start({.call_timeout = absl::Seconds(20)});
  EXPECT_TRUE(Search(WithTimeout(absl::Hours(1))).Wait().ok());
  EXPECT_TRUE(
      Search(std::make_shared<Cancellation>(SteadyClock(), absl::InfiniteFuture())).Wait().ok());
  EXPECT_GT(left, absl::Seconds(10));
  EXPECT_LE(left, absl::Seconds(20));
}

TEST_P(RpcServerTest, ACancelByTheClientReachesTheBackend) {
  absl::Notification started, cancelled;
  backend_.on_search = [&](auto, auto context, auto done) {
    context->OnCancel([&, done] {
      cancelled.Notify();
      done(absl::CancelledError("stopped"));
    });
    started.Notify();
  };
  Start();
  const auto context = WithTimeout(kLong);
  const auto outcome = Search(context);
  started.WaitForNotification();
  context->Cancel();
  cancelled.WaitForNotification();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
}

TEST_P(RpcServerTest, AClientThatGoesAwayCancelsItsCalls) {
  absl::Notification started, cancelled;
  backend_.on_search = [&](auto, auto context, auto done) {
    context->OnCancel([&, done] {
      cancelled.Notify();
      done(absl::CancelledError("stopped"));
    });
    started.Notify();
  };
  Start();
  const auto outcome = Search();
  started.WaitForNotification();
  client_.reset();
  cancelled.WaitForNotification();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
}

TEST_P(RpcServerTest, CancelledCallsAreCounted) {
  absl::Notification started;
  SearchBackend::Done<v1::SearchResponse> held;
  std::shared_ptr<Cancellation> seen;
  absl::Notification cancelled;
  backend_.on_search = [&](auto, auto context, auto done) {
    held = done;
    context->OnCancel([&] { cancelled.Notify(); });
    started.Notify();
  };
  Start();
  const auto context = WithTimeout(kLong);
  const auto outcome = Search(context);
  started.WaitForNotification();
  EXPECT_EQ(server_->counters().calls_in_flight, 1u);
  context->Cancel();
  cancelled.WaitForNotification();
  held(absl::CancelledError("stopped"));
  outcome.Wait();
  EXPECT_EQ(server_->counters().calls_total, 1u);
  EXPECT_EQ(server_->counters().calls_cancelled_total, 1u);
}

TEST_P(RpcServerTest, AnAnswerFromAnotherThreadArrives) {
  std::thread answering;
  absl::Notification has_thread;
  backend_.on_search = [&](auto, auto, auto done) {
    answering = std::thread([done] {
      v1::SearchResponse response;
      response.set_generation(7);
      done(response);
    });
    has_thread.Notify();
  };
  Start();
  EXPECT_EQ(Search().Wait()->generation(), 7u);
  has_thread.WaitForNotification();
  answering.join();
}

TEST_P(RpcServerTest, ASecondAnswerIsIgnored) {
  backend_.on_search = [](auto, auto, auto done) {
    done(v1::SearchResponse());
    done(absl::InternalError("again"));
  };
  Start();
  EXPECT_TRUE(Search().Wait().ok());
}

TEST_P(RpcServerTest, AStatusKeepsItsCodeAndMessage) {
  backend_.on_search = [](auto, auto, auto done) {
    done(absl::FailedPreconditionError("generation 3 asked, 2 held"));
  };
  Start();
  const absl::Status status = Search().Wait().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(status.message()), Address() + ": generation 3 asked, 2 held");
}

TEST_P(RpcServerTest, MoreCallsInFlightThanAllowedAreRefused) {
  absl::Notification started;
  SearchBackend::Done<v1::SearchResponse> held;
  backend_.on_search = [&](auto, auto, auto done) {
    held = done;
    started.Notify();
  };
  Start({.max_calls_in_flight = 1});
  const auto first = Search();
  started.WaitForNotification();
  const absl::Status second = Search().Wait().status();
  EXPECT_EQ(second.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(second.message()), HasSubstr("more than 1 calls in flight"));
  held(v1::SearchResponse());
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_EQ(server_->counters().calls_rejected_total, 1u);
}

TEST_P(RpcServerTest, ManyCallsAtOnceAreAllAnswered) {
  constexpr int kCalls = 2000;
  backend_.on_search = [](auto request, auto, auto done) {
    v1::SearchResponse response;
    response.set_generation(request->k());
    done(response);
  };
  Start({.threads = 2, .registered_requests = 4});
  absl::BlockingCounter left(kCalls);
  std::atomic<int> right = 0;
  for (int i = 0; i < kCalls; ++i) {
    auto request = TextRequest("a");
    request->set_k(i);
    client_->Search(request, WithTimeout(kLong),
                    [&, i](absl::StatusOr<v1::SearchResponse> response) {
                      if (response.ok() && response->generation() == static_cast<uint64_t>(i))
                        ++right;
                      left.DecrementCount();
                    });
  }
  left.Wait();
  EXPECT_EQ(right, kCalls);
}

TEST_P(RpcServerTest, AMessageOfManyMegabytesPasses) {
  constexpr size_t kBytes = 20 << 20;
  backend_.on_search = [](auto request, auto, auto done) {
    v1::SearchResponse response;
    response.add_hits()->set_id(request->query_text());
    done(response);
  };
  Start();
  Outcome<v1::SearchResponse> outcome;
  client_->Search(TextRequest(std::string(kBytes, 'x')), WithTimeout(kLong), outcome.done());
  ASSERT_TRUE(outcome.Wait().ok()) << outcome.Wait().status();
  EXPECT_EQ(outcome.Wait()->hits(0).id().size(), kBytes);
}

TEST_P(RpcServerTest, ARequestAboveTheLimitIsRefused) {
  Start({.max_request_bytes = 1000});
  Outcome<v1::SearchResponse> outcome;
  client_->Search(TextRequest(std::string(2000, 'x')), WithTimeout(kLong), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_P(RpcServerTest, AnAnswerAboveTheLimitIsNotSent) {
  backend_.on_search = [](auto, auto, auto done) {
    v1::SearchResponse response;
    response.add_hits()->set_id(std::string(2000, 'x'));
    done(response);
  };
  Start({.max_response_bytes = 1000});
  EXPECT_EQ(Search().Wait().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_P(RpcServerTest, APortInUseIsAnErrorThatNamesIt) {
  Start();
  FunctionBackend other_backend;
  const auto other = RpcServer::Create({.listen = server_->address()}).value();
  other->AddSearchService(other_backend, [](auto, auto done) { done(v1::ClusterStatus()); });
  const absl::Status status = other->Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(status.message()),
            "cannot listen on " + server_->address() + ": address already in use");
  absl::Notification ran;
  other->loop().Post([&] { ran.Notify(); });
  ran.WaitForNotification();  // whoever uses its loop can still wind up
}

TEST_P(RpcServerTest, AnAddressWithoutAPortIsRefused) {
  for (const char* const address :
       {"localhost", "", ":", ":80", "localhost:x", "localhost:70000"}) {
    const absl::Status status = RpcServer::Create({.listen = address}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(std::string(status.message()), HasSubstr("HOST:PORT")) << address;
  }
}

TEST_P(RpcServerTest, AServerThatIsNeverStartedGoesAway) {
  const auto server = RpcServer::Create({}).value();
  bool ran = false;
  EXPECT_TRUE(server->loop().Post([&] { ran = true; }));
}

TEST_P(RpcServerTest, ClientsMayShareTheServersLoop) {
  Start();
  const auto client = MakeClient(server_->loop());
  Outcome<v1::SearchResponse> outcome;
  client->Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  EXPECT_TRUE(outcome.Wait().ok());
}

TEST_P(RpcServerTest, HealthKeepsLiveApartFromReady) {
  Start();
  const std::string& address = server_->address();
  EXPECT_TRUE(CheckHealth(address, kLiveService, kHealthTimeout).ok());
  EXPECT_EQ(CheckHealth(address, kReadyService, kHealthTimeout).code(),
            absl::StatusCode::kUnavailable);
  server_->SetReady(true);
  EXPECT_TRUE(CheckHealth(address, kReadyService, kHealthTimeout).ok());
  EXPECT_TRUE(CheckHealth(address, "canopy.v1.LeafService", kHealthTimeout).ok());
  server_->SetReady(false);
  EXPECT_TRUE(CheckHealth(address, kLiveService, kHealthTimeout).ok());
  EXPECT_EQ(CheckHealth(address, "canopy.v1.LeafService", kHealthTimeout).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(CheckHealth(address, "no.such.Service", kHealthTimeout).code(),
            absl::StatusCode::kNotFound);
}

TEST_P(RpcServerTest, ChecksOfHealthAreNotCountedAsCalls) {
  SearchBackend::Done<v1::SearchResponse> held;
  absl::Notification started;
  backend_.on_search = [&](auto, auto, auto done) {
    held = done;
    started.Notify();
  };
  Start({.max_calls_in_flight = 1});
  const auto outcome = Search();
  started.WaitForNotification();
  EXPECT_TRUE(CheckHealth(server_->address(), kLiveService, kHealthTimeout).ok());
  EXPECT_EQ(server_->counters().calls_total, 1u);
  EXPECT_EQ(server_->counters().calls_rejected_total, 0u);
  held(v1::SearchResponse());
  EXPECT_TRUE(outcome.Wait().ok());
}

std::vector<std::string> ThreadNames() {
  std::vector<std::string> names;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(thread.path() / "comm");
    std::getline(file, names.emplace_back());
  }
  return names;
}

// A thread of the library that waits for events beside ours would take most of them, and pass each
// on: that costs more than all the rest of a small call.
TEST_P(RpcServerTest, ThreadsOfTheServerAreItsLoopsAlone) {
  Start({.threads = 2});
  EXPECT_TRUE(Search().Wait().ok());
  EXPECT_TRUE(CheckHealth(server_->address(), kLiveService, kHealthTimeout).ok());
  const std::vector<std::string> names = ThreadNames();
  EXPECT_THAT(names, Contains("event-loop"));
  EXPECT_THAT(names, Not(Contains(AnyOf(StartsWith("grpcpp_sync"), StartsWith("nexting")))));
}

// What the reflection service says when it is asked for the names of all services.
std::string ReflectedServices(const std::string& address) {
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  if (!next()) return "no call";
  const grpc::Slice list_services(std::string("\x3A\x00", 2));  // field 7, a string that is empty
  call->WriteLast(grpc::ByteBuffer(&list_services, 1), grpc::WriteOptions(), nullptr);
  if (!next()) return "nothing written";
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  if (!next()) return "no answer";
  grpc::Slice bytes;
  EXPECT_TRUE(answer.DumpToSingleSlice(&bytes).ok());
  return std::string(bytes.begin(), bytes.end());
}

TEST_P(RpcServerTest, ReflectionNamesTheServices) {
  Start({.reflection = true});
  EXPECT_THAT(ReflectedServices(server_->address()), HasSubstr("canopy.v1.LeafService"));
  const auto root = RpcServer::Create({.reflection = true}).value();
  root->AddSearchService(backend_, [](auto, auto done) { done(v1::ClusterStatus()); });
  ASSERT_TRUE(root->Start().ok());
  EXPECT_THAT(ReflectedServices(root->address()),
              AllOf(HasSubstr("canopy.v1.SearchService"), HasSubstr("grpc.health.v1.Health")));
}

TEST_P(RpcServerTest, WaitForReadyReturnsOnceItIs) {
  Start();
  absl::Status status;
  std::thread waiting([&] { status = WaitForReady(server_->address(), kLong); });
  server_->SetReady(true);
  waiting.join();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(RpcServerTest, WaitForReadyGivesUpAndSaysWhy) {
  Start();
  const absl::Status status = WaitForReady(server_->address(), absl::Milliseconds(50));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("NOT_SERVING"));
}

TEST_P(RpcServerTest, ADrainLetsCallsInFlightEnd) {
  absl::Notification started;
  SearchBackend::Done<v1::SearchResponse> held;
  std::atomic<bool> cancelled = false;
  backend_.on_search = [&](auto, auto context, auto done) {
    held = done;
    context->OnCancel([&] { cancelled = true; });
    started.Notify();
  };
  Start();
  const auto outcome = Search();
  started.WaitForNotification();
  std::thread draining(
      [&] { server_->Shutdown({.grace = absl::ZeroDuration(), .deadline = kLong}); });
  while (CheckHealth(server_->address(), kLiveService, kHealthTimeout).ok()) {
  }  // until no call is taken any more
  held(v1::SearchResponse());
  draining.join();
  EXPECT_TRUE(outcome.Wait().ok()) << outcome.Wait().status();
  EXPECT_FALSE(cancelled);
}

TEST_P(RpcServerTest, CallsThatComeAfterTheGraceAreUnavailable) {
  SearchBackend::Done<v1::SearchResponse> held;
  absl::Notification started;
  backend_.on_search = [&](auto request, auto, auto done) {
    if (request->query_text() != "held") return done(v1::SearchResponse());
    held = done;
    started.Notify();
  };
  Start();
  Outcome<v1::SearchResponse> first;
  client_->Search(TextRequest("held"), WithTimeout(kLong), first.done());
  started.WaitForNotification();
  std::thread drain(
      [&] { server_->Shutdown({.grace = absl::ZeroDuration(), .deadline = absl::Seconds(10)}); });
  const absl::Time give_up = SteadyClock().Now() + absl::Seconds(5);
  absl::Status status;
  while (status.ok() && SteadyClock().Now() < give_up) status = Search().Wait().status();
  for (int i = 0; i < 100; ++i) {
    status = Search().Wait().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  }
  held(v1::SearchResponse());
  EXPECT_TRUE(first.Wait().ok()) << first.Wait().status();
  drain.join();
}

TEST_P(RpcServerTest, CallsAreServedDuringTheGraceAndHealthSaysNotReady) {
  Start();
  server_->SetReady(true);
  int graces = 0;
  const auto meanwhile = [&](absl::Duration grace) {
    ++graces;
    EXPECT_EQ(grace, absl::Hours(1));
    server_->SetReady(true);  // too late
    EXPECT_EQ(CheckHealth(server_->address(), kReadyService, kHealthTimeout).code(),
              absl::StatusCode::kUnavailable);
    EXPECT_TRUE(CheckHealth(server_->address(), kLiveService, kHealthTimeout).ok());
    const auto outcome = Search();
    EXPECT_TRUE(outcome.Wait().ok()) << outcome.Wait().status();
  };
  server_->Shutdown({.grace = absl::Hours(1), .deadline = kLong, .sleep = meanwhile});
  EXPECT_EQ(graces, 1);
  EXPECT_EQ(Search().Wait().status().code(), absl::StatusCode::kUnavailable);
}

TEST_P(RpcServerTest, CallsThatOutlastTheDrainAreUnavailableAndTheirWorkIsCancelled) {
  absl::Notification started, cancelled;
  backend_.on_search = [&](auto, auto context, auto done) {
    context->OnCancel([&, done] {
      done(absl::CancelledError("stopped"));
      cancelled.Notify();
    });
    started.Notify();
  };
  Start();
  const auto outcome = Search();
  started.WaitForNotification();
  server_->Shutdown({.grace = absl::ZeroDuration(), .deadline = absl::Milliseconds(20)});
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(cancelled.HasBeenNotified());
}

TEST_P(RpcServerTest, ABackendThatNeverAnswersDoesNotHoldUpTheShutdown) {
  absl::Notification started;
  SearchBackend::Done<v1::SearchResponse> held;
  backend_.on_search = [&](auto, auto, auto done) {
    held = done;
    started.Notify();
  };
  Start();
  const auto outcome = Search();
  started.WaitForNotification();
  const absl::Time begin = SteadyClock().Now();
  server_->Shutdown({.grace = absl::ZeroDuration(), .deadline = absl::Milliseconds(20)});
  EXPECT_LT(SteadyClock().Now() - begin, absl::Seconds(5));
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kUnavailable);
  server_.reset();
  held(v1::SearchResponse());  // too late, and harmless
}

TEST_P(RpcServerTest, AnIdleConnectionDoesNotHoldUpTheShutdown) {
  Start();
  EXPECT_TRUE(Search().Wait().ok());
  const absl::Time begin = SteadyClock().Now();
  server_->Shutdown({.grace = absl::ZeroDuration(), .deadline = kLong});
  EXPECT_LT(SteadyClock().Now() - begin, absl::Seconds(5));
}

}  // namespace
}  // namespace canopy
