// A whole cluster inside one process: the root's service on a real event loop, and leaves that are
// fakes.
#include "root/root_service.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "rpc/ledger_parts.h"
#include "tests/root/fake_leaf.h"
#include "tests/rpc/function_backend.h"

namespace canopy {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

class QuietLog final : public ::testing::Environment {
  void SetUp() override { ConfigureLogging({.program = "", .level = LogLevel::kError}); }
};
[[maybe_unused]] const auto* const kQuietLog = ::testing::AddGlobalTestEnvironment(new QuietLog);

// Waits for what another thread brings about; there is nothing else to wait on. Fails after a
// minute.
void WaitUntil(const std::function<bool()>& condition) {
  const absl::Time deadline = SteadyClock().Now() + kLong;
  while (!condition()) {
    ASSERT_LT(SteadyClock().Now(), deadline);
    std::this_thread::yield();
  }
}

// 4 shards on 2 leaves x 2 replicas; leaf "r0-l1:1" is replica 0 and serves shards 1 and 3.
class Cluster {
 public:
  explicit Cluster(RootOptions options = {}) {
    for (int replica : {0, 1}) {
      for (ShardId leaf : {0, 1}) {
        leaves_->emplace(Concat("r", replica, "-l", leaf, ":1"),
                         std::make_shared<FakeLeaf>(std::vector<FakeCollection>{FakeCollection({})},
                                                    std::vector<ShardId>{leaf, leaf + 2}));
      }
    }
    options.on_serving = [this](bool serving) { serving_ = serving; };
    root_ = std::make_unique<RootService>(loop_, ConnectorTo(leaves_), options);
  }
  ~Cluster() {
    for (const auto& [address, leaf] : *leaves_) leaf->Release();
    root_.reset();
    loop_.Stop();
  }

  static Topology FullTopology() {
    return {.shards = {{"r0-l0:1", "r1-l0:1"},
                       {"r0-l1:1", "r1-l1:1"},
                       {"r0-l0:1", "r1-l0:1"},
                       {"r0-l1:1", "r1-l1:1"}}};
  }
  void Start(Topology topology = FullTopology()) {
    root_->SetTopology(std::move(topology));
    WaitUntil([this] { return serving_.load(); });
  }

  FakeLeaf& leaf(const std::string& name) { return *leaves_->at(name + ":1"); }
  std::vector<FakeLeaf*> leaves() const {
    std::vector<FakeLeaf*> all;
    for (const auto& [address, leaf] : *leaves_) all.push_back(leaf.get());
    return all;
  }
  RootService& root() { return *root_; }
  EventLoop& loop() { return loop_; }
  bool serving() const { return serving_; }

  Outcome<v1::SearchResponse> Begin(const v1::SearchRequest& request,
                                    std::shared_ptr<Cancellation> context = WithTimeout(kLong)) {
    Outcome<v1::SearchResponse> outcome;
    root_->Search(std::make_shared<v1::SearchRequest>(request), std::move(context), outcome.done());
    return outcome;
  }
  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request) {
    return Begin(request).Wait();
  }
  v1::ClusterStatus Status() {
    Outcome<v1::ClusterStatus> outcome;
    root_->Status(WithTimeout(kLong), outcome.done());
    return *outcome.Wait();
  }
  std::string Metrics() const { return prometheus::TextSerializer().Serialize(root_->Metrics()); }

 private:
  std::shared_ptr<FakeLeaves> leaves_ = std::make_shared<FakeLeaves>();
  std::atomic<bool> serving_{false};
  EventLoop loop_;
  std::unique_ptr<RootService> root_;
};

v1::SearchRequest Request(const std::string& text = "Leaf tree") {
  v1::SearchRequest request;
  request.set_query_text(text);
  request.set_k(10);
  request.set_timeout_us(30'000'000);
  return request;
}

// The response without what differs from run to run.
v1::SearchResponse Comparable(v1::SearchResponse response) {
  response.clear_ledger();
  response.clear_attempts();
  response.clear_highlight_terms();
  return response;
}

