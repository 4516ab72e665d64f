// LeafClient and SearchClient: every call ends once, on the loop's thread, with a status that says
// what happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <utility>

#include "rpc/leaf_client.h"
#include "rpc/rpc_server.h"
#include "rpc/search_client.h"
#include "tests/rpc/function_backend.h"
#include "tests/rpc/grpc_only_proxy.h"

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
  std::vector<SearchBackend::Done<v1::SearchResponse>> held_;  // calls that are never answered
  std::unique_ptr<RpcServer> server_;
  EventLoop loop_;
  std::unique_ptr<LeafClient> leaf_;
  std::unique_ptr<SearchClient> root_;
};

// Of a leaf, of a root, and of a root behind something that knows gRPC alone.
enum class Client { kLeaf, kRoot, kRootOverGrpc };

class EveryClientTest : public RpcClientTest, public ::testing::WithParamInterface<Client> {
 protected:
  void Start() {
    RpcClientTest::Start();
    Connect();
  }
  void Connect(ClientOptions options = {}) {
    address_ = server_->address();
    if (GetParam() == Client::kRootOverGrpc) {
      proxy_ = std::make_unique<GrpcOnlyProxy>(address_);
      address_ = proxy_->address();
    }
    if (GetParam() == Client::kLeaf) {
      client_ = std::make_unique<LeafClient>(loop_, address_, options);
    } else {
      client_ = std::make_unique<SearchClient>(loop_, address_, options);
    }
  }
  Outcome<v1::SearchResponse> Search(std::shared_ptr<Cancellation> context = WithTimeout(kLong)) {
    Outcome<v1::SearchResponse> outcome;
    client_->Search(TextRequest("a"), std::move(context), outcome.done());
    return outcome;
  }

  std::unique_ptr<GrpcOnlyProxy> proxy_;
  std::string address_;
  std::unique_ptr<SearchBackend> client_;
};

INSTANTIATE_TEST_SUITE_P(Clients, EveryClientTest,
                         ::testing::Values(Client::kLeaf, Client::kRoot, Client::kRootOverGrpc));

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

TEST_P(EveryClientTest, AnswersComeOnTheLoopsThread) {
  Start();
  absl::Notification answered;
  bool in_loop = false;
  client_->Search(TextRequest("a"), WithTimeout(kLong), [&](auto) {
    in_loop = loop_.InLoop();
    answered.Notify();
  });
  answered.WaitForNotification();
  EXPECT_TRUE(in_loop);
}

