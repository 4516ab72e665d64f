#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "gtest/gtest.h"

namespace canopy {
namespace {

TEST(ThreadPool, RunsEverythingBeforeItGoes) {
  std::atomic<int> runs{0};
  {
    ThreadPool pool({.name = "test", .threads = 3, .max_queued = 2});
    for (int i = 0; i < 100; ++i) pool.Submit([&runs] { ++runs; });
  }
  EXPECT_EQ(runs.load(), 100);
}

TEST(ThreadPool, TasksMayOwnWhatCannotBeCopied) {
  std::atomic<int> seen{0};
  ThreadPool pool({.name = "test"});
  pool.Submit([value = std::make_unique<int>(7), &seen] { seen = *value; });
  pool.WaitUntilIdle();
  EXPECT_EQ(seen.load(), 7);
}

TEST(ThreadPool, TrySubmitRefusesWhenTheQueueIsFull) {
  ThreadPool pool({.name = "test", .threads = 1, .max_queued = 2});
  absl::Notification started;
  absl::Notification finish;
  std::atomic<int> runs{0};
  pool.Submit([&] {
    started.Notify();
    finish.WaitForNotification();
  });
  started.WaitForNotification();
  EXPECT_TRUE(pool.TrySubmit([&runs] { ++runs; }));
  EXPECT_TRUE(pool.TrySubmit([&runs] { ++runs; }));
  EXPECT_FALSE(pool.TrySubmit([&runs] { runs += 100; }));
  EXPECT_EQ(pool.queued(), 2u);
  EXPECT_EQ(pool.running(), 1u);
  finish.Notify();
  pool.WaitUntilIdle();
  EXPECT_EQ(runs.load(), 2);
  EXPECT_EQ(pool.queued(), 0u);
  EXPECT_EQ(pool.running(), 0u);
}

TEST(ThreadPool, ATaskMayTryToSubmitMore) {
  ThreadPool pool({.name = "test", .threads = 1, .max_queued = 1});
  std::atomic<bool> inner{false};
  pool.Submit([&] { EXPECT_TRUE(pool.TrySubmit([&inner] { inner = true; })); });
  pool.WaitUntilIdle();
  EXPECT_TRUE(inner.load());
}

TEST(ThreadPool, WhatATaskHoldsIsGoneWhenThePoolIsIdle) {
  ThreadPool pool({.name = "test"});
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  pool.Submit([held = std::move(held)] {});
  pool.WaitUntilIdle();
  EXPECT_TRUE(watch.expired());
}

TEST(ParallelFor, CallsEveryIndexOnce) {
  for (const size_t threads : {1u, 2u, 5u, 100u}) {
    std::vector<std::atomic<int>> calls(37);
    EXPECT_TRUE(ParallelFor(threads, calls.size(), [&calls](size_t i) {
                  ++calls[i];
                  return absl::OkStatus();
                }).ok());
    EXPECT_TRUE(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
  }
}

TEST(ParallelFor, OfNothingIsOk) {
  EXPECT_TRUE(ParallelFor(4, 0, [](size_t) { return absl::InternalError("called"); }).ok());
}

TEST(ParallelFor, StopsAtAnErrorAndReturnsThatOfTheSmallestIndex) {
  std::atomic<size_t> calls{0};
  const absl::Status status = ParallelFor(1, 1000, [&calls](size_t i) {
    ++calls;
    return i >= 10 ? absl::InternalError(Concat("index ", i)) : absl::OkStatus();
  });
  EXPECT_EQ(status, absl::InternalError("index 10"));
  EXPECT_EQ(calls.load(), 11u);
  // Both of two threads are inside when they fail.
  absl::Notification other;
  const absl::Status both = ParallelFor(2, 2, [&other](size_t i) {
    if (i == 0) {
      other.WaitForNotification();
    } else {
      other.Notify();
    }
    return absl::InternalError(Concat("index ", i));
  });
  EXPECT_EQ(both, absl::InternalError("index 0"));
}

}  // namespace
}  // namespace canopy