void ExpectWhole(const absl::StatusOr<v1::SearchResponse>& response,
                 const FakeCollection& collection = FakeCollection({})) {
  ASSERT_TRUE(response.ok()) << response.status();
  const v1::SearchResponse expected = collection.Reference(10);
  EXPECT_TRUE(MessageDifferencer::Equals(Comparable(*response), expected))
      << response->ShortDebugString();
}

uint64_t SumOfParts(const v1::Ledger& ledger) {
  uint64_t sum = 0;
  for (const LedgerPart& part : LedgerParts(ledger)) sum += part.us;
  return sum;
}

TEST(RootService, AnswersFromAllShards) {
  Cluster cluster;
  cluster.Start();
  const auto response = cluster.Search(Request());
  ExpectWhole(response);
  EXPECT_THAT(response->highlight_terms(), ::testing::ElementsAre("leaf", "tree"));
  EXPECT_EQ(response->ledger().total_us(), SumOfParts(response->ledger()));
  EXPECT_GT(response->ledger().total_us(), 0u);
  EXPECT_EQ(response->attempts_size(), 0);
}

TEST(RootService, NothingOfAQuerysTimeIsUnaccountedButRounding) {
  Cluster cluster;
  cluster.Start();
  v1::SearchRequest count = Request();
  count.set_count_only(true);
  for (const v1::SearchRequest& request : {Request(), count}) {
    const auto response = cluster.Search(request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_LE(response->ledger().unaccounted_us(), LedgerParts(response->ledger()).size())
        << response->ledger().ShortDebugString();
  }
}

TEST(RootService, ListsAttemptsWhenAsked) {
  Cluster cluster;
  cluster.Start();
  v1::SearchRequest request = Request();
  request.set_trace(true);
  const auto response = cluster.Search(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_GE(response->attempts_size(), 3);
}

TEST(RootService, SendsLeavesAnAnalyzedQueryOfOneGenerationWithADeadline) {
  Cluster cluster;
  cluster.Start();
  ASSERT_TRUE(cluster.Search(Request()).ok());
  int requests = 0;
  for (FakeLeaf* leaf : cluster.leaves()) {
    for (const v1::SearchRequest& request : leaf->requests()) {
      ++requests;
      EXPECT_EQ(request.query().boolean().should(0).term().text(), "leaf");
      EXPECT_EQ(request.generation(), 7u);
      EXPECT_EQ(request.shards_size(), 2);
    }
  }
  EXPECT_EQ(requests, 2);  // one call a leaf process
}

TEST(RootService, RetriesElsewhereAndStopsUsingWhatCannotBeReached) {
  Cluster cluster;
  cluster.Start();
  for (const char* const name : {"r0-l0", "r1-l1"}) {
    cluster.leaf(name).Fail(absl::UnavailableError("connection refused"));
  }
  for (int i = 0; i < 20; ++i) ExpectWhole(cluster.Search(Request(Concat("leaf", i))));
  EXPECT_LE(cluster.leaf("r0-l0").searches(), 1);
  EXPECT_LE(cluster.leaf("r1-l1").searches(), 1);
  v1::ClusterStatus status = cluster.Status();
  EXPECT_TRUE(status.serving());
  EXPECT_EQ(status.queries_total(), 20u);
  EXPECT_EQ(status.queries_failed_total(), 0u);
  EXPECT_LE(status.retry_calls_total(), 2u);
}

TEST(RootService, OneErrorDoesNotTakeTheOnlyReplicaOut) {
  Cluster cluster({.monitor = {.probe_interval = absl::Hours(1)}});
  Topology one_replica = Cluster::FullTopology();
  for (auto& replicas : one_replica.shards) replicas.resize(1);
  cluster.Start(one_replica);
  cluster.leaf("r0-l0").FailEverySecondSearch(absl::UnavailableError("injected"));
  for (int i = 0; i < 50; ++i) {
    const absl::Status status = cluster.Search(Request()).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("unavailable: injected"));
    ExpectWhole(cluster.Search(Request()));
  }
  EXPECT_EQ(cluster.leaf("r0-l0").searches(), 100);
  EXPECT_TRUE(cluster.serving());
}

TEST(RootService, UsesAProcessAgainWhenItAnswers) {
  Cluster cluster({.monitor = {.probe_interval = absl::Milliseconds(5)}});
  cluster.Start();
  for (const char* const name : {"r0-l0", "r1-l0"}) {
    cluster.leaf(name).Fail(absl::UnavailableError("connection refused"));
  }
  WaitUntil([&] { return !cluster.serving(); });
  cluster.leaf("r1-l0").Fail(absl::OkStatus());
  WaitUntil([&] { return cluster.serving(); });
  ExpectWhole(cluster.Search(Request()));
}

TEST(RootService, BothReplicasOfAShardDeadIsAnErrorOrExactlyCovered) {
  Cluster cluster;
  cluster.Start();
  cluster.leaf("r0-l1").Fail(absl::UnavailableError("connection refused"));
  cluster.leaf("r1-l1").Fail(absl::UnavailableError("connection reset"));
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = cluster.Search(Request()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("2 of 4 shards"), HasSubstr("50 of 100 documents")));
  }
  v1::SearchRequest request = Request();
  request.set_min_coverage(0.5);
  const auto response = cluster.Search(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->coverage().docs_covered(), 50u);
  EXPECT_FALSE(response->coverage().complete());
  EXPECT_EQ(response->coverage().shards(1).state(), v1::SHARD_STATE_MISSING);
  EXPECT_EQ(response->coverage().shards(3).state(), v1::SHARD_STATE_MISSING);
  EXPECT_FALSE(cluster.serving());
  const v1::ClusterStatus status = cluster.Status();
  EXPECT_EQ(status.docs_reachable(), 50u);
  EXPECT_EQ(status.queries_failed_total(), 3u);
  EXPECT_EQ(status.queries_partial_total(), 1u);
}

