#include "root/latency_estimates.h"

#include <gtest/gtest.h>

namespace canopy {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();

void Record(LatencyEstimates& estimates, CallKind kind, int count, absl::Duration latency,
            absl::Time now = kStart) {
  for (int i = 0; i < count; ++i) estimates.Record(kind, latency, /*censored=*/false, now);
}

// Within a bucket's width.
void ExpectNear(absl::Duration actual, absl::Duration expected) {
  EXPECT_GE(actual, expected);
  EXPECT_LE(actual, expected * 1.07 + absl::Microseconds(1));
}

TEST(LatencyEstimates, KnowsNothingOfFewSamples) {
  LatencyEstimates estimates;
  Record(estimates, {.shard = 1, .cost = 10}, 99, absl::Milliseconds(5));
  EXPECT_FALSE(estimates.Quantiles({.shard = 1, .cost = 10}, kStart).has_value());
  Record(estimates, {.shard = 1, .cost = 10}, 1, absl::Milliseconds(5));
  EXPECT_TRUE(estimates.Quantiles({.shard = 1, .cost = 10}, kStart).has_value());
}

TEST(LatencyEstimates, GivesQuantilesOfTheRecordedTimes) {
  LatencyEstimates estimates;
  for (int us = 1; us <= 1000; ++us) {
    estimates.Record({.shard = 3, .cost = 7}, absl::Microseconds(us), false, kStart);
  }
  const auto quantiles = estimates.Quantiles({.shard = 3, .cost = 7}, kStart);
  ASSERT_TRUE(quantiles.has_value());
  ExpectNear(quantiles->p50, absl::Microseconds(500));
  ExpectNear(quantiles->p95, absl::Microseconds(950));
  ExpectNear(quantiles->p99, absl::Microseconds(990));
}

TEST(LatencyEstimates, KeepsShardsAndCostClassesApart) {
  LatencyEstimates estimates;
  Record(estimates, {.shard = 0, .cost = 100}, 200, absl::Milliseconds(1));
  Record(estimates, {.shard = 1, .cost = 100}, 200, absl::Milliseconds(4));
  Record(estimates, {.shard = 0, .cost = 100'000}, 200, absl::Milliseconds(64));
  ExpectNear(estimates.Quantiles({.shard = 0, .cost = 120}, kStart)->p50, absl::Milliseconds(1));
  ExpectNear(estimates.Quantiles({.shard = 1, .cost = 100}, kStart)->p50, absl::Milliseconds(4));
  ExpectNear(estimates.Quantiles({.shard = 0, .cost = 70'000}, kStart)->p50,
             absl::Milliseconds(64));
}

TEST(LatencyEstimates, AShardWithFewSamplesIsKnownByItsCostClassAndAnUnknownCostByAll) {
  LatencyEstimates estimates;
  Record(estimates, {.shard = 0, .cost = 100}, 200, absl::Milliseconds(1));
  Record(estimates, {.shard = 0, .cost = 100'000}, 400, absl::Milliseconds(64));
  ExpectNear(estimates.Quantiles({.shard = 9, .cost = 100}, kStart)->p99, absl::Milliseconds(1));
  ExpectNear(estimates.Quantiles({.shard = 9, .cost = 0}, kStart)->p50, absl::Milliseconds(64));
  ExpectNear(estimates.Quantiles({.shard = 9, .cost = 1 << 30}, kStart)->p50,
             absl::Milliseconds(64));
}

// Half of the calls were hedged and cancelled at 10 ms. Had they been counted as ended, or left
// out, p95 would be 10 ms; they took longer.
TEST(LatencyEstimates, CancelledCallsDoNotLowerTheEstimate) {
  LatencyEstimates estimates;
  const CallKind kind = {.shard = 0, .cost = 1};
  Record(estimates, kind, 90, absl::Milliseconds(5));
  for (int i = 0; i < 100; ++i) estimates.Record(kind, absl::Milliseconds(10), true, kStart);
  Record(estimates, kind, 10, absl::Milliseconds(100));
  const auto quantiles = estimates.Quantiles(kind, kStart);
  ExpectNear(quantiles->p50, absl::Milliseconds(100));
  ExpectNear(quantiles->p95, absl::Milliseconds(100));
}

// Those that were cancelled would have ended as those did that went on for longer.
TEST(LatencyEstimates, CancelledCallsShareInWhatOthersTookAfterwards) {
  LatencyEstimates estimates;
  const CallKind kind = {.shard = 0, .cost = 1};
  Record(estimates, kind, 500, absl::Milliseconds(5));
  for (int i = 0; i < 400; ++i) estimates.Record(kind, absl::Milliseconds(10), true, kStart);
  Record(estimates, kind, 98, absl::Milliseconds(20));
  Record(estimates, kind, 2, absl::Milliseconds(100));
  ExpectNear(estimates.Quantiles(kind, kStart)->p95, absl::Milliseconds(20));
}

TEST(LatencyEstimates, WhatIsOnlyKnownToBeLongIsAtLeastThat) {
  LatencyEstimates estimates;
  const CallKind kind = {.shard = 0, .cost = 1};
  Record(estimates, kind, 60, absl::Milliseconds(5));
  for (int i = 0; i < 60; ++i) estimates.Record(kind, absl::Milliseconds(20), true, kStart);
  ExpectNear(estimates.Quantiles(kind, kStart)->p99, absl::Milliseconds(20));
}

TEST(LatencyEstimates, ForgetsWhatIsTwoWindowsOld) {
  LatencyEstimates estimates;
  const CallKind kind = {.shard = 0, .cost = 1};
  absl::Time now = kStart;
  Record(estimates, kind, 1000, absl::Milliseconds(100), now);
  now += LatencyEstimates::kWindow;
  Record(estimates, kind, 1000, absl::Milliseconds(1), now);
  ExpectNear(estimates.Quantiles(kind, now)->p99, absl::Milliseconds(100));
  now += LatencyEstimates::kWindow;
  Record(estimates, kind, 1000, absl::Milliseconds(1), now);
  ExpectNear(estimates.Quantiles(kind, now)->p99, absl::Milliseconds(1));
}

TEST(LatencyEstimates, FewSamplesAreKeptUntilThereAreMore) {
  LatencyEstimates estimates;
  const CallKind kind = {.shard = 0, .cost = 1};
  for (int i = 0; i < 100; ++i) {
    estimates.Record(kind, absl::Milliseconds(3), false, kStart + i * absl::Milliseconds(500));
  }
  EXPECT_TRUE(estimates.Quantiles(kind, kStart + absl::Seconds(50)).has_value());
  EXPECT_FALSE(estimates.Quantiles(kind, kStart + absl::Minutes(10)).has_value());
}

TEST(LatencyEstimates, AreBoundedInKinds) {
  LatencyEstimates estimates;
  for (ShardId shard = 0; shard < 3 * LatencyEstimates::kMaxKinds; ++shard) {
    estimates.Record({.shard = shard, .cost = 1}, absl::Milliseconds(2), false, kStart);
  }
  ExpectNear(estimates.Quantiles({.shard = 1, .cost = 1}, kStart)->p50, absl::Milliseconds(2));
}

}  // namespace
}  // namespace canopy
