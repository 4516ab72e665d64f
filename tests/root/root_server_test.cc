// Over real connections on loopback: clients, a root, and leaves that are fakes behind real
// servers.
#include "root/root_server.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/log.h"
#include "rpc/search_client.h"
#include "tests/root/served_fake_leaf.h"
#include "tests/rpc/function_backend.h"
#include "tests/rpc/grpc_only_proxy.h"
#include "tests/support/health.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class QuietLog final : public ::testing::Environment {
  void SetUp() override { ConfigureLogging({.program = "", .level = LogLevel::kError}); }
};
[[maybe_unused]] const auto* const kQuietLog = ::testing::AddGlobalTestEnvironment(new QuietLog);

// Two replicas of two leaf processes with two shards each, a root, and a client.
class RootServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int replica = 0; replica < 2; ++replica) {
      leaves_.push_back(std::make_unique<ServedFakeLeaf>(std::vector<ShardId>{0, 2}));
      leaves_.push_back(std::make_unique<ServedFakeLeaf>(std::vector<ShardId>{1, 3}));
    }
    for (ShardId shard = 0; shard < 4; ++shard) {
      topology_.shards.push_back(
          {leaves_[shard % 2]->address(), leaves_[2 + shard % 2]->address()});
    }
    RootServerOptions options;
    options.root.monitor.probe_interval = absl::Milliseconds(50);
    options.root.result_bytes = std::make_shared<ByteBudget>(150'000);
    options.drain = {.grace = absl::Milliseconds(20), .deadline = absl::Seconds(30)};
    options.on_ready = [this](const std::string& address) {
      ready_address_ = address;
      ready_.Notify();
    };
    auto root = RootServer::Start(options, topology_);
    ASSERT_TRUE(root.ok()) << root.status();
    root_ = *std::move(root);
    client_ = std::make_unique<SearchClient>(loop_, root_->address());
  }

  void WaitUntilReady() {
    const absl::Status ready = WaitForReady(root_->address(), kLong);
    ASSERT_TRUE(ready.ok()) << ready;
  }
  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request) {
    Outcome<v1::SearchResponse> outcome;
    client_->Search(std::make_shared<v1::SearchRequest>(request), WithTimeout(kLong),
                    outcome.done());
    return outcome.Wait();
  }

  std::vector<std::unique_ptr<ServedFakeLeaf>> leaves_;
  Topology topology_;
  absl::Notification ready_;
  std::string ready_address_;
  std::unique_ptr<RootServer> root_;
  EventLoop loop_;
  std::unique_ptr<SearchClient> client_;  // destroyed before its loop
};

v1::SearchRequest Request(const std::string& text = "leaf") {
  v1::SearchRequest request;
  request.set_query_text(text);
  request.set_k(10);
  request.set_timeout_us(30'000'000);
  return request;
}

void ExpectWhole(const absl::StatusOr<v1::SearchResponse>& response) {
  ASSERT_TRUE(response.ok()) << response.status();
  v1::SearchResponse comparable = *response;
  comparable.clear_ledger();
  comparable.clear_highlight_terms();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(comparable,
                                                                 FakeCollection({}).Reference(10)));
}

TEST_F(RootServerTest, IsReadyWhenEveryShardHasAReplicaAndAnswers) {
  WaitUntilReady();
  ready_.WaitForNotification();
  EXPECT_EQ(ready_address_, root_->address());
  ExpectWhole(Search(Request()));
}