TEST(RootService, AFailedFetchIsRetriedThenAnError) {
  Cluster cluster;
  cluster.Start();
  cluster.leaf("r0-l0").FailFetches(absl::InternalError("disk"));
  cluster.leaf("r0-l1").FailFetches(absl::InternalError("disk"));
  for (int i = 0; i < 5; ++i) ExpectWhole(cluster.Search(Request(Concat("leaf", i))));
  cluster.leaf("r1-l0").FailFetches(absl::InternalError("disk"));
  const absl::Status status = cluster.Search(Request()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("stored fields"));
}

TEST(RootService, AClientThatGoesAwayTakesItsLeafCallsWithIt) {
  Cluster cluster;
  cluster.Start();
  for (FakeLeaf* leaf : cluster.leaves()) leaf->Hold();
  const auto context = WithTimeout(kLong);
  const auto outcome = cluster.Begin(Request(), context);
  const auto held = [&](auto count) {
    size_t sum = 0;
    for (FakeLeaf* leaf : cluster.leaves()) sum += (leaf->*count)();
    return sum;
  };
  WaitUntil([&] { return held(&FakeLeaf::held) == 2; });
  EXPECT_EQ(cluster.Status().queries_in_flight(), 1u);
  context->Cancel();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(held(&FakeLeaf::held_cancelled), 2u);
  for (FakeLeaf* leaf : cluster.leaves()) leaf->Release();
  WaitUntil([&] { return cluster.Status().late_replies_total() == 2; });
  EXPECT_EQ(cluster.Status().queries_in_flight(), 0u);
  EXPECT_EQ(cluster.Status().queries_failed_total(), 0u);
}

