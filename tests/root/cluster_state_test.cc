#include "root/cluster_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/root/fake_collection.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Two shards, two replicas, a process each: "a0" is replica 0 of shard 0, "b1" replica 1 of
// shard 1.
Topology TwoByTwo() { return {.shards = {{"a0:1", "b0:1"}, {"a1:1", "b1:1"}}}; }

v1::CollectionInfo Generation(uint64_t generation, uint64_t seed = 1, uint32_t shards = 2) {
  return FakeCollection({.seed = seed, .docs = 11, .shards = shards, .generation = generation})
      .info();
}

class Leaves final {
 public:
  Leaves() {
    for (const std::string& address : TwoByTwo().Addresses()) {
      LeafObservation& leaf = all.emplace_back();
      leaf.address = address;
      leaf.error = absl::OkStatus();
      *leaf.status.mutable_collection() = Generation(1);
      leaf.status.add_shards(address[1] - '0');
      leaf.status.set_ready(true);
    }
  }
  LeafObservation& operator[](const std::string& address) {
    for (LeafObservation& leaf : all) {
      if (leaf.address == address + ":1") return leaf;
    }
    ADD_FAILURE() << address;
    return all[0];
  }
  std::vector<std::shared_ptr<const ClusterView>> Views(const v1::CollectionInfo& known = {}) {
    return MakeViews(TwoByTwo(), all, known);
  }

  std::vector<LeafObservation> all;
};

const ReplicaView& Replica(const ClusterView& view, ShardId shard, uint32_t replica) {
  return view.shards[shard][replica];
}

TEST(ClusterState, UsesEveryReplicaThatIsReady) {
  Leaves leaves;
  const auto views = leaves.Views();
  ASSERT_THAT(views, SizeIs(1));
  const ClusterView& view = *views[0];
  EXPECT_EQ(view.collection.generation(), 1u);
  EXPECT_EQ(view.DocsOf(0), 6u);
  EXPECT_EQ(view.DocsOf(1), 5u);
  EXPECT_TRUE(IsServing(view));
  EXPECT_EQ(DocsReachable(view), 11u);
  for (ShardId shard : {0, 1}) {
    for (uint32_t replica : {0, 1}) {
      EXPECT_EQ(Replica(view, shard, replica).health, ReplicaHealth::kReady);
      EXPECT_EQ(Replica(view, shard, replica).replica, replica);
      EXPECT_THAT(Replica(view, shard, replica).reason, IsEmpty());
    }
  }
  EXPECT_EQ(view.leaves[Replica(view, 1, 1).leaf].address, "b1:1");
}

TEST(ClusterState, DoesNotUseWhatIsDown) {
  Leaves leaves;
  leaves["a0"].error = absl::UnavailableError("connection refused");
  leaves["b0"].status.set_ready(false);
  const auto views = leaves.Views();
  EXPECT_EQ(Replica(*views[0], 0, 0).health, ReplicaHealth::kDown);
  EXPECT_THAT(Replica(*views[0], 0, 0).reason, HasSubstr("connection refused"));
  EXPECT_EQ(Replica(*views[0], 0, 1).health, ReplicaHealth::kDown);
  EXPECT_THAT(Replica(*views[0], 0, 1).reason, HasSubstr("not ready"));
  EXPECT_FALSE(IsServing(*views[0]));
  EXPECT_EQ(DocsReachable(*views[0]), 5u);
  EXPECT_EQ(views[0]->collection.docs_total(), 11u);
}

TEST(ClusterState, ADrainingOrSlowProcessIsOnStandby) {
  Leaves leaves;
  leaves["a0"].status.set_draining(true);
  leaves["a0"].status.set_ready(false);  // it still serves
  leaves["a1"].error = absl::DeadlineExceededError("probe");
  leaves["a1"].slow_probes = kMaxSlowProbes - 1;
  leaves["b1"].error = absl::DeadlineExceededError("probe");
  leaves["b1"].slow_probes = kMaxSlowProbes;
  const auto views = leaves.Views();
  EXPECT_EQ(Replica(*views[0], 0, 0).health, ReplicaHealth::kStandby);
  EXPECT_EQ(Replica(*views[0], 1, 0).health, ReplicaHealth::kStandby);
  EXPECT_EQ(Replica(*views[0], 1, 1).health, ReplicaHealth::kDown);
  EXPECT_TRUE(IsServing(*views[0]));
}

TEST(ClusterState, AProcessThatFailedACallIsALastResort) {
  Leaves leaves;
  leaves["a0"].suspicion = absl::UnavailableError("injected");
  EXPECT_EQ(HealthOf(leaves["a0"]).health, ReplicaHealth::kStandby);
  const auto views = leaves.Views();
  EXPECT_EQ(Replica(*views[0], 0, 0).health, ReplicaHealth::kStandby);
  EXPECT_EQ(Replica(*views[0], 0, 0).reason, "unavailable: injected");
  leaves["a0"].status.set_ready(false);
  EXPECT_EQ(HealthOf(leaves["a0"]).health, ReplicaHealth::kDown);
}

TEST(ClusterState, AProcessThatNeverAnsweredIsDown) {
  LeafObservation leaf;
  EXPECT_EQ(HealthOf(leaf).health, ReplicaHealth::kDown);
  leaf.error = absl::DeadlineExceededError("probe");
  leaf.slow_probes = 1;
  EXPECT_EQ(HealthOf(leaf).health, ReplicaHealth::kDown);
}

