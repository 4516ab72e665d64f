#include "leaf/service_model.h"

#include <gtest/gtest.h>

namespace canopy {
namespace {

TEST(ServiceModelTest, ExpectsNothingBeforeItHasSeenASearch) {
  const ServiceModel model;
  EXPECT_EQ(model.Expected(1'000'000), absl::ZeroDuration());
  EXPECT_EQ(model.MeanCost(), 1u);
}

TEST(ServiceModelTest, FindsTheFixedTimeAndTheTimeOfACost) {
  ServiceModel model;
  for (uint64_t cost = 1000; cost <= 50'000; cost += 1000) {
    model.Add(cost, absl::Microseconds(30) + cost * absl::Nanoseconds(2));
  }
  EXPECT_NEAR(model.fixed_ns(), 30'000, 1);
  EXPECT_NEAR(model.ns_per_cost(), 2, 1e-6);
  EXPECT_NEAR(absl::ToDoubleMicroseconds(model.Expected(100'000)), 230, 0.1);
}

TEST(ServiceModelTest, SearchesOfOneCostGiveTheirMean) {
  ServiceModel model;
  for (int i = 0; i < 100; ++i) model.Add(500, absl::Microseconds(i % 2 == 0 ? 10 : 30));
  EXPECT_EQ(model.MeanCost(), 500u);
  EXPECT_NEAR(absl::ToDoubleMicroseconds(model.Expected(500)), 20, 1);
}

TEST(ServiceModelTest, NeitherPartIsNegative) {
  ServiceModel falling, steep;
  for (uint64_t cost = 1; cost <= 50; ++cost) {
    falling.Add(cost, absl::Microseconds(100 - cost));  // by itself: less for more
    steep.Add(cost, absl::Microseconds(cost < 25 ? 0 : 100));
  }
  EXPECT_EQ(falling.ns_per_cost(), 0);
  EXPECT_GE(falling.Expected(1'000'000), absl::ZeroDuration());
  EXPECT_EQ(steep.fixed_ns(), 0);
  EXPECT_GT(steep.ns_per_cost(), 0);
}

TEST(ServiceModelTest, ForgetsWhatWasLongAgo) {
  ServiceModel model;
  for (int i = 0; i < 1000; ++i) model.Add(10, absl::Milliseconds(50));
  for (int i = 0; i < 8 * ServiceModel::kHalfLife; ++i) model.Add(10, absl::Milliseconds(1));
  EXPECT_LT(model.MeanTime(), absl::Milliseconds(1.3));
}

}  // namespace
}  // namespace canopy