TEST(RootService, RefusesQueriesOverTheLimitInFlight) {
  Cluster cluster({.max_in_flight = 2});
  cluster.Start();
  for (FakeLeaf* leaf : cluster.leaves()) leaf->Hold();
  const auto first = cluster.Begin(Request()), second = cluster.Begin(Request());
  const absl::Status refused = cluster.Search(Request()).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("2 queries in flight, the limit is 2 (--max-in-flight)"));
  for (FakeLeaf* leaf : cluster.leaves()) leaf->Release();
  ExpectWhole(first.Wait());
  ExpectWhole(second.Wait());
  ExpectWhole(cluster.Search(Request()));
  EXPECT_EQ(cluster.Status().queries_rejected_total(), 1u);
  EXPECT_THAT(cluster.Metrics(),
              HasSubstr("canopy_root_rejected_queries_total{reason=\"max_in_flight\"} 1\n"));
}

TEST(RootService, KeepsFewerQueriesInFlightOnceLeavesRefuse) {
  Cluster cluster;
  cluster.Start();
  for (FakeLeaf* leaf : cluster.leaves()) {
    leaf->FailEverySecondSearch(absl::ResourceExhaustedError("too much load"));
  }
  EXPECT_THAT(std::string(cluster.Search(Request()).status().message()),
              HasSubstr("too much load"));
  for (FakeLeaf* leaf : cluster.leaves()) leaf->Hold();
  const auto first = cluster.Begin(Request());
  const absl::Status refused = cluster.Search(Request()).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("1 of it or a higher one are in flight"));
  v1::SearchRequest important = Request();
  important.set_priority(v1::PRIORITY_CRITICAL_PLUS);
  const auto second = cluster.Begin(important);
  for (FakeLeaf* leaf : cluster.leaves()) leaf->FailEverySecondSearch(absl::OkStatus());
  for (FakeLeaf* leaf : cluster.leaves()) leaf->Release();
  ExpectWhole(first.Wait());
  ExpectWhole(second.Wait());
  EXPECT_EQ(cluster.Status().queries_rejected_total(), 1u);
  EXPECT_THAT(cluster.Metrics(),
              HasSubstr("canopy_root_rejected_queries_total{reason=\"overload\"} 1\n"));
}

TEST(RootService, MetricsCountQueriesAndTheirCalls) {
  Cluster cluster;
  cluster.Start();
  ExpectWhole(cluster.Search(Request()));
  EXPECT_FALSE(cluster.Search(Request("\"open")).ok());
  EXPECT_THAT(
      cluster.Metrics(),
      AllOf(HasSubstr("canopy_root_query_seconds_count{result=\"ok\"} 1\n"),
            HasSubstr("canopy_root_query_seconds_count{result=\"invalid_argument\"} 1\n"),
            HasSubstr("leaf_call_seconds_count{kind=\"primary\",outcome=\"won\"} 2\n"),
            HasSubstr("canopy_root_queries_in_flight 0\n"), HasSubstr("canopy_root_serving 1\n")));
}

TEST(RootService, HoldsTheDeadlineOfTheRequestOfTheCallAndItsOwn) {
  Cluster cluster({.default_timeout = absl::Milliseconds(30)});
  cluster.Start();
  cluster.leaf("r0-l0").Hold();
  cluster.leaf("r1-l0").Hold();
  v1::SearchRequest by_request = Request(), by_default = Request(), by_call = Request();
  by_request.set_timeout_us(20'000);
  by_default.clear_timeout_us();
  const std::vector<Outcome<v1::SearchResponse>> outcomes = {
      cluster.Begin(by_request), cluster.Begin(by_default),
      cluster.Begin(by_call, WithTimeout(absl::Milliseconds(20)))};
  for (const auto& outcome : outcomes) {
    EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
  }
  by_request.set_min_coverage(0.2);
  by_request.set_timeout_us(1'000'000);
  const auto partial = cluster.Search(by_request);
  ASSERT_TRUE(partial.ok()) << partial.status();
  EXPECT_TRUE(partial->timed_out());
  EXPECT_EQ(partial->coverage().docs_covered(), 50u);
}

TEST(RootService, ChangesToANewGenerationOnceItCoversEveryShard) {
  Cluster cluster({.monitor = {.probe_interval = absl::Milliseconds(5)}});
  cluster.Start();
  const FakeCollection old({}), fresh({.seed = 2, .docs = 120, .generation = 8});
  cluster.leaf("r0-l0").Serve({fresh, old});
  WaitUntil([&] { return cluster.leaf("r0-l0").probes() > 3; });
  ExpectWhole(cluster.Search(Request()), old);
  cluster.leaf("r1-l1").Serve({fresh, old});
  WaitUntil([&] { return cluster.Status().collection().generation() == 8; });
  ExpectWhole(cluster.Search(Request()), fresh);

  v1::SearchRequest pinned = Request();
  pinned.set_generation(7);
  ExpectWhole(cluster.Search(pinned), old);
  pinned.set_generation(9);
  const absl::Status status = cluster.Search(pinned).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("generation 9 is not served"));
}

