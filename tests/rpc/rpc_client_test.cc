// LeafClient and SearchClient: every call ends once, on the loop's thread, with a status that says
// what happened.
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/strings.h"
#include "canopy/v1/service.grpc.pb.h"
#include "rpc/leaf_client.h"
#include "rpc/rpc_server.h"
#include "rpc/search_client.h"
#include "tests/rpc/function_backend.h"

namespace canopy {
namespace {

using ::testing::StartsWith;

std::unique_ptr<RpcServer> MakeServer(SearchBackend& backend, std::string listen = "127.0.0.1:0") {
  auto server = RpcServer::Create({.listen = std::move(listen)}).value();
  server->AddLeafService(backend, {.status =
                                       [](auto, auto done) {
                                         v1::LeafStatus status;
                                         status.set_version("status");
                                         done(status);
                                       },
                                   .reload =
                                       [](auto, auto done) {
                                         v1::LeafStatus status;
                                         status.set_version("reload");
                                         done(status);
                                       },
                                   .postings =
                                       [](auto request, auto, auto done) {
                                         v1::PostingsResponse response;
                                         response.set_generation(request->generation());
                                         done(response);
                                       }});
  server->AddSearchService(backend, [](auto, auto done) {
    v1::ClusterStatus status;
    status.set_version("cluster");
    done(status);
  });
  return server;
}

class RpcClientTest : public ::testing::Test {
 protected:
  void Start() {
    server_ = MakeServer(backend_);
    ASSERT_TRUE(server_->Start().ok());
    leaf_ = std::make_unique<LeafClient>(loop_, server_->address());
    root_ = std::make_unique<SearchClient>(loop_, server_->address());
  }