// The answer of each of the two leaf processes is about 85,000 bytes, and comes in two parts.
TEST_F(RootServerTest, PartsOfAnswersBeyondItsMemoryEndTheQueryAndAreFreed) {
  for (const auto& leaf : leaves_) leaf->leaf().Serve({FakeCollection({.docs = 40'000})});
  WaitUntilReady();
  v1::SearchRequest large = Request();
  large.set_k(10'000);
  for (int i = 0; i < 5; ++i) {
    const auto refused = Search(large);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("(--result-memory)"));
  }
  large.set_k(1'000);
  const auto fits = Search(large);
  ASSERT_TRUE(fits.ok()) << fits.status();
  EXPECT_EQ(fits->hits_size(), 1'000);
}

TEST_F(RootServerTest, GoesOnWhenReplicasDieAndComeBack) {
  WaitUntilReady();
  for (int round = 0; round < 2; ++round) {
    leaves_[0]->Stop();
    leaves_[3]->Stop();
    for (int i = 0; i < 20; ++i) ExpectWhole(Search(Request("leaf" + std::to_string(i))));
    leaves_[0]->Restart();
    leaves_[3]->Restart();
    // The others may go once these are back.
    absl::Status both_back = absl::UnavailableError("");
    const absl::Time deadline = SteadyClock().Now() + kLong;
    while (!both_back.ok() && SteadyClock().Now() < deadline) {
      Outcome<v1::ClusterStatus> status;
      client_->Status(WithTimeout(kLong), status.done());
      bool reachable = status.Wait().ok();
      for (const auto& replica : status.Wait()->replicas()) reachable &= replica.reachable();
      if (reachable) both_back = absl::OkStatus();
    }
    ASSERT_TRUE(both_back.ok());
    std::swap(leaves_[0], leaves_[2]);
    std::swap(leaves_[1], leaves_[3]);
  }
}

TEST_F(RootServerTest, IsNotReadyWhileAShardHasNoReplica) {
  WaitUntilReady();
  leaves_[0]->Stop();
  leaves_[2]->Stop();
  const absl::Time deadline = SteadyClock().Now() + kLong;
  while (CheckHealth(root_->address(), kReadyService, kLong).ok()) {
    ASSERT_LT(SteadyClock().Now(), deadline);
  }
  EXPECT_TRUE(CheckHealth(root_->address(), kLiveService, kLong).ok());
  const absl::Status status = Search(Request()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("50 of 100 documents"));
}

TEST_F(RootServerTest, RefusesHugeQueriesClearly) {
  WaitUntilReady();
  const absl::Status bytes = Search(Request(std::string(10'000'000, 'a'))).status();
  EXPECT_EQ(bytes.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bytes.message()),
              AllOf(HasSubstr("the request is 100000"), HasSubstr("limit of 4194304")));
  const absl::Status text = Search(Request(std::string(2'000'000, 'a'))).status();
  EXPECT_EQ(text.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(text.message()), AllOf(HasSubstr("2000000"), HasSubstr("1048576")));
  std::string terms;
  for (int i = 0; i < 100'000; ++i) terms += "ab ";
  const absl::Status clauses = Search(Request(terms)).status();
  EXPECT_EQ(clauses.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(clauses.message()), AllOf(HasSubstr("100000"), HasSubstr("16384")));
}

TEST_F(RootServerTest, DoesNotReadHugeRequestsOfAnyClient) {
  WaitUntilReady();
  const GrpcOnlyProxy proxy(root_->address());
  for (const std::string& address : {root_->address(), proxy.address()}) {
    SearchClient client(loop_, address, {.max_request_bytes = 64 << 20});
    Outcome<v1::SearchResponse> outcome;
    client.Search(std::make_shared<v1::SearchRequest>(Request(std::string(10'000'000, 'a'))),
                  WithTimeout(kLong), outcome.done());
    EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(outcome.Wait().status().message()), HasSubstr("4194304"));
  }
  ExpectWhole(Search(Request()));
}

TEST_F(RootServerTest, ReturnsAsManyHitsAsThereAre) {
  WaitUntilReady();
  v1::SearchRequest request = Request();
  request.set_k(10'000);
  const auto response = Search(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(static_cast<uint64_t>(response->hits_size()), response->total().value());
}

TEST_F(RootServerTest, DrainsWithoutLosingAQuery) {
  WaitUntilReady();
  for (const auto& leaf : leaves_) leaf->leaf().Hold();
  Outcome<v1::SearchResponse> outcome;
  client_->Search(std::make_shared<v1::SearchRequest>(Request()), WithTimeout(kLong),
                  outcome.done());
  size_t held = 0;
  while (held < 2) {
    held = 0;
    for (const auto& leaf : leaves_) held += leaf->leaf().held();
  }
  std::thread drain([this] { root_->Drain(); });
  while (CheckHealth(root_->address(), kReadyService, kLong).ok()) {
  }
  for (const auto& leaf : leaves_) leaf->leaf().Release();
  ExpectWhole(outcome.Wait());
  drain.join();
}

TEST(RootServer, APortInUseIsAnErrorThatNamesIt) {
  RootServerOptions options;
  const Topology topology = {.shards = {{"127.0.0.1:1"}}};
  const auto first = RootServer::Start(options, topology);
  ASSERT_TRUE(first.ok()) << first.status();
  options.server.listen = (*first)->address();
  const auto second = RootServer::Start(options, topology);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr((*first)->address()));
}

}  // namespace
}  // namespace canopy
