#include "base/histogram.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace canopy {
namespace {

TEST(Histogram, EmptyIsAllZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  EXPECT_EQ(histogram.mean(), 0.0);
  EXPECT_EQ(histogram.Quantile(0.5), 0u);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (uint64_t value = 0; value < 128; ++value) histogram.Record(value);
  for (uint64_t value = 0; value < 128; ++value) {
    EXPECT_EQ(histogram.Quantile(static_cast<double>(value + 1) / 128), value);
  }
  EXPECT_EQ(histogram.mean(), 63.5);
}

TEST(Histogram, EveryValueIsWithinTheErrorItPromises) {
  static_assert(Histogram::kMaxRelativeError < 0.01);
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t part : {0u, 1u, 37u, 63u, 64u, 100u, 127u}) {
      const uint64_t low = uint64_t{1} << bit;
      const uint64_t value = low + low / 128 * part + part % 2;
      Histogram histogram;
      histogram.Record(0);
      histogram.Record(value);
      histogram.Record(UINT64_MAX);  // else the exact maximum would be the answer
      const double found = static_cast<double>(histogram.Quantile(0.6));
      const double exact = static_cast<double>(value);
      EXPECT_LE(std::abs(found - exact), Histogram::kMaxRelativeError * exact) << value;
    }
  }
}

TEST(Histogram, QuantilesAgreeWithSortedValues) {
  constexpr uint32_t kSeed = 3;
  std::mt19937_64 random(kSeed);
  std::lognormal_distribution<double> latency(8, 2);
  Histogram histogram;
  std::vector<uint64_t> values;
  for (int i = 0; i < 20000; ++i) {
    values.push_back(static_cast<uint64_t>(latency(random)));
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size())));
    const double exact = static_cast<double>(values[rank - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.Quantile(q)), exact,
                exact * Histogram::kMaxRelativeError)
        << q << " seed " << kSeed;
  }
  EXPECT_EQ(histogram.Quantile(0), values.front());
  EXPECT_EQ(histogram.Quantile(1), values.back());
  EXPECT_EQ(histogram.min(), values.front());
  EXPECT_EQ(histogram.max(), values.back());
}

TEST(Histogram, MergingIsRecordingEverythingInOne) {
  Histogram one;
  Histogram left;
  Histogram right;
  for (uint64_t value = 1; value < 100000; value += 7) {
    one.Record(value);
    (value % 2 == 0 ? left : right).Record(value);
  }
  left.Merge(right);
  left.Merge(Histogram());
  EXPECT_EQ(left.count(), one.count());
  EXPECT_EQ(left.sum(), one.sum());
  EXPECT_EQ(left.min(), one.min());
  EXPECT_EQ(left.max(), one.max());
  for (double q = 0; q <= 1; q += 0.01) EXPECT_EQ(left.Quantile(q), one.Quantile(q));
}

TEST(Histogram, ManyRecordsAtOnceCountAsMany) {
  Histogram histogram;
  histogram.RecordMany(10, 99);
  histogram.RecordMany(20, 1);
  histogram.RecordMany(30, 0);
  EXPECT_EQ(histogram.count(), 100u);
  EXPECT_EQ(histogram.Quantile(0.99), 10u);
  EXPECT_EQ(histogram.Quantile(0.991), 20u);
  EXPECT_EQ(histogram.max(), 20u);
}

TEST(Histogram, ShareAboveCountsWhatIsLarger) {
  Histogram histogram;
  EXPECT_EQ(histogram.ShareAbove(0), 0);
  for (const uint64_t value : {1, 2, 3, 4}) histogram.Record(value);
  EXPECT_EQ(histogram.ShareAbove(0), 1);
  EXPECT_EQ(histogram.ShareAbove(3), 0.25);
  EXPECT_EQ(histogram.ShareAbove(4), 0);
  EXPECT_EQ(histogram.ShareAbove(UINT64_MAX), 0);
}

}  // namespace
}  // namespace canopy