TEST(ClusterState, AsksTheNewestGenerationThatCoversMost) {
  Leaves leaves;
  *leaves["a0"].status.mutable_collection() = Generation(2);
  const auto partly = leaves.Views();  // generation 2 has shard 0 only
  ASSERT_THAT(partly, SizeIs(2));
  EXPECT_EQ(partly[0]->collection.generation(), 1u);
  EXPECT_EQ(Replica(*partly[0], 0, 0).reason, "serves generation 2");
  EXPECT_EQ(partly[1]->collection.generation(), 2u);

  *leaves["b1"].status.mutable_collection() = Generation(2);
  EXPECT_EQ(leaves.Views()[0]->collection.generation(), 2u);
}

TEST(ClusterState, AProcessServesThePreviousGenerationsThatItLists) {
  Leaves leaves;
  for (const std::string name : {"a0", "b0", "a1"}) {
    *leaves[name].status.mutable_collection() = Generation(2);
    *leaves[name].status.add_previous() = Generation(1);
  }
  leaves["b1"].error = absl::UnavailableError("gone");
  const auto both = leaves.Views();
  ASSERT_THAT(both, SizeIs(2));
  EXPECT_EQ(both[0]->collection.generation(), 2u);
  EXPECT_TRUE(IsServing(*both[1]));
  EXPECT_EQ(Replica(*both[1], 0, 0).health, ReplicaHealth::kReady);
}

TEST(ClusterState, AfterARollbackTheOlderGenerationIsAskedWhileTheNewerIsStillKept) {
  Leaves leaves;
  for (LeafObservation& leaf : leaves.all) *leaf.status.add_previous() = Generation(2);
  const auto both = leaves.Views();
  ASSERT_THAT(both, SizeIs(2));
  EXPECT_EQ(both[0]->collection.generation(), 1u);
  EXPECT_TRUE(IsServing(*both[1]));
}

TEST(ClusterState, TheNewerGenerationIsAskedUntilNoReplicaOfSomeShardHasItAsItsOwn) {
  Leaves leaves;
  for (LeafObservation& leaf : leaves.all) *leaf.status.mutable_collection() = Generation(2);
  const auto roll_back = [&](const std::string& name) {
    *leaves[name].status.mutable_collection() = Generation(1);
    *leaves[name].status.add_previous() = Generation(2);
    return leaves.Views()[0]->collection.generation();
  };
  EXPECT_EQ(roll_back("a0"), 2u);
  EXPECT_EQ(roll_back("a1"), 2u);
  EXPECT_EQ(roll_back("b0"), 1u);
  EXPECT_EQ(roll_back("b1"), 1u);
}

TEST(ClusterState, TwoBuildsOfOneNumberAreTwoCollections) {
  Leaves leaves;
  *leaves["a0"].status.mutable_collection() = Generation(1, 2);
  const auto views = leaves.Views();
  ASSERT_THAT(views, SizeIs(2));
  EXPECT_EQ(views[0]->collection.checksum(), Generation(1).checksum());
  EXPECT_EQ(Replica(*views[0], 0, 0).health, ReplicaHealth::kDown);
  EXPECT_EQ(Replica(*views[0], 0, 0).reason, "serves another build of generation 1");
}

TEST(ClusterState, AnIndexOfAnotherNumberOfShardsIsNotUsed) {
  Leaves leaves;
  *leaves["a0"].status.mutable_collection() = Generation(9, 1, 3);
  const auto views = leaves.Views();
  ASSERT_THAT(views, SizeIs(1));
  EXPECT_EQ(views[0]->collection.generation(), 1u);
  EXPECT_EQ(Replica(*views[0], 0, 0).reason, "serves an index of 3 shards, the topology has 2");
}

TEST(ClusterState, AProcessThatChangesToAnotherNumberOfShardsServesThePreviousGeneration) {
  Leaves leaves;
  *leaves["a0"].status.mutable_collection() = Generation(2, 1, 3);
  *leaves["a0"].status.add_previous() = Generation(1);
  const auto views = leaves.Views();
  ASSERT_THAT(views, SizeIs(1));
  EXPECT_EQ(Replica(*views[0], 0, 0).health, ReplicaHealth::kReady);
}

TEST(ClusterState, AProcessIsNotUsedForShardsThatItDoesNotServe) {
  Leaves leaves;
  leaves["a0"].status.clear_shards();
  leaves["a0"].status.add_shards(1);
  EXPECT_EQ(Replica(*leaves.Views()[0], 0, 0).reason, "does not serve shard 0");
}

TEST(ClusterState, RemembersTheCollectionWhenAllIsDown) {
  Leaves leaves;
  for (LeafObservation& leaf : leaves.all) leaf.error = absl::UnavailableError("gone");
  const auto views = leaves.Views(Generation(1));
  ASSERT_THAT(views, SizeIs(1));
  EXPECT_EQ(views[0]->collection.docs_total(), 11u);
  EXPECT_EQ(DocsReachable(*views[0]), 0u);
  EXPECT_EQ(leaves.Views()[0]->collection.generation(), 0u);
  // Another topology, another collection.
  EXPECT_EQ(leaves.Views(Generation(1, 1, 3))[0]->collection.generation(), 0u);
}

}  // namespace
}  // namespace canopy