  FunctionBackend backend_;
  std::unique_ptr<RpcServer> server_;
  EventLoop loop_;
  std::unique_ptr<LeafClient> leaf_;
  std::unique_ptr<SearchClient> root_;
};

TEST_F(RpcClientTest, EveryMethodOfALeafAnswers) {
  backend_.on_search = [](auto request, auto, auto done) {
    v1::SearchResponse response;
    response.add_highlight_terms(request->query_text());
    done(response);
  };
  backend_.on_fetch = [](auto request, auto, auto done) {
    v1::FetchResponse response;
    for (const uint64_t doc : request->docs()) response.add_hits()->set_doc(doc);
    done(response);
  };
  Start();
  Outcome<v1::SearchResponse> search;
  leaf_->Search(TextRequest("text"), WithTimeout(kLong), search.done());
  EXPECT_EQ(search.Wait()->highlight_terms(0), "text");

  Outcome<v1::FetchResponse> fetch;
  auto request = std::make_shared<v1::FetchRequest>();
  request->add_docs(42);
  leaf_->Fetch(request, WithTimeout(kLong), fetch.done());
  EXPECT_EQ(fetch.Wait()->hits(0).doc(), 42u);

  Outcome<v1::LeafStatus> status, reload;
  leaf_->Status(WithTimeout(kLong), status.done());
  EXPECT_EQ(status.Wait()->version(), "status");
  leaf_->Reload(WithTimeout(kLong), reload.done());
  EXPECT_EQ(reload.Wait()->version(), "reload");

  Outcome<v1::PostingsResponse> postings;
  auto nodes = std::make_shared<v1::PostingsRequest>();
  nodes->set_generation(42);
  leaf_->Postings(nodes, WithTimeout(kLong), postings.done());
  EXPECT_EQ(postings.Wait()->generation(), 42u);
}

TEST_F(RpcClientTest, EveryMethodOfARootAnswers) {
  Start();
  Outcome<v1::SearchResponse> search;
  root_->Search(TextRequest("text"), WithTimeout(kLong), search.done());
  EXPECT_TRUE(search.Wait().ok());
  Outcome<v1::ClusterStatus> status;
  root_->Status(WithTimeout(kLong), status.done());
  EXPECT_EQ(status.Wait()->version(), "cluster");
  Outcome<v1::FetchResponse> fetch;
  root_->Fetch(std::make_shared<v1::FetchRequest>(), WithTimeout(kLong), fetch.done());
  EXPECT_EQ(fetch.Wait().status().code(), absl::StatusCode::kUnimplemented);
}

TEST_F(RpcClientTest, AnswersComeOnTheLoopsThread) {
  Start();
  absl::Notification answered;
  bool in_loop = false;
  leaf_->Search(TextRequest("a"), WithTimeout(kLong), [&](auto) {
    in_loop = loop_.InLoop();
    answered.Notify();
  });
  answered.WaitForNotification();
  EXPECT_TRUE(in_loop);
}

TEST_F(RpcClientTest, ACallThatIsNotAnsweredEndsAtItsDeadline) {
  SearchBackend::Done<v1::SearchResponse> held;
  backend_.on_search = [&](auto, auto, auto done) { held = done; };
  Start();
  Outcome<v1::SearchResponse> outcome;
  leaf_->Search(TextRequest("a"), WithTimeout(absl::Milliseconds(50)), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RpcClientTest, ACallWhoseDeadlineHasPassedIsNotSent) {
  std::atomic<int> calls = 0;
  backend_.on_search = [&](auto, auto, auto done) {
    ++calls;
    done(v1::SearchResponse());
  };
  Start();
  Outcome<v1::SearchResponse> outcome;
  leaf_->Search(TextRequest("a"), WithTimeout(-absl::Seconds(1)), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(calls, 0);
}

TEST_F(RpcClientTest, ACallThatIsAlreadyCancelledIsNotSent) {
  std::atomic<int> calls = 0;
  backend_.on_search = [&](auto, auto, auto done) {
    ++calls;
    done(v1::SearchResponse());
  };
  Start();
  const auto context = WithTimeout(kLong);
  context->Cancel();
  Outcome<v1::SearchResponse> outcome;
  leaf_->Search(TextRequest("a"), context, outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 0);
}

TEST_F(RpcClientTest, ALeafThatIsNotThereIsUnavailableAtOnce) {
  std::string address;
  {
    const auto server = MakeServer(backend_);
    ASSERT_TRUE(server->Start().ok());
    address = server->address();
  }
  LeafClient client(loop_, address);
  Outcome<v1::SearchResponse> outcome;
  client.Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(outcome.Wait().status().message()), StartsWith(address + ": "));
}

TEST_F(RpcClientTest, ALeafThatWasNotThereIsLeftAloneForAWhile) {
  Start();
  const std::string address = server_->address();
  server_.reset();
  LeafClient client(loop_, address,
                    {.reconnect_backoff_min = kLong, .reconnect_backoff_max = kLong});
  Outcome<v1::SearchResponse> first, second;
  client.Search(TextRequest("a"), WithTimeout(kLong), first.done());
  EXPECT_EQ(first.Wait().status().code(), absl::StatusCode::kUnavailable);
  server_ = MakeServer(backend_, address);
  ASSERT_TRUE(server_->Start().ok());
  client.Search(TextRequest("a"), WithTimeout(kLong), second.done());
  EXPECT_EQ(second.Wait().status(), first.Wait().status());
}

TEST_F(RpcClientTest, ALeafThatComesBackOnTheSameAddressIsFoundAgain) {
  Start();
  const std::string address = server_->address();
  Outcome<v1::SearchResponse> before;
  leaf_->Search(TextRequest("a"), WithTimeout(kLong), before.done());
  EXPECT_TRUE(before.Wait().ok());
  server_.reset();
  Outcome<v1::SearchResponse> during;
  leaf_->Search(TextRequest("a"), WithTimeout(kLong), during.done());
  EXPECT_EQ(during.Wait().status().code(), absl::StatusCode::kUnavailable);

  server_ = MakeServer(backend_, address);
  ASSERT_TRUE(server_->Start().ok());
  const absl::Time give_up = SteadyClock().Now() + kLong;
  absl::Status status = absl::UnavailableError("not asked yet");
  while (status.code() == absl::StatusCode::kUnavailable && SteadyClock().Now() < give_up) {
    Outcome<v1::SearchResponse> after;
    leaf_->Search(TextRequest("a"), WithTimeout(kLong), after.done());
    status = after.Wait().status();
  }
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(RpcClientTest, CallsInFlightEndWhenTheServerGoes) {
  absl::Notification started;
  SearchBackend::Done<v1::SearchResponse> held;
  backend_.on_search = [&](auto, auto, auto done) {
    held = done;
    started.Notify();
  };
  Start();
  Outcome<v1::SearchResponse> outcome;
  leaf_->Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  started.WaitForNotification();
  server_.reset();
  EXPECT_FALSE(outcome.Wait().ok());
}

TEST_F(RpcClientTest, AnAnswerAboveTheLimitIsRefused) {
  backend_.on_search = [](auto, auto, auto done) {
    v1::SearchResponse response;
    response.add_hits()->set_id(std::string(2000, 'x'));
    done(response);
  };
  Start();
  LeafClient client(loop_, server_->address(), {.max_response_bytes = 1000});
  Outcome<v1::SearchResponse> outcome;
  client.Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(RpcClientTest, ACallerMayWaitForTheAnswerItself) {
  Start();
  const absl::Time soon = SteadyClock().Now() + kLong;
  EXPECT_TRUE(root_->SearchAndWait(*TextRequest("text"), soon).ok());
  const absl::Status late =
      root_->SearchAndWait(*TextRequest("text"), SteadyClock().Now()).status();
  EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(late.message()), StartsWith(server_->address() + ": "));
}

TEST_F(RpcClientTest, ACallerThatWaitsFindsAServerAgain) {
  Start();
  const std::string address = server_->address();
  const auto search = [this] {
    return root_->SearchAndWait(*TextRequest("a"), SteadyClock().Now() + kLong).status();
  };
  EXPECT_TRUE(search().ok());
  server_.reset();  // the connection ends while nobody looks
  server_ = MakeServer(backend_, address);
  ASSERT_TRUE(server_->Start().ok());
  EXPECT_TRUE(search().ok());
  server_.reset();
  EXPECT_EQ(search().code(), absl::StatusCode::kUnavailable);
  server_ = MakeServer(backend_, address);
  ASSERT_TRUE(server_->Start().ok());
  const absl::Time give_up = SteadyClock().Now() + kLong;
  absl::Status status = absl::UnavailableError("not asked yet");
  while (!status.ok() && SteadyClock().Now() < give_up) status = search();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(RpcClientTest, ACallerThatWaitsGetsLongAnswersAndErrors) {
  backend_.on_search = [](auto request, auto, auto done) {
    if (request->query_text() == "bad") return done(absl::UnimplementedError("bad query"));
    v1::SearchResponse response;
    response.add_hits()->set_id(std::string(1 << 20, 'x'));
    done(response);
  };
  Start();
  const absl::Time soon = SteadyClock().Now() + kLong;
  EXPECT_EQ(root_->SearchAndWait(*TextRequest("a"), soon)->hits(0).id().size(), 1u << 20);
  EXPECT_EQ(root_->SearchAndWait(*TextRequest("bad"), soon).status(),
            absl::UnimplementedError(server_->address() + ": bad query"));
  EXPECT_EQ(server_->counters().calls_total, 2u);  // it was not asked in another way too
}

TEST_F(RpcClientTest, ACallerThatWaitsLongerThanItsDeadlineIsTold) {
  SearchBackend::Done<v1::SearchResponse> held;
  backend_.on_search = [&](auto, auto, auto done) { held = done; };
  Start();
  const absl::Status status =
      root_->SearchAndWait(*TextRequest("a"), SteadyClock().Now() + absl::Milliseconds(50))
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

// As an ambassador does.
class GrpcOnlyRoot final : public v1::SearchService::Service {
 public:
  grpc::Status Search(grpc::ServerContext*, const v1::SearchRequest*,
                      v1::SearchResponse* response) override {
    response->set_analyzer("over gRPC");
    return grpc::Status::OK;
  }
};

TEST_F(RpcClientTest, ACallerThatWaitsSpeaksGrpcWithWhoeverHasNoFrames) {
  GrpcOnlyRoot service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  SearchClient client(loop_, Concat("127.0.0.1:", port));
  const auto response = client.SearchAndWait(*TextRequest("a"), SteadyClock().Now() + kLong);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->analyzer(), "over gRPC");
}

TEST_F(RpcClientTest, ARequestAboveTheLimitIsNotSent) {
  std::atomic<int> calls = 0;
  backend_.on_search = [&](auto, auto, auto done) {
    ++calls;
    done(v1::SearchResponse());
  };
  Start();
  SearchClient client(loop_, server_->address(), {.max_request_bytes = 1000});
  Outcome<v1::SearchResponse> outcome;
  client.Search(TextRequest(std::string(2000, 'x')), WithTimeout(kLong), outcome.done());
  const absl::Status status = outcome.Wait().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()),
            server_->address() +
                ": the request is 2003 bytes long, more than the limit of 1000 "
                "(request bytes)");
  EXPECT_EQ(
      client.SearchAndWait(*TextRequest(std::string(2000, 'x')), absl::InfiniteFuture()).status(),
      status);
  EXPECT_EQ(calls, 0);
}

TEST_F(RpcClientTest, AServerOfAnotherKindIsToldFromAMethodThatIsNotBuilt) {
  const auto only_leaf = RpcServer::Create({}).value();
  only_leaf->AddLeafService(backend_, {.status = [](auto, auto done) { done(v1::LeafStatus()); },
                                       .reload = [](auto, auto done) { done(v1::LeafStatus()); }});
  ASSERT_TRUE(only_leaf->Start().ok());
  SearchClient client(loop_, only_leaf->address());
  Outcome<v1::SearchResponse> outcome;
  client.Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(std::string(outcome.Wait().status().message()),
            only_leaf->address() +
                ": this server does not have the service "
                "canopy.v1.SearchService (is it a root?)");
}

TEST_F(RpcClientTest, AProxyInTheEnvironmentIsNotUsed) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("grpc_proxy", "http://127.0.0.1:1", 1);
  Start();
  Outcome<v1::SearchResponse> outcome;
  leaf_->Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  EXPECT_TRUE(outcome.Wait().ok()) << outcome.Wait().status();
  unsetenv("http_proxy");
  unsetenv("grpc_proxy");
}

TEST_F(RpcClientTest, ALoopThatStopsLetsCallsEndAtTheirDeadlines) {
  SearchBackend::Done<v1::SearchResponse> held;
  backend_.on_search = [&](auto, auto, auto done) { held = done; };
  Start();
  Outcome<v1::SearchResponse> leaf, root;
  leaf_->Search(TextRequest("a"), WithTimeout(absl::Milliseconds(100)), leaf.done());
  root_->Search(TextRequest("a"), WithTimeout(absl::Milliseconds(100)), root.done());
  loop_.Stop();
  EXPECT_EQ(leaf.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(root.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RpcClientTest, AClientOfAStoppedLoopAnswersThatItIsClosed) {
  Start();
  loop_.Stop();
  Outcome<v1::SearchResponse> outcome;
  leaf_->Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace canopy
