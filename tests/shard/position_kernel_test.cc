// Position kernels of every level against plain decoding and plain sets.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "shard/cpu_level.h"
#include "shard/position_kernels.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

void AppendVarint(uint32_t value, std::vector<uint8_t>& bytes) {
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<uint8_t>(value | 0x80));
  bytes.push_back(static_cast<uint8_t>(value));
}

class PositionKernelTest : public testing::TestWithParam<CpuLevel> {
 protected:
  PositionKernelTest()
      : level_(GetParam()), kernels_(CurrentPositionKernels()), random_(TestSeed(20240607)) {}

  // Positions of one document, ascending, below 60,000, and their sums after those of an earlier
  // document.
  struct Document {
    std::vector<uint16_t> sums;
    PositionSlice slice;
  };
  Document MakeDocument(const std::set<uint16_t>& positions) {
    Document document;
    const auto base = static_cast<uint16_t>(random_());
    for (uint16_t p : positions) document.sums.push_back(static_cast<uint16_t>(base + p));
    document.slice = {document.sums.data(), static_cast<uint32_t>(document.sums.size()), base};
    return document;
  }
  std::set<uint16_t> RandomPositions(size_t n, uint16_t below) {
    std::set<uint16_t> positions;
    for (size_t i = 0; i < n; ++i) positions.insert(static_cast<uint16_t>(random_() % below));
    return positions;
  }

  ScopedCpuLevel level_;
  const PositionKernels& kernels_;
  std::mt19937 random_;
};

TEST_P(PositionKernelTest, DecodesNumbersOfEveryLength) {
  for (int round = 0; round < 400; ++round) {
    SCOPED_TRACE(round);
    const size_t n = random_() % 300;
    std::vector<uint8_t> bytes;
    std::vector<uint16_t> expected;
    uint16_t sum = 0;
    for (size_t i = 0; i < n; ++i) {
      // Mostly one byte, in some rounds two, sometimes up to five.
      uint32_t value = random_() % (round % 3 == 0 ? 128 : 16384);
      if (round % 5 == 0 && random_() % 20 == 0) value = static_cast<uint32_t>(random_());
      AppendVarint(value, bytes);
      sum = static_cast<uint16_t>(sum + value);
      expected.push_back(sum);
    }
    const size_t size = bytes.size();
    for (size_t extra = random_() % 80; extra > 0; --extra) bytes.push_back(0x85);
    std::vector<uint16_t> sums(n + kSumSlack);
    EXPECT_EQ(kernels_.decode_sums(bytes.data(), bytes.data() + bytes.size(), n, sums.data()),
              bytes.data() + size);
    sums.resize(n);
    EXPECT_EQ(sums, expected);
  }
}

TEST_P(PositionKernelTest, RefusesBytesThatEndEarly) {
  for (size_t n : {1u, 2u, 63u, 64u, 65u, 200u}) {
    std::vector<uint8_t> bytes(n, 0x01);
    std::vector<uint16_t> sums(n + 1 + kSumSlack);
    const uint8_t* const begin = bytes.data();
    EXPECT_EQ(kernels_.decode_sums(begin, begin + n, n + 1, sums.data()), nullptr);
    bytes.back() = 0x81;  // goes on, but there is no more
    EXPECT_EQ(kernels_.decode_sums(begin, begin + n, n, sums.data()), nullptr);
    EXPECT_EQ(kernels_.decode_sums(begin, begin + n, n - 1, sums.data()), begin + n - 1);
  }
}

TEST_P(PositionKernelTest, RefusesANumberWithoutEnd) {
  const std::vector<uint8_t> bytes(200, 0xFF);
  std::vector<uint16_t> sums(1 + kSumSlack);
  EXPECT_EQ(kernels_.decode_sums(bytes.data(), bytes.data() + bytes.size(), 1, sums.data()),
            nullptr);
}

