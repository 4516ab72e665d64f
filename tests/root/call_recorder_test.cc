#include "root/call_recorder.h"

#include <gtest/gtest.h>

#include "tests/root/fake_collection.h"

namespace canopy {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);
constexpr LeafIndex kLeaf = 1;

class CallRecorderTest : public ::testing::Test {
 protected:
  // A call that took so long, under the cost of its kind.
  LeafCall Call(absl::Duration took, v1::AttemptKind kind = v1::ATTEMPT_KIND_PRIMARY) {
    LeafCall call{.leaf = kLeaf, .kind = kind, .shards = {2}, .sent = kStart};
    call.cost = call.assumed_cost = 10;
    call.ended = kStart + took;
    call.outcome = v1::ATTEMPT_OUTCOME_WON;
    return call;
  }
  void Answer(int calls, absl::Duration took) {
    for (int i = 0; i < calls; ++i) {
      recorder_.Started(Call(took));
      recorder_.Answered(Call(took), {});
    }
  }
  uint64_t InFlight() { return steering_.loads.InFlight(kLeaf, kStart + absl::Minutes(1)); }

  const std::shared_ptr<ClusterView> view_ = FakeCluster(FakeCollection({}).info());
  Steering steering_;
  CallRecorder recorder_{*view_, steering_, steering_.search_latency};
};

TEST_F(CallRecorderTest, HoweverACallEndsItIsNoLongerInFlight) {
  const LeafCall call = Call(absl::Milliseconds(1));
  recorder_.Started(call);
  EXPECT_EQ(InFlight(), 10u);
  recorder_.Answered(call, {});
  EXPECT_EQ(InFlight(), 0u);
  recorder_.Started(call);
  recorder_.Cancelled(call);
  EXPECT_EQ(InFlight(), 0u);
  for (const absl::Status& why : {absl::UnavailableError(""), absl::ResourceExhaustedError("")}) {
    recorder_.Started(call);
    recorder_.Failed(call, why, kStart + absl::Seconds(1));
    EXPECT_EQ(InFlight(), 0u) << why;
  }
}

// Had the cancelled ones ended when they were cancelled, 95 % would have taken 8 ms at most.
TEST_F(CallRecorderTest, ACancelledCallIsOneThatTookAtLeastSoLong) {
  Answer(1000, absl::Milliseconds(2));
  for (int i = 0; i < 1000; ++i) {
    recorder_.Started(Call(absl::Milliseconds(8)));
    recorder_.Cancelled(Call(absl::Milliseconds(8)));
  }
  Answer(70, absl::Milliseconds(40));
  const auto usual =
      steering_.search_latency.Quantiles({.shard = 2, .cost = 10}, kStart + absl::Seconds(1));
  ASSERT_TRUE(usual.has_value());
  EXPECT_GE(usual->p95, absl::Milliseconds(40));
}

TEST_F(CallRecorderTest, AFailureIsAsSlowAsTheDeadlineAndNoSampleOfLatency) {
  Answer(120, absl::Milliseconds(2));
  for (int i = 0; i < 20; ++i) {
    recorder_.Started(Call(absl::Microseconds(50)));
    recorder_.Failed(Call(absl::Microseconds(50)), absl::UnavailableError("refused"),
                     kStart + absl::Milliseconds(100));
  }
  EXPECT_GT(steering_.loads.Slowness(kLeaf, kStart + absl::Seconds(1)).value(), 40);
  EXPECT_TRUE(steering_.loads.IsEjected(kLeaf, kStart + absl::Milliseconds(100)));
  EXPECT_LT(steering_.search_latency.Quantiles({.shard = 2, .cost = 10}, kStart)->p99,
            absl::Milliseconds(3));
}

TEST_F(CallRecorderTest, OnlySearchesOfTheFirstKindFillTheBudget) {
  while (steering_.budget.TakeForHedge()) {
  }
  const double empty = steering_.budget.tokens();
  for (const auto kind : {v1::ATTEMPT_KIND_HEDGE, v1::ATTEMPT_KIND_RETRY, v1::ATTEMPT_KIND_FETCH}) {
    recorder_.Started(Call(absl::Milliseconds(1), kind));
  }
  EXPECT_EQ(steering_.budget.tokens(), empty);
  recorder_.Started(Call(absl::Milliseconds(1)));
  EXPECT_GT(steering_.budget.tokens(), empty);
}

}  // namespace
}  // namespace canopy
