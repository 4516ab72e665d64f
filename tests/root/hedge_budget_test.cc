#include "root/hedge_budget.h"

#include <gtest/gtest.h>

namespace canopy {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();

int HedgesLeft(HedgeBudget& budget) {
  int hedges = 0;
  while (budget.TakeForHedge()) ++hedges;
  return hedges;
}

TEST(HedgeBudget, IsAShareOfThePrimaryCalls) {
  HedgeBudget budget(0.05);
  HedgesLeft(budget);
  for (int i = 0; i < 1000; ++i) budget.OnPrimaryCall(kStart + i * absl::Milliseconds(1));
  EXPECT_NEAR(HedgesLeft(budget), 50, 1);
}

TEST(HedgeBudget, NeverHoldsMoreThanTenSecondsPutIntoIt) {
  HedgeBudget budget(0.05);
  // 100 calls a second for ten minutes.
  for (int i = 0; i < 60'000; ++i) budget.OnPrimaryCall(kStart + i * absl::Milliseconds(10));
  EXPECT_LE(HedgesLeft(budget), 51);
}

TEST(HedgeBudget, ARetryMayBorrowAndIsPaidBackBeforeTheNextHedge) {
  HedgeBudget budget(0.05);
  HedgesLeft(budget);
  int retries = 0;
  while (budget.TakeForRetry()) ++retries;
  EXPECT_EQ(retries, static_cast<int>(HedgeBudget::kMinTokens));
  for (int i = 0; i < 200; ++i) budget.OnPrimaryCall(kStart);
  EXPECT_FALSE(budget.TakeForHedge());  // 10 borrowed, 10 earned
  for (int i = 0; i < 21; ++i) budget.OnPrimaryCall(kStart);
  EXPECT_TRUE(budget.TakeForHedge());
}

TEST(HedgeBudget, PatienceGrowsAsTheSecondHalfIsSpent) {
  HedgeBudget budget(0.05);  // ten tokens
  EXPECT_EQ(budget.Patience(), 1);
  for (int i = 0; i < 5; ++i) budget.TakeForHedge();
  EXPECT_EQ(budget.Patience(), 1);
  budget.TakeForHedge();
  EXPECT_NEAR(budget.Patience(), 1 + 7.0 / 5, 1e-9);
  HedgesLeft(budget);
  EXPECT_EQ(budget.Patience(), HedgeBudget::kMaxPatience);
}

TEST(HedgeBudget, OfNothingAllowsNothing) {
  HedgeBudget budget(0);
  for (int i = 0; i < 1000; ++i) budget.OnPrimaryCall(kStart);
  EXPECT_FALSE(budget.TakeForHedge());
  EXPECT_FALSE(budget.TakeForRetry());
}

TEST(HedgeBudget, HedgesThatFailEndHedgingUntilOthersDoWell) {
  HedgeBudget budget(0.05);
  for (int i = 0; i < 4; ++i) budget.OnHedgeFailed();
  EXPECT_FALSE(budget.hedges_fail());
  budget.OnHedgeFailed();
  EXPECT_TRUE(budget.hedges_fail());
  budget.OnHedgeAnswered();
  EXPECT_FALSE(budget.hedges_fail());
}

}  // namespace
}  // namespace canopy
