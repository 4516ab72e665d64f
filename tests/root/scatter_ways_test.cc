// By document and by term: two roots over real leaves in one process, the same answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/log.h"
#include "base/strings.h"
#include "leaf/leaf_service.h"
#include "root/root_service.h"
#include "tests/leaf/leaf_index.h"
#include "tests/query/query_trees.h"
#include "tests/rpc/function_backend.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

constexpr uint32_t kLeaves = 4;
constexpr size_t kDocs = 1500;

class QuietLog final : public ::testing::Environment {
  void SetUp() override { ConfigureLogging({.program = "", .level = LogLevel::kError}); }
};
[[maybe_unused]] const auto* const kQuietLog = ::testing::AddGlobalTestEnvironment(new QuietLog);

// A root and its leaves. One shard: all leaves have it; else each has one.
class Cluster final {
 public:
  Cluster(const std::vector<Document>& docs, ScatterWay scatter)
      : Cluster(docs, scatter, scatter == ScatterWay::kByTerm ? 1 : kLeaves) {}
  Cluster(const std::vector<Document>& docs, ScatterWay scatter, uint32_t num_shards) {
    const bool one_shard = num_shards == 1;
    const std::string index = directory_.File("index");
    PublishIndex(index, docs, num_shards);
    Topology topology;
    topology.shards.resize(num_shards);
    for (uint32_t i = 0; i < kLeaves; ++i) {
      const std::string address = Concat("leaf", i, ":1");
      topology.shards[one_shard ? 0 : i].push_back(address);
      StartLeaf(address, index, one_shard ? 0 : i);
    }
    RootOptions options;
    options.scatter = scatter;
    options.on_serving = [this](bool serving) {
      if (serving && !serving_.HasBeenNotified()) serving_.Notify();
    };
    root_ = std::make_unique<RootService>(
        loop_, [this](const std::string& address) { return Connect(*leaves_.at(address)); },
        options);
    root_->SetTopology(topology);
    serving_.WaitForNotification();
  }
  ~Cluster() {
    root_.reset();
    loop_.Stop();
  }

  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request) {
    Outcome<v1::SearchResponse> outcome;
    root_->Search(std::make_shared<v1::SearchRequest>(request), WithTimeout(kLong), outcome.done());
    return outcome.Wait();
  }

 private:
  void StartLeaf(const std::string& address, const std::string& index, ShardId shard) {
    LeafServiceOptions options;
    options.generations.source = {.index = index, .shards = {shard}};
    auto leaf = std::make_unique<LeafService>(LocalFileSystem(), SteadyClock(), options);
    absl::Notification loaded;
    leaf->Reload([&](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      loaded.Notify();
    });
    loaded.WaitForNotification();
    leaves_[address] = std::move(leaf);
  }

  static std::shared_ptr<LeafConnection> Connect(LeafService& leaf) {
    auto backend = std::make_unique<FunctionBackend>();
    backend->on_search = [&leaf](auto request, auto context, auto done) {
      leaf.Search(std::move(request), std::move(context), std::move(done));
    };
    backend->on_fetch = [&leaf](auto request, auto context, auto done) {
      leaf.Fetch(std::move(request), std::move(context), std::move(done));
    };
    auto connection = std::make_shared<LeafConnection>();
    connection->backend = std::move(backend);
    connection->status = [&leaf](auto, auto done) {
      v1::LeafStatus status = leaf.Status();
      status.set_ready(true);
      done(status);
    };
    connection->postings = [&leaf](auto request, auto context, auto done) {
      leaf.Postings(std::move(request), std::move(context), std::move(done));
    };
    return connection;
  }

  const TempDir directory_;
  std::map<std::string, std::unique_ptr<LeafService>> leaves_;
  absl::Notification serving_;
  EventLoop loop_;
  std::unique_ptr<RootService> root_;
};

v1::Query RandomLeaf(std::mt19937& random) {
  const auto word = [&] { return Concat("w", std::min(random() % 64, random() % 64)); };
  const std::string field = random() % 6 == 0 ? "title" : "";
  switch (random() % 10) {
    case 0:
      return Phrase(word() + " " + word(), random() % 3, field);
    case 1:
      return random() % 2 == 0 ? MatchAll() : MatchNone();
    default:
      return Term(word(), field);
  }
}

