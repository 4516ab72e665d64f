// The checks of the simulation see what must not be.
#include "simulator/invariants.h"

#include <gtest/gtest.h>

namespace canopy {
namespace {

class InvariantsTest : public ::testing::Test {
 protected:
  InvariantsTest() {
    options_.cluster = {.shards = 3, .leaves = 3};
    options_.query.k = 5;
    work_ = workload_.MakeQuery(1);
    for (ShardId shard = 0; shard < 3; ++shard) {
      v1::ShardCoverage& coverage = *answer_.mutable_coverage()->add_shards();
      coverage.set_shard(shard);
      coverage.set_state(v1::SHARD_STATE_COMPLETE);
      coverage.set_docs_total(10);
      coverage.set_docs_covered(10);
    }
    answer_.mutable_coverage()->set_shards_total(3);
    answer_.mutable_coverage()->set_shards_complete(3);
    answer_.mutable_coverage()->set_docs_total(30);
    answer_.mutable_coverage()->set_docs_covered(30);
    answer_.mutable_coverage()->set_complete(true);
    answer_.mutable_total()->set_value(5);
    for (DocId doc = 0; doc < 5; ++doc) {
      answer_.add_hits()->set_doc(doc);
      answer_.mutable_hits()->rbegin()->set_id("id");
    }
  }
  bool Holds() const { return CheckAnswer(answer_, workload_, work_, options_.query).ok(); }

  SimulationOptions options_;
  Workload workload_{options_};
  QueryWork work_;
  v1::SearchResponse answer_;
};

TEST_F(InvariantsTest, AWholeAnswerIsFine) { EXPECT_TRUE(Holds()); }

TEST_F(InvariantsTest, MatchesThatWereCountedTwiceAreSeen) {
  answer_.mutable_total()->set_value(6);
  EXPECT_FALSE(Holds());
}

TEST_F(InvariantsTest, CoverageThatDoesNotAddUpIsSeen) {
  answer_.mutable_coverage()->set_docs_covered(29);
  EXPECT_FALSE(Holds());
}

TEST_F(InvariantsTest, AnAnswerThatCoversTooLittleIsSeen) {
  v1::Coverage& coverage = *answer_.mutable_coverage();
  coverage.mutable_shards(0)->set_state(v1::SHARD_STATE_MISSING);
  coverage.mutable_shards(0)->set_docs_covered(0);
  coverage.set_shards_complete(2);
  coverage.set_docs_covered(20);
  coverage.set_complete(false);
  const uint32_t matches = workload_.MatchesIn(work_, 1) + workload_.MatchesIn(work_, 2);
  answer_.mutable_total()->set_value(matches);
  while (answer_.hits_size() > static_cast<int>(matches)) answer_.mutable_hits()->RemoveLast();
  EXPECT_FALSE(Holds());
  options_.query.min_coverage = 0.6;
  EXPECT_TRUE(Holds());
}

TEST_F(InvariantsTest, AHitThatStandsTwiceOrLacksItsFieldsIsSeen) {
  answer_.mutable_hits(1)->set_doc(0);
  EXPECT_FALSE(Holds());
  answer_.mutable_hits(1)->set_doc(1);
  answer_.mutable_hits(1)->clear_id();
  EXPECT_FALSE(Holds());
}

TEST_F(InvariantsTest, CallsToLeavesThatAreDownOrOfOtherShardsAreSeen) {
  ClusterView view;
  view.shards.resize(1);
  view.shards[0].push_back({.leaf = 4, .health = ReplicaHealth::kStandby, .reason = "drains"});
  EXPECT_TRUE(CheckCallAllowed(view, 4, {0}).ok());
  EXPECT_FALSE(CheckCallAllowed(view, 3, {0}).ok());
  view.shards[0][0].health = ReplicaHealth::kDown;
  EXPECT_FALSE(CheckCallAllowed(view, 4, {0}).ok());
}

}  // namespace
}  // namespace canopy
