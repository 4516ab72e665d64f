#include "rpc/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;

TEST(EventLoopTest, FunctionsRunInTheOrderInWhichTheyArePosted) {
  EventLoop loop;
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(loop.Post([&order, i] { order.push_back(i); }));
  loop.Stop();
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST(EventLoopTest, AThreadOfItsOwnHandlesNoEvent) {
  EventLoop loop;
  EXPECT_FALSE(EventLoop::HandlesFirstEvent());
}

TEST(EventLoopTest, AFunctionPostedByAFunctionRuns) {
  EventLoop loop;
  absl::Notification ran;
  loop.Post([&] { loop.Post([&] { ran.Notify(); }); });
  ran.WaitForNotification();
}

TEST(EventLoopTest, FunctionsRunOnTheLoopsThread) {
  EventLoop loop;
  bool in_loop = false;
  loop.Post([&] { in_loop = loop.InLoop(); });
  loop.Stop();
  EXPECT_TRUE(in_loop);
  EXPECT_FALSE(loop.InLoop());
}

TEST(EventLoopTest, FunctionsPostedByManyThreadsAllRun) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  EventLoop loop;
  int count = 0;  // the loop's thread alone
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kEach; ++j) loop.Post([&count] { ++count; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  loop.Stop();
  EXPECT_EQ(count, kThreads * kEach);
}

TEST(EventLoopTest, TimersRunInTheOrderOfTheirTimes) {
  EventLoop loop;
  std::vector<int> order;
  absl::Notification last;
  const absl::Time now = loop.clock().Now();
  loop.RunAt(now + absl::Milliseconds(20), [&] {
    order.push_back(3);
    last.Notify();
  });
  loop.RunAt(now + absl::Milliseconds(5), [&] { order.push_back(1); });
  loop.RunAt(now + absl::Milliseconds(10), [&] { order.push_back(2); });
  last.WaitForNotification();
  loop.Stop();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(EventLoopTest, ATimerDoesNotRunBeforeItsTime) {
  EventLoop loop;
  absl::Notification ran;
  absl::Time ran_at;
  const absl::Time due = loop.clock().Now() + absl::Milliseconds(15);
  loop.RunAt(due, [&] {
    ran_at = loop.clock().Now();
    ran.Notify();
  });
  ran.WaitForNotification();
  EXPECT_GE(ran_at, due);
}

TEST(EventLoopTest, ATimerSetForThePastRuns) {
  EventLoop loop;
  absl::Notification ran;
  loop.RunAt(absl::InfinitePast(), [&] { ran.Notify(); });
  ran.WaitForNotification();
}

TEST(EventLoopTest, ACancelledTimerNeverRuns) {
  EventLoop loop;
  bool ran = false;
  absl::Notification later;
  loop.Post([&] {  // on the loop's thread, so that no timer runs meanwhile
    const absl::Time past = loop.clock().Now() - absl::Seconds(1);
    const EventLoop::Timer timer = loop.RunAt(past, [&] { ran = true; });
    EXPECT_TRUE(loop.CancelTimer(timer));
    EXPECT_FALSE(loop.CancelTimer(timer));
    loop.RunAt(past + absl::Milliseconds(1), [&] { later.Notify(); });
  });
  later.WaitForNotification();
  EXPECT_FALSE(ran);
}

TEST(EventLoopTest, TheTimerThatIsNoneCannotBeCancelled) {
  EventLoop loop;
  EXPECT_FALSE(loop.CancelTimer(EventLoop::Timer()));
}

TEST(EventLoopTest, AStoppedLoopRefusesFunctionsAndDropsTimers) {
  EventLoop loop;
  bool ran = false;
  loop.RunAfter(absl::Hours(1), [&] { ran = true; });
  loop.Stop();
  EXPECT_FALSE(loop.Post([&] { ran = true; }));
  loop.RunAfter(absl::ZeroDuration(), [&] { ran = true; });
  loop.Stop();
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace canopy
