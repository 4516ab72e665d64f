#include "base/cancellation.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/manual_clock.h"

namespace canopy {
namespace {

TEST(Cancellation, WorkGoesOnUntilTheDeadline) {
  ManualClock clock;
  const Cancellation cancellation(clock, clock.Now() + absl::Milliseconds(5));
  EXPECT_FALSE(cancellation.ShouldStop());
  EXPECT_TRUE(cancellation.status().ok());
  clock.Advance(absl::Milliseconds(5));
  EXPECT_TRUE(cancellation.ShouldStop());
  EXPECT_FALSE(cancellation.cancelled());
  EXPECT_EQ(cancellation.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(Cancellation, CancelStopsBeforeTheDeadlineAndWinsOverIt) {
  ManualClock clock;
  Cancellation cancellation(clock, clock.Now() + absl::Seconds(1));
  cancellation.Cancel();
  EXPECT_TRUE(cancellation.ShouldStop());
  clock.Advance(absl::Seconds(2));
  EXPECT_EQ(cancellation.status().code(), absl::StatusCode::kCancelled);
}

TEST(Cancellation, WorkHadToStopAtTheFirstCancelOrAtTheDeadline) {
  ManualClock clock;
  const absl::Time start = clock.Now();
  Cancellation cancellation(clock, start + absl::Seconds(5));
  EXPECT_EQ(cancellation.stop_time(), start + absl::Seconds(5));
  clock.Advance(absl::Seconds(2));
  cancellation.Cancel();
  clock.Advance(absl::Seconds(2));
  cancellation.Cancel();
  EXPECT_EQ(cancellation.stop_time(), start + absl::Seconds(2));

  Cancellation late(clock, start + absl::Seconds(1));
  late.Cancel();
  EXPECT_EQ(late.stop_time(), start + absl::Seconds(1));
}

TEST(Cancellation, EveryCallbackRunsOnceHoweverOftenCancelIsCalled) {
  ManualClock clock;
  Cancellation cancellation(clock, absl::InfiniteFuture());
  int before = 0;
  int after = 0;
  cancellation.OnCancel([&before] { ++before; });
  EXPECT_EQ(before, 0);
  cancellation.Cancel();
  cancellation.Cancel();
  EXPECT_EQ(before, 1);
  cancellation.OnCancel([&after] { ++after; });
  EXPECT_EQ(after, 1);
}

TEST(Cancellation, CallbacksMayCallBackIntoIt) {
  ManualClock clock;
  Cancellation cancellation(clock, absl::InfiniteFuture());
  bool inner = false;
  cancellation.OnCancel([&] { cancellation.OnCancel([&inner] { inner = true; }); });
  cancellation.Cancel();
  EXPECT_TRUE(inner);
}

TEST(Cancellation, ARaceOfCancelAndOnCancelRunsEveryCallbackExactlyOnce) {
  ManualClock clock;
  for (int round = 0; round < 200; ++round) {
    Cancellation cancellation(clock, absl::InfiniteFuture());
    std::atomic<int> runs{0};
    std::thread registers([&] {
      for (int i = 0; i < 10; ++i) cancellation.OnCancel([&runs] { ++runs; });
    });
    cancellation.Cancel();
    registers.join();
    EXPECT_EQ(runs.load(), 10);
  }
}

}  // namespace
}  // namespace canopy
