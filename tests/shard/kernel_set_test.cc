// Set kernels of every level against CRoaring, on every pair of sets from kernel_sets.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <roaring/roaring.hh>
#include <vector>

#include "shard/cpu_level.h"
#include "shard/set_kernels.h"
#include "tests/shard/kernel_sets.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

Roaring ToRoaring(const std::vector<uint16_t>& array) {
  Roaring set;
  for (uint16_t doc : array) set.add(doc);
  return set;
}

std::vector<uint16_t> ToArray(const Roaring& set) {
  std::vector<uint16_t> array;
  for (uint32_t doc : set) array.push_back(static_cast<uint16_t>(doc));
  return array;
}

std::vector<uint64_t> ToBitset(const Roaring& set) { return NamedSet{"", ToArray(set)}.Bitset(); }

// Room for any result, with entries that tell when a kernel writes where it may not.
class Output {
 public:
  explicit Output(size_t size) : limit_(size + kArraySlack), entries_(limit_ + 16, kGuard) {}
  uint16_t* data() { return entries_.data(); }
  std::vector<uint16_t> First(size_t n) const { return {entries_.begin(), entries_.begin() + n}; }
  bool GuardsIntact() const {
    return std::all_of(entries_.begin() + limit_, entries_.end(),
                       [](uint16_t entry) { return entry == kGuard; });
  }

 private:
  static constexpr uint16_t kGuard = 0xABCD;
  size_t limit_;
  std::vector<uint16_t> entries_;
};

class SetKernelTest : public testing::TestWithParam<CpuLevel> {
 protected:
  SetKernelTest()
      : level_(GetParam()),
        kernels_(CurrentSetKernels()),
        random_(TestSeed(20240607)),
        sets_(KernelSets(random_)) {}

  ScopedCpuLevel level_;
  const SetKernels& kernels_;
  std::mt19937 random_;
  std::vector<NamedSet> sets_;
};

TEST_P(SetKernelTest, CountsAndListsOneBitset) {
  for (const NamedSet& set : sets_) {
    SCOPED_TRACE(set.name);
    const std::vector<uint64_t> words = set.Bitset();
    EXPECT_EQ(kernels_.count(words.data()), set.array.size());
    Output out(set.array.size());
    ASSERT_EQ(kernels_.to_array(words.data(), out.data()), set.array.size());
    EXPECT_EQ(out.First(set.array.size()), set.array);
    EXPECT_TRUE(out.GuardsIntact());
  }
}

TEST_P(SetKernelTest, CombinesTwoBitsets) {
  for (const NamedSet& a : sets_) {
    for (const NamedSet& b : sets_) {
      SCOPED_TRACE(a.name + " with " + b.name);
      const Roaring ra = ToRoaring(a.array), rb = ToRoaring(b.array);
      const std::vector<uint64_t> wa = a.Bitset(), wb = b.Bitset();
      const uint64_t* both[] = {wa.data(), wb.data()};
      std::vector<uint64_t> out(kBitsetWords, ~uint64_t{0});

      EXPECT_EQ(kernels_.and_count(both, 2), ra.and_cardinality(rb));
      EXPECT_EQ(kernels_.or_count(both, 2), ra.or_cardinality(rb));
      EXPECT_EQ(kernels_.and_into(both, 2, out.data()), ra.and_cardinality(rb));
      EXPECT_EQ(out, ToBitset(ra & rb));
      out = wa;
      kernels_.or_with(out.data(), wb.data());
      EXPECT_EQ(out, ToBitset(ra | rb));
      out = wa;
      kernels_.and_with(out.data(), wb.data());
      EXPECT_EQ(out, ToBitset(ra & rb));
      out = wa;
      kernels_.and_not_with(out.data(), wb.data());
      EXPECT_EQ(out, ToBitset(ra - rb));
    }
  }
}

TEST_P(SetKernelTest, CombinesAnArrayWithABitset) {
  for (const NamedSet& a : sets_) {
    for (const NamedSet& b : sets_) {
      SCOPED_TRACE(a.name + " with " + b.name);
      const Roaring ra = ToRoaring(a.array), rb = ToRoaring(b.array);
      const std::vector<uint64_t> wb = b.Bitset();
      const uint64_t* set = wb.data();
      const std::vector<uint16_t> in = ToArray(ra & rb), not_in = ToArray(ra - rb);

      EXPECT_EQ(kernels_.probe_count(a.array.data(), a.array.size(), &set, 1), in.size());
      Output out(a.array.size());
      ASSERT_EQ(kernels_.probe(a.array.data(), a.array.size(), &set, 1, out.data()), in.size());
      EXPECT_EQ(out.First(in.size()), in);
      ASSERT_EQ(kernels_.probe_not(a.array.data(), a.array.size(), set, out.data()), not_in.size());
      EXPECT_EQ(out.First(not_in.size()), not_in);
      EXPECT_TRUE(out.GuardsIntact());

      std::vector<uint64_t> words = wb;
      kernels_.set_bits(words.data(), a.array.data(), a.array.size());
      EXPECT_EQ(words, ToBitset(ra | rb));
    }
  }
}

