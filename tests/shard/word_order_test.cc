// Bounds and the order of words: no bound is below what it bounds, no sum leaves 16 bits, and every
// word that can still matter comes once, the best first.
#include "shard/word_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shard/bound.h"
#include "shard/cpu_level.h"
#include "shard/scorer.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

double RandomMagnitude(std::mt19937& random, double low, double high) {
  return std::exp(std::uniform_real_distribution<double>(std::log(low), std::log(high))(random));
}

std::vector<float> RandomWeights(std::mt19937& random) {
  std::vector<float> weights(1 + random() % kMaxFlatTerms);
  for (float& weight : weights) {
    weight = random() % 8 == 0 ? 0 : static_cast<float>(RandomMagnitude(random, 1e-9, 1e5));
  }
  return weights;
}

TEST(BoundScale, SumsFitSixteenBits) {
  std::mt19937 random(TestSeed(20240607));
  for (int round = 0; round < 10000; ++round) {
    SCOPED_TRACE(round);
    const std::vector<float> weights = RandomWeights(random);
    const BoundScale scale(weights, RandomMagnitude(random, 1, 1e4));
    uint32_t sum = 0;
    for (size_t term = 0; term < weights.size(); ++term) {
      EXPECT_EQ(scale.Units(term) == 0, weights[term] == 0);
      sum += scale.Units(term) * 255;
    }
    EXPECT_LE(sum, 65535u);
  }
}

TEST(BoundScale, NoPartExceedsItsBound) {
  std::mt19937 random(TestSeed(20240607));
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    const double at_build = RandomMagnitude(random, 1, 1e4);
    const auto now = static_cast<float>(at_build * RandomMagnitude(random, 0.1, 1e4));
    const double growth = std::max(1.0, now / at_build) * (1 + 1e-6);
    const float k1 = round % 5 == 0 ? 0 : 1.2f, b = round % 3 == 0 ? 1 : 0.75f;
    const BoundTable table(at_build, k1, b);
    const LengthNorms norms = LengthNorms::Make(k1, b, now);
    const std::vector<float> weights = RandomWeights(random);
    const BoundScale scale(weights, growth);
    const size_t term = random() % weights.size();
    for (uint32_t code = 0; code < 256; ++code) {
      for (TermFrequency tf = 1; tf < 1 << 20; tf += tf < 300 ? 1 : tf / 16) {
        const uint32_t byte = BoundTable::Byte(table.Ratio(tf, static_cast<uint8_t>(code)));
        const float part = ScorePart(weights[term], static_cast<float>(tf), norms.k[code]);
        ASSERT_LE(RoundToFixed(part), scale.Score(scale.Units(term) * byte))
            << "tf " << tf << ", length code " << code;
      }
    }
  }
}

TEST(BoundScale, TheLeastSumIsTheFirstThatAllowsAScore) {
  const BoundScale scale(std::vector<float>{3, 0.1f}, 1);
  for (const FixedScore score : {0, 1, 1000, 1 << 20, 1 << 24, 3 << 24}) {
    const uint64_t least = scale.LeastSum(score);
    EXPECT_GE(least, 1u);
    EXPECT_GE(scale.Score(static_cast<uint32_t>(least)), score);
    if (least > 1) {
      EXPECT_LT(scale.Score(static_cast<uint32_t>(least - 1)), score);
    }
  }
}

using Sums = std::vector<uint16_t>;

// Sums of two chunks.
Sums MakeSums(const std::function<uint16_t(size_t)>& sum) {
  Sums sums(2 * kWordsPerChunk);
  for (size_t word = 0; word < sums.size(); ++word) sums[word] = sum(word);
  return sums;
}

std::map<std::string, Sums> AllSums(std::mt19937& random) {
  const auto random_below = [&](uint32_t limit) {
    return MakeSums([&, limit](size_t) { return static_cast<uint16_t>(random() % limit); });
  };
  return {{"none", MakeSums([](size_t) { return uint16_t{0}; })},
          {"one word", MakeSums([](size_t word) { return static_cast<uint16_t>(word == 1500); })},
          {"all the largest", MakeSums([](size_t) { return uint16_t{65535}; })},
          {"the largest alone",
           MakeSums([](size_t word) { return static_cast<uint16_t>(word == 0 ? 65535 : 1); })},
          {"three levels", random_below(3)},
          {"as many levels as there can be", random_below(255)},
          {"one level more", random_below(256)},
          {"wide levels", random_below(65536)},
          {"mostly no match", MakeSums([&](size_t) {
             return static_cast<uint16_t>(random() % 4 == 0 ? random() % 50000 : 0);
           })}};
}

class WordOrderTest : public testing::TestWithParam<CpuLevel> {
 protected:
  WordOrderTest()
      : level_(GetParam()), random_(TestSeed(20240607)), scale_(std::vector<float>{1}, 1) {}

  // Takes words while what is wanted rises by up to `rise` sums a level; returns their number of
  // levels.
  size_t ExpectAllThatMatter(const Sums& sums, uint32_t rise) {
    WordScratch scratch;
    scratch.Start(static_cast<uint32_t>(sums.size() / kWordsPerChunk));
    scratch.sums = sums;
    WordOrder order(scale_, scratch);
    std::set<uint32_t> seen;
    FixedScore least = 0;
    uint32_t last_smallest = 65536;
    size_t levels = 0;
    for (;; ++levels) {
      const absl::Span<const uint32_t> words = order.Next(least);
      if (words.empty()) break;
      EXPECT_TRUE(std::is_sorted(words.begin(), words.end()));
      uint32_t smallest = 65536;
      for (const uint32_t word : words) {
        EXPECT_TRUE(seen.insert(word).second) << "word " << word << " comes twice";
        EXPECT_EQ(order.Sum(word), sums[word]);
        EXPECT_LT(sums[word], last_smallest) << "word " << word << " comes late";
        smallest = std::min<uint32_t>(smallest, sums[word]);
      }
      last_smallest = smallest;
      if (rise != 0) least += scale_.Score(static_cast<uint32_t>(random_() % rise));
    }
    for (uint32_t word = 0; word < sums.size(); ++word) {
      if (sums[word] == 0) {
        EXPECT_FALSE(seen.contains(word)) << "word " << word << " matches nothing";
      } else if (scale_.Score(sums[word]) >= least) {
        EXPECT_TRUE(seen.contains(word)) << "word " << word << " is missing";
      }
    }
    return levels;
  }

  ScopedCpuLevel level_;
  std::mt19937 random_;
  const BoundScale scale_;
};

TEST_P(WordOrderTest, EveryWordThatMattersComesOnceTheBestFirst) {
  size_t most_levels = 0;
  for (const auto& [name, sums] : AllSums(random_)) {
    for (const uint32_t rise : {0u, 1u, 3u, 30u, 1000u, 20000u}) {
      SCOPED_TRACE(name + ", rising by up to " + std::to_string(rise));
      most_levels = std::max(most_levels, ExpectAllThatMatter(sums, rise));
    }
  }
  EXPECT_EQ(most_levels, 254u);  // far more than are looked for one by one
}

TEST_P(WordOrderTest, NothingComesWhenNoSumReachesTheLeast) {
  WordScratch scratch;
  scratch.Start(1);
  scratch.sums[7] = 40;
  WordOrder order(scale_, scratch);
  EXPECT_TRUE(order.Next(scale_.Score(41)).empty());
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, WordOrderTest, testing::ValuesIn(SupportedCpuLevels()),
                         [](const auto& info) { return CpuLevelName(info.param); });

}  // namespace
}  // namespace canopy
