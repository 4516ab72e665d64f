#include "text/byte_cache.h"

#include <map>
#include <random>
#include <string>

#include "base/strings.h"
#include "gtest/gtest.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

TEST(ByteCache, GivesBackWhatWasPut) {
  ByteCache<64, 8, 8> cache;
  EXPECT_EQ(cache.Get("key"), std::nullopt);
  cache.Put("key", "value");
  EXPECT_EQ(cache.Get("key"), "value");
  cache.Put("key", "");
  EXPECT_EQ(cache.Get("key"), "");
}

TEST(ByteCache, KeysAndValuesThatAreTooLongAreNotKept) {
  ByteCache<64, 8, 8> cache;
  cache.Put("12345678", "12345678");
  EXPECT_EQ(cache.Get("12345678"), "12345678");
  cache.Put("123456789", "x");
  EXPECT_EQ(cache.Get("123456789"), std::nullopt);
  cache.Put("k", "123456789");
  EXPECT_EQ(cache.Get("k"), std::nullopt);
}

TEST(ByteCache, AnEmptyKeyIsNeverThere) {
  ByteCache<1, 8, 8> cache;
  EXPECT_EQ(cache.Get(""), std::nullopt);
  cache.Put("", "x");
  EXPECT_EQ(cache.Get(""), std::nullopt);
}

TEST(ByteCache, MayForgetButNeverGivesAnotherKeysValue) {
  std::mt19937 random(TestSeed(13));
  ByteCache<16, 8, 8> cache;
  std::map<std::string, std::string> all;
  size_t hits = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::string key = Concat(random() % 40);
    if (random() % 2 == 0) {
      all[key] = Concat(random() % 1000);
      cache.Put(key, all[key]);
    } else if (const auto found = cache.Get(key)) {
      ASSERT_EQ(*found, all[key]);
      ++hits;
    }
  }
  EXPECT_GT(hits, 1000u);
}

}  // namespace
}  // namespace canopy
