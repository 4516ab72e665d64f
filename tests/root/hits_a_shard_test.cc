#include "root/hits_a_shard.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace canopy {
namespace {

// The chance that one of the shards has more than m of k, counted.
double Counted(uint32_t k, uint32_t num_shards, uint32_t m) {
  constexpr int kDraws = 20000;
  std::mt19937_64 random(k * 1000 + num_shards);
  int more = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<uint32_t> of_shard(num_shards);
    bool has_more = false;
    for (uint32_t hit = 0; hit < k; ++hit) has_more |= ++of_shard[random() % num_shards] > m;
    more += has_more;
  }
  return static_cast<double>(more) / kDraws;
}

TEST(HitsAShard, IsAllOfThemForOneShardAndForFewHits) {
  EXPECT_EQ(HitsAShard(10, 1), 10u);
  EXPECT_EQ(HitsAShard(0, 16), 0u);
  EXPECT_EQ(HitsAShard(1, 16), 1u);
  EXPECT_EQ(HitsAShard(2, 16), 2u);
}

TEST(HitsAShard, IsEnoughButForOneQueryInAThousandAndNotMuchMore) {
  for (const uint32_t num_shards : {2, 4, 16, 100}) {
    for (const uint32_t k : {10, 100, 1000}) {
      const uint32_t m = HitsAShard(k, num_shards);
      SCOPED_TRACE(testing::Message() << k << " hits, " << num_shards << " shards: " << m);
      ASSERT_LE(m, k);
      EXPECT_LE(Counted(k, num_shards, m), 2 * kMoreHitsChance);
      EXPECT_GE(Counted(k, num_shards, m - 2), kMoreHitsChance);
    }
  }
}

TEST(HitsAShard, OfManyHitsIsLittleMoreThanTheMean) {
  EXPECT_LT(HitsAShard(10000, 10), 1200u);
  EXPECT_GT(HitsAShard(10000, 10), 1000u);
}

}  // namespace
}  // namespace canopy
