#include "root/replica_chooser.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "tests/root/fake_collection.h"

namespace canopy {
namespace {

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(1);

// One shard on `replicas` leaves; replica i is leaf i in slot i.
class ReplicaChooserTest : public ::testing::Test {
 protected:
  explicit ReplicaChooserTest(uint32_t replicas = 3)
      : view_(FakeCluster(FakeCollection({.docs = 10, .shards = 1}).info(),
                          {.leaves = 1, .replicas = replicas})) {}

  // How often each replica is chosen by a thousand different queries.
  std::map<size_t, int> Choices(absl::Time now = kNow) {
    std::map<size_t, int> choices;
    for (uint64_t query = 0; query < 1000; ++query) {
      ++choices[*ReplicaChooser(loads_, query).Choose(*view_, 0, {}, now)];
    }
    return choices;
  }
  void SetSlowness(LeafSlot leaf, double slowness) {
    for (int i = 0; i < 20; ++i) {
      loads_.OnSent(leaf, 1, kNow);
      loads_.OnAnswered(leaf, {.cost = 1, .slowness = slowness}, 0, kNow);
    }
  }
  ReplicaView& replica(size_t i) { return view_->shards[0][i]; }

  LeafLoads loads_;
  std::shared_ptr<ClusterView> view_;
};

TEST_F(ReplicaChooserTest, OneQueryKeepsItsReplicaAndManySpreadOverAll) {
  for (uint64_t query = 0; query < 20; ++query) {
    const auto choice = ReplicaChooser(loads_, query).Choose(*view_, 0, {}, kNow);
    EXPECT_EQ(ReplicaChooser(loads_, query).Choose(*view_, 0, {}, kNow), choice);
  }
  for (const auto& [place, count] : Choices()) EXPECT_NEAR(count, 333, 80) << place;
  EXPECT_EQ(Choices().size(), 3u);
}

TEST_F(ReplicaChooserTest, NeitherWhatIsDownNorWhatWasTriedIsChosen) {
  replica(1).health = ReplicaHealth::kDown;
  const LeafIndex tried[] = {0};
  EXPECT_EQ(ReplicaChooser(loads_, 7).Choose(*view_, 0, tried, kNow), 2u);
  const LeafIndex all[] = {0, 2};
  EXPECT_EQ(ReplicaChooser(loads_, 7).Choose(*view_, 0, all, kNow), std::nullopt);
}

TEST_F(ReplicaChooserTest, TheFasterOneIsChosen) {
  SetSlowness(0, 3);
  SetSlowness(1, 1);
  SetSlowness(2, 3);
  EXPECT_EQ(Choices()[1], 1000);
}

TEST_F(ReplicaChooserTest, AboutAsFastIsAsGood) {
  SetSlowness(0, 1.1);
  SetSlowness(1, 1);
  SetSlowness(2, 0.95);
  EXPECT_EQ(Choices().size(), 3u);
}

TEST_F(ReplicaChooserTest, AFastOneWithMuchInFlightIsSpared) {
  SetSlowness(0, 1);
  SetSlowness(1, 5);
  SetSlowness(2, 5);
  loads_.OnSent(0, 1000, kNow);
  EXPECT_EQ(Choices()[0], 0);
}

TEST_F(ReplicaChooserTest, IfAllHaveMuchInFlightTheOneWithTheLeastIsChosen) {
  // Other leaves of the cluster are idle, so all three are hot.
  for (LeafSlot idle = 10; idle < 40; ++idle) loads_.OnSent(idle, 0, kNow);
  loads_.OnSent(0, 500, kNow);
  loads_.OnSent(1, 400, kNow);
  loads_.OnSent(2, 600, kNow);
  EXPECT_EQ(Choices()[1], 1000);
}

TEST_F(ReplicaChooserTest, AnEjectedOneIsALastResort) {
  for (int i = 0; i < 10; ++i) loads_.OnFailed(0, {}, kNow);
  EXPECT_EQ(Choices().count(0), 0u);
  for (int i = 0; i < 10; ++i) {
    loads_.OnFailed(1, {}, kNow);
    loads_.OnFailed(2, {}, kNow);
  }
  EXPECT_EQ(Choices().size(), 3u);  // never the last replica
  replica(1).health = replica(2).health = ReplicaHealth::kDown;
  EXPECT_EQ(Choices()[0], 1000);
}

TEST_F(ReplicaChooserTest, OneThatRefusedIsSparedForAWhile) {
  loads_.OnRefused(2, {}, kNow);
  EXPECT_EQ(Choices().count(2), 0u);
  EXPECT_GT(Choices(kNow + LeafLoads::kRefusalPause)[2], 200);
}

TEST_F(ReplicaChooserTest, ANewReplicaTakesItsShareByAndBy) {
  view_->leaves[1].ready_since = kNow;
  EXPECT_NEAR(Choices(kNow)[1], 33, 25);
  EXPECT_NEAR(Choices(kNow + absl::Seconds(5))[1], 166, 60);
  EXPECT_NEAR(Choices(kNow + ReplicaChooser::kSlowStart)[1], 333, 80);
}

TEST_F(ReplicaChooserTest, ReplicasThatAreAllNewShareTheQueries) {
  for (LeafView& leaf : view_->leaves) leaf.ready_since = kNow;
  for (const auto& [place, count] : Choices()) EXPECT_NEAR(count, 333, 100) << place;
}

}  // namespace
}  // namespace canopy