v1::Query RandomQuery(std::mt19937& random, int depth) {
  if (depth == 0 || random() % 5 == 0) return RandomLeaf(random);
  if (random() % 12 == 0) return Boost(RandomQuery(random, depth - 1), 2);
  if (random() % 12 == 0) return ConstantScore(RandomQuery(random, depth - 1), 3);
  const auto some = [&](size_t most) {
    std::vector<v1::Query> clauses(random() % (most + 1));
    for (v1::Query& clause : clauses) clause = RandomQuery(random, depth - 1);
    return clauses;
  };
  BooleanClauses clauses = {
      .must = some(2), .should = some(4), .must_not = some(1), .filter = some(1)};
  if (random() % 3 == 0 && !clauses.should.empty()) {
    clauses.minimum_should_match = static_cast<int>(random() % (clauses.should.size() + 1));
  }
  return Boolean(clauses);
}

std::vector<DocId> DocsOf(const v1::SearchResponse& response) {
  std::vector<DocId> docs;
  for (const v1::Hit& hit : response.hits()) docs.push_back(hit.doc());
  return docs;
}

TEST(ScatterWays, AnswerEveryBooleanQueryWithTheSameDocuments) {
  const uint32_t seed = TestSeed(4242);
  std::mt19937 random(seed);
  const std::vector<Document> docs = MakeDocs(seed, kDocs);
  Cluster by_document(docs, ScatterWay::kByDocument), by_term(docs, ScatterWay::kByTerm);
  size_t answered = 0, matches = 0;
  for (int round = 0; round < 400; ++round) {
    v1::SearchRequest request;
    *request.mutable_query() = RandomQuery(random, 3);
    request.set_k(kDocs);
    request.set_timeout_us(30'000'000);
    const auto ranked = by_document.Search(request), unranked = by_term.Search(request);
    ASSERT_EQ(unranked.status().code(), ranked.status().code())
        << ranked.status() << "\n"
        << unranked.status() << request.ShortDebugString();
    if (!ranked.ok()) continue;
    std::vector<DocId> expected = DocsOf(*ranked);
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(DocsOf(*unranked), expected) << request.ShortDebugString();
    ASSERT_EQ(unranked->total().value(), ranked->total().value());
    ASSERT_EQ(unranked->total().relation(), v1::Total::EQ);
    ASSERT_TRUE(unranked->unranked());
    ASSERT_FALSE(ranked->unranked());
    for (int i = 0; i < unranked->hits_size(); ++i) {
      ASSERT_EQ(unranked->hits(i).id(), Concat("doc-", unranked->hits(i).doc()));
    }
    ++answered;
    matches += expected.empty() ? 0 : 1;
  }
  EXPECT_GT(answered, 300u);
  EXPECT_GT(matches, 100u);
}

TEST(ScatterWays, CountOnlyGivesTheSameCount) {
  const std::vector<Document> docs = MakeDocs(7, kDocs);
  Cluster by_document(docs, ScatterWay::kByDocument), by_term(docs, ScatterWay::kByTerm);
  for (const char* text : {"w0", "+w0 +w3", "w1 w2 w59", "+w1 -w0", "\"w0 w1\"", "title:w2"}) {
    v1::SearchRequest request;
    request.set_query_text(text);
    request.set_count_only(true);
    request.set_timeout_us(30'000'000);
    const auto ranked = by_document.Search(request), unranked = by_term.Search(request);
    ASSERT_TRUE(ranked.ok() && unranked.ok()) << text;
    EXPECT_EQ(unranked->total().value(), ranked->total().value()) << text;
    EXPECT_GT(ranked->total().value(), 0u) << text;
    EXPECT_EQ(unranked->hits_size(), 0);
  }
}

TEST(ScatterWays, ByTermACollectionOfSeveralShardsIsRefused) {
  Cluster cluster(MakeDocs(7, 20), ScatterWay::kByTerm, kLeaves);
  v1::SearchRequest request;
  request.set_query_text("w0");
  request.set_k(1);
  const absl::Status status = cluster.Search(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), ::testing::HasSubstr("wants one shard, the topology has 4"));
}

}  // namespace
}  // namespace canopy
