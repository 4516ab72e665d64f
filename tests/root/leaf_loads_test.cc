#include "root/leaf_loads.h"

#include <gtest/gtest.h>

namespace canopy {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

// So many calls that took `slowness` times what is usual.
void Answer(LeafLoads& loads, LeafSlot leaf, int calls, double slowness, absl::Time now = kStart) {
  for (int i = 0; i < calls; ++i) {
    loads.OnSent(leaf, 1, now);
    loads.OnAnswered(leaf, {.cost = 1, .slowness = slowness}, 0, now);
  }
}

TEST(LeafLoads, CountsWhatIsInFlight) {
  LeafLoads loads;
  loads.OnSent(2, 10, kStart);
  loads.OnSent(2, 5, kStart);
  EXPECT_EQ(loads.InFlight(2, kStart), 15u);
  loads.OnCancelled(2, {.cost = 10}, kStart);
  EXPECT_EQ(loads.InFlight(2, kStart + absl::Seconds(2)), 5u);
  EXPECT_EQ(loads.InFlight(1, kStart), 0u);
}

TEST(LeafLoads, BelievesAFreshReportOfWhatOtherRootsHaveThere) {
  LeafLoads loads;
  loads.OnProbed(0, 100, kStart);
  loads.OnSent(0, 7, kStart);
  EXPECT_EQ(loads.InFlight(0, kStart), 107u);
  EXPECT_EQ(loads.InFlight(0, kStart + absl::Seconds(2)), 7u);
}

TEST(LeafLoads, SlownessIsTheMedianOfTheLastCalls) {
  LeafLoads loads;
  Answer(loads, 0, LeafLoads::kMinSamples - 1, 1);
  EXPECT_FALSE(loads.Slowness(0, kStart).has_value());
  Answer(loads, 0, 1, 50);
  EXPECT_DOUBLE_EQ(loads.Slowness(0, kStart).value(), 1);
  Answer(loads, 0, LeafLoads::kSamples, 3);
  EXPECT_DOUBLE_EQ(loads.Slowness(0, kStart).value(), 3);
}

TEST(LeafLoads, OldSlownessIsForgotten) {
  LeafLoads loads;
  Answer(loads, 0, 20, 5);
  const absl::Time later = kStart + LeafLoads::kSampleAge + absl::Seconds(1);
  EXPECT_FALSE(loads.Slowness(0, later).has_value());
  Answer(loads, 0, LeafLoads::kMinSamples, 1, later);
  EXPECT_DOUBLE_EQ(loads.Slowness(0, later).value(), 1);
}

TEST(LeafLoads, ACallThatWasCancelledEarlyDoesNotMakeALeafLookFast) {
  LeafLoads loads;
  Answer(loads, 0, 20, 5);
  for (int i = 0; i < 20; ++i) loads.OnCancelled(0, {.slowness = 0.1}, kStart);
  EXPECT_DOUBLE_EQ(loads.Slowness(0, kStart).value(), 5);
  for (int i = 0; i < 20; ++i) loads.OnCancelled(0, {.slowness = 30}, kStart);
  EXPECT_DOUBLE_EQ(loads.Slowness(0, kStart).value(), 30);
}

TEST(LeafLoads, FailuresInARowEjectForLongerEachTime) {
  LeafLoads loads;
  absl::Time now = kStart;
  for (uint32_t i = 0; i + 1 < LeafLoads::kFailuresToEject; ++i) loads.OnFailed(0, {}, now);
  EXPECT_FALSE(loads.IsEjected(0, now));
  loads.OnFailed(0, {}, now);
  EXPECT_TRUE(loads.IsEjected(0, now));
  now += LeafLoads::kFirstEjection;
  EXPECT_FALSE(loads.IsEjected(0, now));
  loads.OnFailed(0, {}, now);  // one more is enough
  EXPECT_TRUE(loads.IsEjected(0, now + LeafLoads::kFirstEjection));
  EXPECT_FALSE(loads.IsEjected(0, now + 2 * LeafLoads::kFirstEjection));
}

TEST(LeafLoads, AnAnswerEndsTheRowOfFailures) {
  LeafLoads loads;
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i + 1 < LeafLoads::kFailuresToEject; ++i) loads.OnFailed(0, {}, kStart);
    Answer(loads, 0, 1, 1);
  }
  EXPECT_FALSE(loads.IsEjected(0, kStart));
}

TEST(LeafLoads, AnEjectionIsNeverLongerThanTheLimit) {
  LeafLoads loads;
  absl::Time now = kStart;
  for (int i = 0; i < 200; ++i) {
    loads.OnFailed(0, {}, now);
    now += LeafLoads::kMaxEjection;
  }
  EXPECT_FALSE(loads.IsEjected(0, now));
}

TEST(LeafLoads, ARefusalIsRememberedForAWhile) {
  LeafLoads loads;
  loads.OnRefused(3, {}, kStart);
  EXPECT_TRUE(loads.HasRefused(3, kStart));
  EXPECT_FALSE(loads.HasRefused(3, kStart + LeafLoads::kRefusalPause));
  EXPECT_FALSE(loads.IsEjected(3, kStart));
}

TEST(LeafLoads, TheFewWithMuchInFlightAreHot) {
  LeafLoads loads;
  for (LeafSlot leaf = 0; leaf < 10; ++leaf) loads.OnSent(leaf, leaf == 4 ? 100 : 10, kStart);
  EXPECT_FALSE(loads.IsCold(4, kStart));
  EXPECT_TRUE(loads.IsCold(5, kStart));
}

TEST(LeafLoads, TellsWhichShareOfTheLeavesIsSlow) {
  LeafLoads loads;
  for (LeafSlot leaf = 0; leaf < 4; ++leaf) Answer(loads, leaf, 20, leaf == 0 ? 4 : 1);
  EXPECT_DOUBLE_EQ(loads.SlowShare(kStart), 0.25);
}

}  // namespace
}  // namespace canopy
