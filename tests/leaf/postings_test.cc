// Posting bitmaps of a leaf's service on a real index, without a network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <roaring/roaring.hh>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "leaf/leaf_service.h"
#include "leaf/plan_query.h"
#include "tests/leaf/leaf_index.h"
#include "tests/query/query_trees.h"
#include "tests/rpc/function_backend.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr size_t kDocs = 3000;

v1::Query PhraseOf(const std::vector<std::string>& terms) {
  v1::Query query;
  for (const std::string& term : terms) query.mutable_phrase()->add_terms(term);
  return query;
}

class PostingsTest : public ::testing::Test {
 protected:
  void Start(uint32_t num_shards = 1, LeafServiceOptions options = {}) {
    docs_ = MakeDocs(20260101, kDocs);
    PublishIndex(index_, docs_, num_shards);
    options.generations.source.index = index_;
    leaf_ = std::make_unique<LeafService>(LocalFileSystem(), SteadyClock(), options);
    absl::Notification loaded;
    leaf_->Reload([&](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      loaded.Notify();
    });
    loaded.WaitForNotification();
  }

  absl::StatusOr<v1::PostingsResponse> Ask(
      const v1::PostingsRequest& request,
      std::shared_ptr<Cancellation> context = WithTimeout(kLong)) {
    Outcome<v1::PostingsResponse> outcome;
    leaf_->Postings(std::make_shared<v1::PostingsRequest>(request), std::move(context),
                    outcome.done());
    return outcome.Wait();
  }
  static v1::PostingsRequest For(const std::vector<v1::Query>& nodes) {
    v1::PostingsRequest request;
    for (const v1::Query& node : nodes) *request.add_nodes() = node;
    return request;
  }
  std::vector<uint32_t> DocsOf(const std::string& bytes) {
    const Roaring bitmap = Roaring::readSafe(bytes.data(), bytes.size());
    return {bitmap.begin(), bitmap.end()};
  }
  // What the oracle finds, by document number.
  std::vector<uint32_t> Expected(const v1::Query& node) {
    std::vector<uint32_t> docs;
    for (const OracleHit& hit : MakeOracle(docs_).Search(*PlanQuery(node), kDocs).hits) {
      docs.push_back(static_cast<uint32_t>(hit.doc));
    }
    std::sort(docs.begin(), docs.end());
    return docs;
  }

  const TempDir directory_;
  const std::string index_ = directory_.File("index");
  std::vector<Document> docs_;
  std::unique_ptr<LeafService> leaf_;
};

TEST_F(PostingsTest, EveryKindOfNodeGivesTheDocumentsThatItMatches) {
  Start();
  const std::vector<v1::Query> nodes = {
      Term("w0"),          Term("w50"),     Term("missing"),
      Term("w3", "title"), MatchAll(),      PhraseOf({"w0", "w1"}),
      MatchNone(),         Not(Term("w0")), All({Term("w1"), Term("w2")}),
      Boost(Term("w4"), 2)};
  const auto response = Ask(For(nodes));
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->bitmaps_size(), static_cast<int>(nodes.size()));
  for (size_t i = 0; i < nodes.size(); ++i) {
    EXPECT_THAT(DocsOf(response->bitmaps(static_cast<int>(i))),
                ElementsAreArray(Expected(nodes[i])))
        << nodes[i].ShortDebugString();
  }
  EXPECT_FALSE(Expected(PhraseOf({"w0", "w1"})).empty());
}

TEST_F(PostingsTest, AReplyNamesItsCollection) {
  Start();
  const auto response = Ask(For({Term("w0")}));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->generation(), leaf_->Status().collection().generation());
  EXPECT_EQ(response->collection_checksum(), leaf_->Status().collection().checksum());
}

TEST_F(PostingsTest, AnotherGenerationIsRefused) {
  Start();
  v1::PostingsRequest request = For({Term("w0")});
  request.set_generation(99);
  EXPECT_EQ(Ask(request).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(PostingsTest, ACollectionOfSeveralShardsIsRefused) {
  Start(/*num_shards=*/2);
  const absl::Status status = Ask(For({Term("w0")})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("has 2"));
}

TEST_F(PostingsTest, TheBitmapsTogetherKeepToTheBytesAskedFor) {
  Start();
  v1::PostingsRequest request = For({Term("w0"), Term("w1")});
  const auto whole = Ask(request);
  ASSERT_TRUE(whole.ok());
  request.set_max_bytes(whole->bitmaps(0).size() + whole->bitmaps(1).size());
  EXPECT_TRUE(Ask(request).ok());
  request.set_max_bytes(request.max_bytes() - 1);
  const absl::Status status = Ask(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(status), HasSubstr("postings bytes"));
}

TEST_F(PostingsTest, NoNodesTooManyNodesAndNodesOfNoKindAreTheCallersFault) {
  Start();
  EXPECT_EQ(Ask({}).status().code(), absl::StatusCode::kInvalidArgument);
  v1::PostingsRequest many;
  for (int i = 0; i <= kMaxPostingsNodes; ++i) *many.add_nodes() = MatchNone();
  EXPECT_EQ(Ask(many).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Ask(For({v1::Query()})).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Ask(For({Term("w0", "nofield")})).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PostingsTest, AFullQueueRefuses) {
  Start(1, {.threads = 1, .max_queue = 1});
  // The only thread is busy until the test lets go, and one request waits.
  absl::Notification busy, release;
  leaf_->Search(AnyOfWords({"w1"}, {0}), WithTimeout(kLong), [&](auto) {
    busy.Notify();
    release.WaitForNotification();
  });
  busy.WaitForNotification();
  Outcome<v1::PostingsResponse> waits;
  leaf_->Postings(std::make_shared<v1::PostingsRequest>(For({Term("w0")})), WithTimeout(kLong),
                  waits.done());
  EXPECT_EQ(Ask(For({Term("w0")})).status().code(), absl::StatusCode::kResourceExhausted);
  release.Notify();
  EXPECT_TRUE(waits.Wait().ok());
}

TEST_F(PostingsTest, NothingIsComputedForACallerThatHasGone) {
  Start();
  const auto context = WithTimeout(kLong);
  context->Cancel();
  EXPECT_EQ(Ask(For({Term("w0")}), context).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(leaf_->Status().searches_cancelled_total(), 1u);
  EXPECT_EQ(leaf_->Status().load().in_flight_cost(), 0u);
}

}  // namespace
}  // namespace canopy
