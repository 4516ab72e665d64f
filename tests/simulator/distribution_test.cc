// Random numbers and the distributions that are made of them.
#include "simulator/distribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace canopy {
namespace {

std::vector<double> Samples(const Distribution& distribution, size_t count = 40'000) {
  Random random(7);
  std::vector<double> samples;
  for (size_t i = 0; i < count; ++i) samples.push_back(distribution.Sample(random));
  std::sort(samples.begin(), samples.end());
  return samples;
}
double Mean(const std::vector<double>& samples) {
  double sum = 0;
  for (double sample : samples) sum += sample;
  return sum / static_cast<double>(samples.size());
}
double Quantile(const std::vector<double>& samples, double q) {
  return samples[static_cast<size_t>(q * static_cast<double>(samples.size()))];
}

TEST(RandomTest, GivesTheSameNumbersEverywhere) {
  Random random(1);
  EXPECT_EQ(random.Next(), 0x910A2DEC89025CC1u);
  EXPECT_EQ(random.Next(), 0xBEEB8DA1658EEC67u);
}

TEST(RandomTest, PathsGiveGeneratorsThatHaveNothingInCommon) {
  EXPECT_EQ(Random(1, {2, 3}).Next(), Random(1, {2, 3}).Next());
  EXPECT_NE(Random(1, {2, 3}).Next(), Random(1, {3, 2}).Next());
  EXPECT_NE(Random(1, {2, 3}).Next(), Random(2, {2, 3}).Next());
  EXPECT_NE(Random(1, {0}).Next(), Random(1, {0, 0}).Next());
}

TEST(DistributionTest, AFixedOneIsAlwaysItsValue) {
  Random random(1);
  EXPECT_EQ(Distribution::Fixed(3).Sample(random), 3);
  EXPECT_EQ(Distribution::Fixed(3).Mean(), 3);
}

TEST(DistributionTest, ALognormalHasItsMedianSpreadAndMean) {
  const Distribution distribution = Distribution::Lognormal(5, 0.8);
  const std::vector<double> samples = Samples(distribution);
  EXPECT_NEAR(Quantile(samples, 0.5), 5, 0.15);
  EXPECT_NEAR(std::log(Quantile(samples, 0.8413) / 5), 0.8, 0.03);
  EXPECT_NEAR(Mean(samples), distribution.Mean(), 0.15);
}

TEST(DistributionTest, AnExponentialHasItsMeanAndTail) {
  const std::vector<double> samples = Samples(Distribution::Exponential(50));
  EXPECT_NEAR(Mean(samples), 50, 1.5);
  EXPECT_NEAR(Quantile(samples, 0.99), 50 * std::log(100), 12);
}

TEST(DistributionTest, MeasuredBucketsAreDrawnAsOftenAsTheyWereSeen) {
  const Distribution distribution = Distribution::Measured(
      {{.low = 10, .high = 20, .count = 1}, {.low = 0, .high = 1, .count = 3}});
  const std::vector<double> samples = Samples(distribution);
  EXPECT_NEAR(Quantile(samples, 0.375), 0.5, 0.02);
  EXPECT_LT(Quantile(samples, 0.74), 1);
  EXPECT_GE(Quantile(samples, 0.76), 10);
  EXPECT_NEAR(distribution.Mean(), 0.25 * 15 + 0.75 * 0.5, 1e-9);
}

TEST(DistributionTest, ScalesEveryKind) {
  for (const Distribution& distribution :
       {Distribution::Fixed(4), Distribution::Lognormal(4, 0.5), Distribution::Exponential(4),
        Distribution::MeasuredValues({1, 4, 9})}) {
    Random one(3), other(3);
    EXPECT_DOUBLE_EQ(distribution.Scaled(2.5).Sample(one), 2.5 * distribution.Sample(other));
    EXPECT_DOUBLE_EQ(distribution.Scaled(2.5).Mean(), 2.5 * distribution.Mean());
  }
}

TEST(DistributionTest, ReadsTimesAsTheyAreWritten) {
  EXPECT_DOUBLE_EQ(ParseTimeDistribution("5ms")->Mean(), 5e6);
  EXPECT_DOUBLE_EQ(ParseTimeDistribution("5ms:0.8")->Mean(), 5e6 * std::exp(0.32));
  EXPECT_DOUBLE_EQ(ParseTimeDistribution("exp:50ms")->Mean(), 5e7);
  EXPECT_DOUBLE_EQ(ParseTimeBuckets("# us\n0 100 1\n\n100 200 3  # most\n")->Mean(), 125e3);
}

TEST(DistributionTest, RefusesWhatIsNoDistribution) {
  for (const char* text :
       {"", "5", "5ms:", "5ms:x", "5ms:-1", "5ms:9", "-5ms", "5ms:1:1", "exp:x"}) {
    EXPECT_FALSE(ParseTimeDistribution(text).ok()) << text;
  }
  for (const char* text : {"", "1 2", "2 1 1", "1 2 -1", "-1 2 1", "1 2 0", "a 2 1"}) {
    EXPECT_FALSE(ParseTimeBuckets(text).ok()) << text;
  }
  EXPECT_EQ(ParseTimeBuckets("1 2 1\n1 2\n").status().message(),
            "line 2: not LOW HIGH COUNT but 2 words");
}

}  // namespace
}  // namespace canopy