TEST_P(EveryClientTest, ACallThatIsNotAnsweredEndsAtItsDeadline) {
  backend_.on_search = [&](auto, auto, auto done) { held_.push_back(done); };
  Start();
  const auto outcome = Search(WithTimeout(absl::Milliseconds(50)));
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_P(EveryClientTest, CallsEndAtTheirOwnDeadlinesInWhateverOrderTheyBegan) {
  backend_.on_search = [&](auto, auto, auto done) { held_.push_back(done); };
  Start();
  const absl::Time begin = absl::Now();
  const auto longest = Search(WithTimeout(absl::Milliseconds(600)));
  const auto shortest = Search(WithTimeout(absl::Milliseconds(100)));
  const auto middle = Search(WithTimeout(absl::Milliseconds(300)));
  EXPECT_EQ(shortest.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(middle.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(300));
  EXPECT_EQ(longest.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(600));
}

TEST_P(EveryClientTest, ACallWhoseDeadlineHasPassedIsNotSent) {
  std::atomic<int> calls = 0;
  backend_.on_search = [&](auto, auto, auto done) {
    ++calls;
    done(v1::SearchResponse());
  };
  Start();
  const auto outcome = Search(WithTimeout(-absl::Seconds(1)));
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(calls, 0);
}

TEST_P(EveryClientTest, ACallThatIsAlreadyCancelledIsNotSent) {
  std::atomic<int> calls = 0;
  backend_.on_search = [&](auto, auto, auto done) {
    ++calls;
    done(v1::SearchResponse());
  };
  Start();
  const auto context = WithTimeout(kLong);
  context->Cancel();
  const auto outcome = Search(context);
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 0);
}

TEST_P(EveryClientTest, AServerThatIsNotThereIsUnavailableAtOnce) {
  Start();
  server_.reset();
  const auto outcome = Search();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(outcome.Wait().status().message()), StartsWith(address_ + ": "));
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

TEST_P(EveryClientTest, AServerThatComesBackOnTheSameAddressIsFoundAgain) {
  Start();
  const std::string address = server_->address();
  EXPECT_TRUE(Search().Wait().ok());
  server_.reset();
  EXPECT_EQ(Search().Wait().status().code(), absl::StatusCode::kUnavailable);

  server_ = MakeServer(backend_, address);
  ASSERT_TRUE(server_->Start().ok());
  const absl::Time give_up = SteadyClock().Now() + kLong;
  absl::Status status = absl::UnavailableError("not asked yet");
  while (status.code() == absl::StatusCode::kUnavailable && SteadyClock().Now() < give_up) {
    status = Search().Wait().status();
  }
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(EveryClientTest, CallsInFlightEndWhenTheServerGoes) {
  absl::Notification started;
  backend_.on_search = [&](auto, auto, auto done) {
    held_.push_back(done);
    started.Notify();
  };
  Start();
  const auto outcome = Search();
  started.WaitForNotification();
  server_.reset();
  EXPECT_FALSE(outcome.Wait().ok());
}

TEST_P(EveryClientTest, AnAnswerAboveTheLimitIsRefused) {
  backend_.on_search = [](auto, auto, auto done) {
    v1::SearchResponse response;
    response.add_hits()->set_id(std::string(2000, 'x'));
    done(response);
  };
  Start();
  Connect({.max_response_bytes = 1000});
  const auto outcome = Search();
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
  backend_.on_search = [&](auto, auto, auto done) { held_.push_back(done); };
  Start();
  const absl::Status status =
      root_->SearchAndWait(*TextRequest("a"), SteadyClock().Now() + absl::Milliseconds(50))
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RpcClientTest, ACallerThatWaitsSpeaksGrpcWithWhoeverHasNoFrames) {
  Start();
  const GrpcOnlyProxy proxy(server_->address());
  SearchClient client(loop_, proxy.address());
  const auto response = client.SearchAndWait(*TextRequest("a"), SteadyClock().Now() + kLong);
  EXPECT_TRUE(response.ok()) << response.status();
}

TEST_F(RpcClientTest, ARootBehindWhatHasNoFramesTellsItsStatus) {
  Start();
  const GrpcOnlyProxy proxy(server_->address());
  SearchClient client(loop_, proxy.address());
  Outcome<v1::ClusterStatus> status;
  client.Status(WithTimeout(kLong), status.done());
  EXPECT_EQ(status.Wait()->version(), "cluster");
}

TEST_F(RpcClientTest, ARootThatSaysUnimplementedIsNotAskedAgain) {
  backend_.on_search = [](auto, auto, auto done) { done(absl::UnimplementedError("bad query")); };
  Start();
  Outcome<v1::SearchResponse> outcome;
  root_->Search(TextRequest("a"), WithTimeout(kLong), outcome.done());
  EXPECT_EQ(outcome.Wait().status(), absl::UnimplementedError(server_->address() + ": bad query"));
  EXPECT_EQ(server_->counters().calls_total, 1u);
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

TEST_P(EveryClientTest, ALoopThatStopsLetsCallsEndAtTheirDeadlines) {
  backend_.on_search = [this, first = true](auto, auto, auto done) mutable {
    if (std::exchange(first, false)) return done(v1::SearchResponse());
    held_.push_back(done);
  };
  Start();
  EXPECT_TRUE(Search().Wait().ok());  // a call that has yet to pass to gRPC could not begin
  const auto outcome = Search(WithTimeout(absl::Milliseconds(100)));
  loop_.Stop();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_P(EveryClientTest, AClientOfAStoppedLoopAnswersThatItIsClosed) {
  Start();
  loop_.Stop();
  const auto outcome = Search();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace canopy