TEST(RootService, ALeafThatHasMovedOnIsAskedElsewhereAndProbedAtOnce) {
  Cluster cluster({.monitor = {.probe_interval = absl::Hours(1)}});
  cluster.Start();
  const FakeCollection fresh({.seed = 2, .docs = 120, .generation = 8});
  cluster.leaf("r0-l0").Serve({fresh});
  for (int i = 0; i < 10; ++i) ExpectWhole(cluster.Search(Request(Concat("leaf", i))));
  EXPECT_LE(cluster.leaf("r0-l0").searches(), 2);
}

TEST(RootService, TakesAnotherTopologyWhileItServes) {
  Cluster cluster;
  Topology one_replica = Cluster::FullTopology();
  for (auto& replicas : one_replica.shards) replicas.resize(1);
  cluster.Start(one_replica);
  for (int i = 0; i < 5; ++i) ExpectWhole(cluster.Search(Request(Concat("leaf", i))));
  EXPECT_EQ(cluster.leaf("r1-l0").probes(), 0);
  cluster.root().SetTopology(Cluster::FullTopology());
  WaitUntil([&] { return cluster.Status().replicas(3).reachable(); });
  cluster.leaf("r0-l0").Fail(absl::UnavailableError("gone"));
  for (int i = 0; i < 5; ++i) ExpectWhole(cluster.Search(Request(Concat("leaf", i))));
}

TEST(RootService, SaysWhichReplicasThereAre) {
  Cluster cluster;
  cluster.Start();
  WaitUntil([&] { return cluster.Status().replicas(3).reachable(); });
  const v1::ClusterStatus status = cluster.Status();
  ASSERT_EQ(status.replicas_size(), 4);
  EXPECT_EQ(status.replicas(1).address(), "r1-l0:1");
  EXPECT_EQ(status.replicas(1).replica(), 1u);
  EXPECT_THAT(status.replicas(1).shards(), ::testing::ElementsAre(0, 2));
  EXPECT_EQ(status.replicas(1).leaf().collection().generation(), 7u);
  EXPECT_EQ(status.collection().docs_total(), 100u);
  EXPECT_EQ(status.docs_reachable(), 100u);
  EXPECT_FALSE(status.version().empty());
}

TEST(RootService, CountsOfLeavesAreOfTheTimeOfTheStatus) {
  Cluster cluster({.monitor = {.probe_interval = absl::Hours(1)}});
  cluster.Start();
  WaitUntil([&] { return cluster.Status().replicas(3).reachable(); });
  for (uint64_t queries = 1; queries <= 3; ++queries) {
    ASSERT_TRUE(cluster.Search(Request()).ok());
    const v1::ClusterStatus status = cluster.Status();
    uint64_t searches = 0;
    for (const v1::ReplicaStatus& replica : status.replicas()) {
      searches += replica.leaf().searches_total();
    }
    EXPECT_EQ(status.queries_total(), queries);
    EXPECT_EQ(searches, 2 * queries);
  }
}

