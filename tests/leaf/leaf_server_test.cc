// A leaf behind its server shell, over loopback.
#include "leaf/leaf_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "rpc/leaf_client.h"
#include "tests/leaf/leaf_index.h"
#include "tests/rpc/function_backend.h"
#include "tests/support/health.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kShards = 3;
constexpr size_t kDocs = 60;
constexpr absl::Duration kHealthTimeout = absl::Seconds(10);

class LeafServerTest : public ::testing::Test {
 protected:
  void SetUp() override { PublishIndex(index_, docs_, kShards); }

  void Start(LeafServerOptions options = {}) {
    options.service.generations.source.index = index_;
    options.drain.grace = absl::ZeroDuration();
    options.drain.deadline = kLong;
    auto leaf = LeafServer::Start(LocalFileSystem(), options);
    ASSERT_TRUE(leaf.ok()) << leaf.status();
    leaf_ = *std::move(leaf);
    client_ = std::make_unique<LeafClient>(loop_, leaf_->address());
  }
  absl::Status Load() {
    absl::Notification done;
    absl::Status status;
    leaf_->Load([&](const absl::Status& result) {
      status = result;
      done.Notify();
    });
    done.WaitForNotification();
    return status;
  }
  Outcome<v1::SearchResponse> Search(std::shared_ptr<v1::SearchRequest> request,
                                     std::shared_ptr<Cancellation> context = WithTimeout(kLong)) {
    Outcome<v1::SearchResponse> outcome;
    client_->Search(std::move(request), std::move(context), outcome.done());
    return outcome;
  }

  const TempDir directory_;
  const std::string index_ = directory_.File("index");
  const std::vector<Document> docs_ = MakeDocs(1, kDocs);
  std::unique_ptr<LeafServer> leaf_;
  EventLoop loop_;
  std::unique_ptr<LeafClient> client_;
};

TEST_F(LeafServerTest, IsLiveAtOnceAndReadyOnceLoaded) {
  Start();
  EXPECT_TRUE(CheckHealth(leaf_->address(), kLiveService, kHealthTimeout).ok());
  EXPECT_FALSE(CheckHealth(leaf_->address(), kReadyService, kHealthTimeout).ok());
  EXPECT_EQ(Search(AnyOfWords({"w1"}, {0})).Wait().status().code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(Load(), absl::OkStatus());
  EXPECT_TRUE(CheckHealth(leaf_->address(), kReadyService, kHealthTimeout).ok());
  EXPECT_TRUE(Search(AnyOfWords({"w1"}, {0})).Wait().ok());
}

TEST_F(LeafServerTest, SearchAndFetchMeetOverTheWire) {
  Start();
  ASSERT_EQ(Load(), absl::OkStatus());
  const auto search = Search(AnyOfWords({"w1"}, {0, 1, 2}, 1));
  ASSERT_TRUE(search.Wait().ok());
  auto request = std::make_shared<v1::FetchRequest>();
  request->set_generation(search.Wait()->generation());
  for (const auto& answer : search.Wait()->shard_answers()) request->add_docs(answer.hits(0).doc());
  Outcome<v1::FetchResponse> fetch;
  client_->Fetch(request, WithTimeout(kLong), fetch.done());
  ASSERT_TRUE(fetch.Wait().ok()) << fetch.Wait().status();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(fetch.Wait()->hits(i).id(), docs_[request->docs(i)].id);
  }
}

TEST_F(LeafServerTest, StatusSaysWhatIsServed) {
  Start({.service = {.generations = {.source = {.shards = {2, 0}}}}});
  ASSERT_EQ(Load(), absl::OkStatus());
  Outcome<v1::LeafStatus> outcome;
  client_->Status(WithTimeout(kLong), outcome.done());
  ASSERT_TRUE(outcome.Wait().ok());
  const v1::LeafStatus& status = *outcome.Wait();
  EXPECT_TRUE(status.ready());
  EXPECT_FALSE(status.draining());
  EXPECT_THAT(status.shards(), ElementsAre(0u, 2u));
  EXPECT_EQ(status.collection().generation(), 1u);
  EXPECT_EQ(status.collection().num_shards(), kShards);
  EXPECT_EQ(status.collection().docs_total(), kDocs);
  EXPECT_EQ(status.collection().analyzer(), "ascii");
  EXPECT_THAT(status.collection().fields(), ElementsAre("title", "body"));
  EXPECT_NE(status.collection().checksum(), 0u);
  EXPECT_GT(status.collection().average_length(), 1);
  EXPECT_FALSE(status.version().empty());
}

TEST_F(LeafServerTest, AReloadOverTheWireAnswersWithTheNewStatus) {
  Start();
  ASSERT_EQ(Load(), absl::OkStatus());
  PublishIndex(index_, MakeDocs(2, 2 * kDocs), kShards);
  Outcome<v1::LeafStatus> outcome;
  client_->Reload(WithTimeout(kLong), outcome.done());
  ASSERT_TRUE(outcome.Wait().ok()) << outcome.Wait().status();
  EXPECT_EQ(outcome.Wait()->collection().generation(), 2u);
}