TEST_P(SetKernelTest, IntersectsTwoArrays) {
  for (const NamedSet& a : sets_) {
    for (const NamedSet& b : sets_) {
      SCOPED_TRACE(a.name + " with " + b.name);
      const std::vector<uint16_t> both = ToArray(ToRoaring(a.array) & ToRoaring(b.array));
      EXPECT_EQ(
          kernels_.intersect_count(a.array.data(), a.array.size(), b.array.data(), b.array.size()),
          both.size());
      Output out(std::min(a.array.size(), b.array.size()));
      ASSERT_EQ(kernels_.intersect(a.array.data(), a.array.size(), b.array.data(), b.array.size(),
                                   out.data()),
                both.size());
      EXPECT_EQ(out.First(both.size()), both);
      EXPECT_TRUE(out.GuardsIntact());
    }
  }
}

TEST_P(SetKernelTest, CombinesManySets) {
  for (size_t n = 1; n <= 7; ++n) {
    SCOPED_TRACE(n);
    std::vector<std::vector<uint64_t>> words;
    std::vector<const uint64_t*> pointers;
    Roaring expected = ToRoaring(RandomSet(random_, 1.0).array), any;
    for (size_t i = 0; i < n; ++i) {
      const NamedSet set = RandomSet(random_, 0.7);
      words.push_back(set.Bitset());
      expected &= ToRoaring(set.array);
      any |= ToRoaring(set.array);
    }
    for (const auto& set : words) pointers.push_back(set.data());
    EXPECT_EQ(kernels_.and_count(pointers.data(), n), expected.cardinality());
    EXPECT_EQ(kernels_.or_count(pointers.data(), n), any.cardinality());
    const NamedSet probe = RandomSet(random_, 0.02);
    const std::vector<uint16_t> in = ToArray(ToRoaring(probe.array) & expected);
    EXPECT_EQ(kernels_.probe_count(probe.array.data(), probe.array.size(), pointers.data(), n),
              in.size());
    std::vector<uint16_t> in_place = probe.array;
    in_place.resize(in_place.size() + kArraySlack);
    ASSERT_EQ(
        kernels_.probe(in_place.data(), probe.array.size(), pointers.data(), n, in_place.data()),
        in.size());
    in_place.resize(in.size());
    EXPECT_EQ(in_place, in);
    // Into one of its own arguments.
    EXPECT_EQ(kernels_.and_into(pointers.data(), n, words[n - 1].data()), expected.cardinality());
    EXPECT_EQ(words[n - 1], ToBitset(expected));
  }
}

TEST_P(SetKernelTest, FindsRanksInArraysAndBitsets) {
  for (const NamedSet& set : sets_) {
    const std::vector<uint64_t> words = set.Bitset();
    std::vector<uint16_t> window_ranks;
    for (uint32_t w = 0; w < kWindowsPerChunk; ++w) {
      window_ranks.push_back(static_cast<uint16_t>(
          std::lower_bound(set.array.begin(), set.array.end(), w * kWindowDocs) -
          set.array.begin()));
    }
    for (const NamedSet& asked : sets_) {
      SCOPED_TRACE("ranks of " + asked.name + " in " + set.name);
      std::vector<uint32_t> expected;
      for (uint16_t doc : asked.array) {
        const auto at = std::lower_bound(set.array.begin(), set.array.end(), doc);
        const bool found = at != set.array.end() && *at == doc;
        expected.push_back(found ? 1000 + static_cast<uint32_t>(at - set.array.begin()) : kNoRank);
      }
      ContainerView view;
      view.first_rank = 1000;
      view.cardinality = static_cast<uint32_t>(set.array.size());
      view.bitset = words.data();
      std::vector<uint32_t> ranks(asked.array.size());
      const auto find = [&](const uint16_t* directory) {
        std::fill(ranks.begin(), ranks.end(), 0);
        kernels_.find_ranks(view, directory, asked.array.data(), asked.array.size(), ranks.data());
        return ranks;
      };
      EXPECT_EQ(find(window_ranks.data()), expected);
      view.bitset = nullptr;
      view.array = set.array.data();
      EXPECT_EQ(find(window_ranks.data()), expected);
      EXPECT_EQ(find(nullptr), expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, SetKernelTest, testing::ValuesIn(SupportedCpuLevels()),
                         [](const auto& info) { return CpuLevelName(info.param); });

}  // namespace
}  // namespace canopy