TEST(RootService, AStatusThatWaitsForALeafIsAnsweredWhenThatIsForgottenOrTheRootStops) {
  Cluster cluster({.monitor = {.probe_interval = absl::Hours(1)}});
  cluster.Start();
  WaitUntil([&] { return cluster.Status().replicas(3).reachable(); });
  for (FakeLeaf* leaf : cluster.leaves()) leaf->HoldProbes();
  Outcome<v1::ClusterStatus> before, after;
  cluster.root().Status(WithTimeout(kLong), before.done());
  Topology one_replica = Cluster::FullTopology();
  for (auto& replicas : one_replica.shards) replicas = {"r0-l0:1"};
  cluster.root().SetTopology(one_replica);
  cluster.root().Status(WithTimeout(kLong), after.done());
  EXPECT_FALSE(after.arrived());
  cluster.leaf("r0-l0").Release();
  EXPECT_TRUE(before.Wait().ok());
  EXPECT_TRUE(after.Wait().ok());

  cluster.leaf("r0-l0").HoldProbes();
  Outcome<v1::ClusterStatus> last;
  cluster.root().Status(WithTimeout(kLong), last.done());
  cluster.root().Stop();
  EXPECT_TRUE(last.Wait().ok());
}

TEST(RootService, KnowsNothingBeforeALeafHasAnswered) {
  Cluster cluster;
  EXPECT_EQ(cluster.Search(Request()).status().code(), absl::StatusCode::kUnavailable);
  for (FakeLeaf* leaf : cluster.leaves()) leaf->Fail(absl::UnavailableError("connection refused"));
  cluster.root().SetTopology(Cluster::FullTopology());
  const absl::Status status = cluster.Search(Request()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no leaf has answered yet"));
}

TEST(RootService, WrongRequestsCostTheLeavesNothing) {
  Cluster cluster;
  cluster.Start();
  v1::SearchRequest no_hits = Request();
  no_hits.set_k(0);
  for (const v1::SearchRequest& request :
       {Request("\"leaf"), Request("titel:leaf"), Request("pre*"), no_hits,
        Request(std::string(10'000'000, 'a'))}) {
    EXPECT_FALSE(cluster.Search(request).ok());
  }
  for (FakeLeaf* leaf : cluster.leaves()) EXPECT_EQ(leaf->searches(), 0);
  EXPECT_EQ(cluster.Status().queries_total(), 5u);
  EXPECT_EQ(cluster.Status().queries_failed_total(), 0u);
}

TEST(RootService, DoesNotFetch) {
  Cluster cluster;
  Outcome<v1::FetchResponse> outcome;
  cluster.root().Fetch(std::make_shared<v1::FetchRequest>(), WithTimeout(kLong), outcome.done());
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kUnimplemented);
}

TEST(RootService, StoppingCancelsWhatRuns) {
  Cluster cluster;
  cluster.Start();
  for (FakeLeaf* leaf : cluster.leaves()) leaf->Hold();
  const auto outcome = cluster.Begin(Request());
  cluster.root().Stop();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(cluster.Search(Request()).status().code(), absl::StatusCode::kUnavailable);
}

// Many queries at once, from many threads, while leaves fail and come back: every answer is the
// whole one, or an error.
TEST(RootService, AnswersRightOrNotAtAllUnderChange) {
  Cluster cluster({.monitor = {.probe_interval = absl::Milliseconds(1)}});
  cluster.Start();
  std::atomic<int> whole{0}, errors{0}, wrong{0};
  const std::string expected = Comparable(FakeCollection({}).Reference(10)).SerializeAsString();
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < 150; ++i) {
        const auto response = cluster.Search(Request(Concat("leaf", client, "x", i)));
        if (!response.ok()) {
          ++errors;
        } else if (Comparable(*response).SerializeAsString() == expected) {
          ++whole;
        } else {
          ++wrong;
        }
      }
    });
  }
  const auto leaves = cluster.leaves();
  for (int i = 0; whole + errors + wrong < 500; ++i) {
    leaves[i % 4]->Fail(absl::UnavailableError("gone"));
    std::this_thread::yield();
    leaves[i % 4]->Fail(absl::OkStatus());
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(whole + errors, 600);
  WaitUntil([&] { return cluster.serving(); });
  ExpectWhole(cluster.Search(Request()));
}

}  // namespace
}  // namespace canopy