TEST_F(LeafServerTest, ALeafThatIsDrainedServesOnAndComesBack) {
  Start();
  ASSERT_EQ(Load(), absl::OkStatus());
  Outcome<v1::LeafStatus> drained, back;
  client_->Drain(/*undo=*/false, WithTimeout(kLong), drained.done());
  ASSERT_TRUE(drained.Wait().ok());
  EXPECT_TRUE(drained.Wait()->draining());
  EXPECT_FALSE(drained.Wait()->ready());
  EXPECT_FALSE(CheckHealth(leaf_->address(), kReadyService, kHealthTimeout).ok());
  Outcome<v1::SearchResponse> search;
  client_->Search(AnyOfWords({"w1"}, {0}), WithTimeout(kLong), search.done());
  EXPECT_TRUE(search.Wait().ok());
  client_->Drain(/*undo=*/true, WithTimeout(kLong), back.done());
  ASSERT_TRUE(back.Wait().ok());
  EXPECT_FALSE(back.Wait()->draining());
  EXPECT_TRUE(back.Wait()->ready());
  EXPECT_TRUE(CheckHealth(leaf_->address(), kReadyService, kHealthTimeout).ok());
}

TEST_F(LeafServerTest, AReloadThatFailsSaysWhyAndTheLeafStaysReady) {
  Start();
  ASSERT_EQ(Load(), absl::OkStatus());
  PublishIndex(index_, MakeDocs(2, 2 * kDocs), kShards);
  DamageShard(index_, 0);
  Outcome<v1::LeafStatus> outcome;
  client_->Reload(WithTimeout(kLong), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(CheckHealth(leaf_->address(), kReadyService, kHealthTimeout).ok());
  EXPECT_EQ(Search(AnyOfWords({"w1"}, {0})).Wait()->generation(), 1u);
}

TEST_F(LeafServerTest, ACancelByTheClientReachesTheSearch) {
  Start({.faults = {.delay_share = 1, .delay = absl::Milliseconds(500)}});
  ASSERT_EQ(Load(), absl::OkStatus());
  const auto context = WithTimeout(kLong);
  const auto outcome = Search(AnyOfWords({"w1"}, {0}), context);
  Outcome<v1::LeafStatus> status;  // when it is answered, the search has arrived
  client_->Status(WithTimeout(kLong), status.done());
  ASSERT_TRUE(status.Wait().ok());
  context->Cancel();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
  const absl::Time give_up = SteadyClock().Now() + kLong;
  while (leaf_->Status().searches_cancelled_total() == 0 && SteadyClock().Now() < give_up) {
    std::this_thread::yield();
  }
  EXPECT_EQ(leaf_->Status().searches_cancelled_total(), 1u);
}

TEST_F(LeafServerTest, InjectedDelaysAndErrorsReachTheCaller) {
  Start({.faults = {.delay_share = 1, .delay = absl::Milliseconds(30)}});
  ASSERT_EQ(Load(), absl::OkStatus());
  const absl::Time begin = SteadyClock().Now();
  EXPECT_TRUE(Search(AnyOfWords({"w1"}, {0})).Wait().ok());
  EXPECT_GE(SteadyClock().Now() - begin, absl::Milliseconds(30));

  Start({.faults = {.error_share = 1}});
  ASSERT_EQ(Load(), absl::OkStatus());
  const absl::Status status = Search(AnyOfWords({"w1"}, {0})).Wait().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("injected"));
}

TEST_F(LeafServerTest, ADrainAnswersWhatIsInFlightAndThenServesNothing) {
  Start({.faults = {.delay_share = 1, .delay = absl::Milliseconds(50)}});
  ASSERT_EQ(Load(), absl::OkStatus());
  const auto in_flight = Search(AnyOfWords({"w1"}, {0}));
  Outcome<v1::LeafStatus> status;
  client_->Status(WithTimeout(kLong), status.done());
  ASSERT_TRUE(status.Wait().ok());
  leaf_->Drain();
  EXPECT_TRUE(in_flight.Wait().ok()) << in_flight.Wait().status();
  EXPECT_TRUE(leaf_->Status().draining());
  EXPECT_EQ(Search(AnyOfWords({"w1"}, {0})).Wait().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(LeafServerTest, ALoadThatEndsDuringTheDrainDoesNotMakeTheLeafReady) {
  absl::Status ready;
  const auto load = [&](absl::Duration) {
    EXPECT_EQ(Load(), absl::OkStatus());
    ready = CheckHealth(leaf_->address(), kReadyService, kHealthTimeout);
  };
  Start({.drain = {.sleep = load}});
  leaf_->Drain();
  EXPECT_EQ(ready.code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(leaf_->Status().ready());
}

TEST_F(LeafServerTest, ALeafThatGoesAwayWaitsForItsLoadBeforeItsServerGoes) {
  Start();
  absl::Notification loaded, going;
  absl::Status live = absl::UnknownError("not asked");
  leaf_->Load([&, address = leaf_->address()](const absl::Status&) {
    loaded.Notify();
    going.WaitForNotification();
    for (int i = 0; i < 20; ++i) live = CheckHealth(address, kLiveService, kHealthTimeout);
  });
  loaded.WaitForNotification();
  going.Notify();
  leaf_.reset();
  EXPECT_EQ(live, absl::OkStatus());
}

TEST_F(LeafServerTest, AGenerationThatCannotBeLoadedLeavesTheLeafNotReady) {
  DamageShard(index_, 1);
  Start();
  EXPECT_EQ(Load().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(CheckHealth(leaf_->address(), kReadyService, kHealthTimeout).ok());
}

}  // namespace
}  // namespace canopy
