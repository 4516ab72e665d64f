#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "root/query_session.h"
#include "tests/root/session_driver.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Of 10 hits it asks each of 16 shards for 5.
SessionDriver SixteenShards(FakeCollectionOptions collection) {
  collection.docs = 1600;
  collection.shards = 16;
  return SessionDriver({.k = 10}, collection, {.leaves = 16, .replicas = 2});
}

// The replies to the first calls; returns the leaf that answered for shard 0.
LeafIndex ReplyToFirstCalls(SessionDriver& driver) {
  LeafIndex leaf = 0;
  for (CallId call = 0; call < 16; ++call) {
    if (driver.searches.at(call).shards[0] == 0) leaf = driver.searches.at(call).leaf;
    driver.Reply(call);
  }
  return leaf;
}

TEST(QuerySessionMore, AsksShardsForFewHitsWhereThatGivesTheSameAnswer) {
  SessionDriver driver = SixteenShards({});
  driver.Start();
  for (const auto& call : driver.actions.searches) EXPECT_EQ(call.k, 5u);
  driver.ReplyToAll();
  EXPECT_THAT(driver.searches, SizeIs(16));
  ExpectWhole(driver, driver.collection().Reference(10));
}

TEST(QuerySessionMore, AShardThatMayHaveMoreOfTheBestIsAskedAgainForAll) {
  SessionDriver driver = SixteenShards({.best_shard = true});
  driver.Start();
  const LeafIndex leaf = ReplyToFirstCalls(driver);
  ASSERT_THAT(driver.actions.searches, SizeIs(1));
  const SessionActions::SearchCall& more = driver.actions.searches[0];
  EXPECT_EQ(more.kind, v1::ATTEMPT_KIND_MORE);
  EXPECT_EQ(more.leaf, leaf);
  EXPECT_THAT(more.shards, ElementsAre(0));
  EXPECT_EQ(more.k, 10u);
  EXPECT_EQ(more.score_threshold, 1.75) << "the tenth score so far";
  driver.ReplyToAll();
  EXPECT_THAT(driver.searches, SizeIs(17));
  ExpectWhole(driver, driver.collection().Reference(10));
}

TEST(QuerySessionMore, WhoCannotGiveMoreIsTriedElsewhere) {
  SessionDriver driver = SixteenShards({.best_shard = true});
  driver.Start();
  const LeafIndex leaf = ReplyToFirstCalls(driver);
  driver.ReplySearch(16, absl::UnavailableError("gone"));
  ASSERT_THAT(driver.actions.searches, SizeIs(1));
  EXPECT_EQ(driver.actions.searches[0].kind, v1::ATTEMPT_KIND_RETRY);
  EXPECT_NE(driver.actions.searches[0].leaf, leaf);
  EXPECT_EQ(driver.actions.searches[0].k, 10u);
  driver.ReplyToAll();
  ExpectWhole(driver, driver.collection().Reference(10));
}

// Its hits are not those of the whole shard, so it does not count as searched.
TEST(QuerySessionMore, AShardThatMayHaveMoreIsMissingWhenTimeIsUp) {
  SessionDriver driver = SixteenShards({.best_shard = true});
  driver.Start();
  ReplyToFirstCalls(driver);
  driver.Timer(At(90));
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(MessageOf(driver), HasSubstr("shard 0"));
}

}  // namespace
}  // namespace canopy
