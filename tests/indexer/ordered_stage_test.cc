#include "indexer/ordered_stage.h"

#include <atomic>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace canopy {
namespace {

TEST(OrderedStageTest, ItemsAreConsumedInOrderWhateverOrderTheyComeIn) {
  std::vector<int> consumed;
  OrderedStage<int> stage(10, [&](int item) {
    consumed.push_back(item);
    return absl::OkStatus();
  });
  EXPECT_EQ(stage.Put(2, 2), absl::OkStatus());
  EXPECT_EQ(stage.Put(1, 1), absl::OkStatus());
  EXPECT_TRUE(consumed.empty());
  EXPECT_EQ(stage.Put(0, 0), absl::OkStatus());
  EXPECT_EQ(consumed, std::vector<int>({0, 1, 2}));
  EXPECT_EQ(stage.Put(3, 3), absl::OkStatus());
  EXPECT_EQ(consumed.size(), 4);
}

TEST(OrderedStageTest, ManyThreadsNeverRunFurtherAheadThanTheWindow) {
  constexpr uint64_t kItems = 2000;
  constexpr uint64_t kWindow = 5;
  std::vector<uint64_t> consumed;
  std::atomic<uint64_t> next{0};
  std::atomic<uint64_t> done{0};
  std::atomic<bool> ran_ahead{false};
  OrderedStage<uint64_t> stage(kWindow, [&](uint64_t item) {
    consumed.push_back(item);
    done = item + 1;
    return absl::OkStatus();
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (uint64_t item = next++; item < kItems; item = next++) {
        EXPECT_EQ(stage.WaitForRoom(item), absl::OkStatus());
        // `done` is set before the stage counts the item as consumed.
        if (item >= done + kWindow) ran_ahead = true;
        EXPECT_EQ(stage.Put(item, item), absl::OkStatus());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint64_t> expected(kItems);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(consumed, expected);
  EXPECT_FALSE(ran_ahead);
}

TEST(OrderedStageTest, AnErrorOfTheConsumerEndsTheStageForEveryone) {
  int consumed = 0;
  OrderedStage<int> stage(2, [&](int item) {
    ++consumed;
    return item == 1 ? absl::DataLossError("broken") : absl::OkStatus();
  });
  EXPECT_EQ(stage.Put(0, 0), absl::OkStatus());
  std::thread waiter([&] { EXPECT_TRUE(absl::IsDataLoss(stage.WaitForRoom(100))); });
  EXPECT_EQ(stage.Put(2, 2), absl::OkStatus());
  EXPECT_TRUE(absl::IsDataLoss(stage.Put(1, 1)));
  waiter.join();
  EXPECT_TRUE(absl::IsDataLoss(stage.Put(3, 3)));
  EXPECT_TRUE(absl::IsDataLoss(stage.status()));
  EXPECT_EQ(consumed, 2);
}

TEST(OrderedStageTest, FailWakesThoseWhoWaitAndTheFirstErrorStays) {
  OrderedStage<int> stage(1, [](int) { return absl::OkStatus(); });
  std::thread waiter([&] { EXPECT_TRUE(absl::IsAborted(stage.WaitForRoom(1))); });
  stage.Fail(absl::AbortedError("first"));
  waiter.join();
  stage.Fail(absl::InternalError("second"));
  EXPECT_TRUE(absl::IsAborted(stage.status()));
}

}  // namespace
}  // namespace canopy