TEST_P(PositionKernelTest, AddsFrequenciesUp) {
  for (size_t n = 0; n <= 128; ++n) {
    std::vector<uint8_t> bytes(n);
    std::vector<uint32_t> expected = {0};
    for (uint8_t& byte : bytes) {
      byte = static_cast<uint8_t>(1 + random_() % 254);
      expected.push_back(expected.back() + byte);
    }
    std::vector<uint32_t> starts(n + 1 + kSumSlack);
    ASSERT_TRUE(kernels_.add_frequencies(bytes.data(), n, starts.data()));
    starts.resize(n + 1);
    EXPECT_EQ(starts, expected);
    if (n == 0) continue;
    starts.resize(n + 1 + kSumSlack);
    bytes[random_() % n] = 255;
    EXPECT_FALSE(kernels_.add_frequencies(bytes.data(), n, starts.data()));
  }
}

TEST_P(PositionKernelTest, AddsNoFrequencyThatStandsForAnother) {
  for (size_t n = 0; n <= 128; ++n) {
    std::vector<uint8_t> bytes(n);
    uint32_t expected = 0;
    for (uint8_t& byte : bytes) {
      byte = static_cast<uint8_t>(1 + random_() % 254);
      expected += byte;
    }
    EXPECT_EQ(kernels_.sum_frequencies(bytes.data(), n), expected);
    if (n == 0) continue;
    bytes[random_() % n] = 255;
    EXPECT_EQ(kernels_.sum_frequencies(bytes.data(), n), kNoSum);
  }
}

TEST_P(PositionKernelTest, SkipsNumbers) {
  for (int round = 0; round < 300; ++round) {
    std::vector<uint8_t> bytes;
    std::vector<size_t> ends = {0};
    for (size_t n = random_() % 300; n > 0; --n) {
      AppendVarint(random_() % (round % 2 == 0 ? 200 : 100000), bytes);
      ends.push_back(bytes.size());
    }
    const uint8_t* const begin = bytes.data();
    const uint8_t* const end = begin + bytes.size();
    for (size_t i = 0; i < 20; ++i) {
      const size_t count = random_() % ends.size();
      EXPECT_EQ(kernels_.skip(begin, end, count), begin + ends[count]);
    }
    EXPECT_EQ(kernels_.skip(begin, end, ends.size()), nullptr);
  }
}

TEST_P(PositionKernelTest, FindsPairsAtADistance) {
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    const auto distance = static_cast<uint16_t>(round % 3 == 0 ? random_() % 12 : 1);
    std::vector<Document> documents;
    std::vector<PositionSlice> a, b;
    std::vector<uint32_t> expected;
    std::array<bool, 40> count_all{};
    for (size_t i = 0; i < count_all.size(); ++i) {
      const auto below = static_cast<uint16_t>(i % 4 == 0 ? 60000 : 20 + random_() % 400);
      const auto first = RandomPositions(random_() % (i % 7 == 0 ? 300 : 9), below);
      const auto second = RandomPositions(random_() % (i % 11 == 0 ? 300 : 9), below);
      uint32_t count = 0;
      for (uint16_t p : first)
        count += second.contains(static_cast<uint16_t>(p + distance)) ? 1 : 0;
      expected.push_back(count);
      count_all[i] = random_() % 2 == 0;
      documents.push_back(MakeDocument(first));
      a.push_back(documents.back().slice);
      documents.push_back(MakeDocument(second));
      b.push_back(documents.back().slice);
    }
    std::array<float, count_all.size()> counts;
    kernels_.count_pairs(a.data(), b.data(), a.size(), distance, count_all.data(), counts.data());
    for (size_t i = 0; i < a.size(); ++i) {
      SCOPED_TRACE(i);
      if (count_all[i]) {
        EXPECT_EQ(counts[i], static_cast<float>(expected[i]));
      } else {
        EXPECT_EQ(counts[i] != 0, expected[i] != 0);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, PositionKernelTest, testing::ValuesIn(SupportedCpuLevels()),
                         [](const auto& info) { return CpuLevelName(info.param); });

}  // namespace
}  // namespace canopy
