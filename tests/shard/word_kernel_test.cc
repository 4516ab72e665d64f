// Word kernels of every level against plain loops, and approximate scores against sums in double.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "shard/cpu_level.h"
#include "shard/word_kernels.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

// Bytes behind which nothing can be read.
class BytesAtTheEdge final {
 public:
  BytesAtTheEdge() : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    void* const pages =
        mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(pages, MAP_FAILED);
    begin_ = static_cast<uint8_t*>(pages);
    EXPECT_EQ(mprotect(begin_ + page_, page_, PROT_NONE), 0);
  }
  ~BytesAtTheEdge() { munmap(begin_, 2 * page_); }
  BytesAtTheEdge(const BytesAtTheEdge&) = delete;
  BytesAtTheEdge& operator=(const BytesAtTheEdge&) = delete;

  // Where `bytes` stand now; for as long as no others are put. REQUIRES: they fit a page.
  const uint8_t* Put(const std::vector<uint8_t>& bytes) {
    uint8_t* const at = begin_ + page_ - bytes.size();
    std::copy(bytes.begin(), bytes.end(), at);
    return at;
  }

 private:
  const size_t page_;
  uint8_t* begin_ = nullptr;
};

class WordKernelTest : public testing::TestWithParam<CpuLevel> {
 protected:
  WordKernelTest()
      : level_(GetParam()), kernels_(CurrentWordKernels()), random_(TestSeed(20240607)) {}

  double Uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  // One in three is 0.
  template <typename T>
  std::vector<T> RandomNumbers(size_t n, uint32_t limit) {
    std::vector<T> numbers(n);
    for (T& number : numbers) number = static_cast<T>(random_() % 3 == 0 ? 0 : random_() % limit);
    return numbers;
  }

  ScopedCpuLevel level_;
  const WordKernels& kernels_;
  std::mt19937 random_;
};

TEST_P(WordKernelTest, AddsBounds) {
  for (const uint16_t unit : {0, 1, 2, 77, 128, 200, 257}) {
    const auto bounds = RandomNumbers<uint8_t>(kWordsPerChunk, 256);
    const auto sums = RandomNumbers<uint16_t>(kWordsPerChunk, 65536 - 255 * unit);
    std::vector<uint16_t> all = sums, required = sums, optional = sums;
    kernels_.add_bounds(bounds.data(), unit, all.data());
    kernels_.add_required_bounds(bounds.data(), unit, required.data());
    kernels_.add_optional_bounds(bounds.data(), unit, optional.data());
    for (size_t word = 0; word < kWordsPerChunk; ++word) {
      const uint32_t sum = sums[word] + uint32_t{unit} * bounds[word];
      ASSERT_EQ(all[word], sum);
      ASSERT_EQ(required[word], sums[word] != 0 && bounds[word] != 0 ? sum : 0);
      ASSERT_EQ(optional[word], sums[word] != 0 ? sum : 0);
    }
  }
}

TEST_P(WordKernelTest, KeepsTheSmallestBounds) {
  const auto a = RandomNumbers<uint8_t>(kWordsPerChunk, 256);
  const auto b = RandomNumbers<uint8_t>(kWordsPerChunk, 256);
  std::vector<uint8_t> smallest = a;
  kernels_.min_bounds(b.data(), smallest.data());
  for (size_t word = 0; word < kWordsPerChunk; ++word) {
    ASSERT_EQ(smallest[word], std::min(a[word], b[word]));
  }
}

TEST_P(WordKernelTest, FindsTheLargestSumWhereverItIs) {
  EXPECT_EQ(kernels_.max_sum(nullptr, 0), 0);
  for (const size_t n : {1 * kWordsPerChunk, 3 * kWordsPerChunk}) {
    std::vector<uint16_t> sums(n);
    EXPECT_EQ(kernels_.max_sum(sums.data(), n), 0);
    for (size_t place = 0; place < n; place += 1 + random_() % 40) {
      const auto largest = static_cast<uint16_t>(1 + random_() % 65535);
      sums.assign(n, static_cast<uint16_t>(largest - 1));
      sums[place] = largest;
      ASSERT_EQ(kernels_.max_sum(sums.data(), n), largest);
    }
  }
}

TEST_P(WordKernelTest, MakesLevelsOfSums) {
  for (uint32_t shift = 0; shift <= 9; ++shift) {
    const auto sums = RandomNumbers<uint16_t>(2 * kWordsPerChunk, std::min(255u << shift, 65536u));
    std::vector<uint8_t> levels(sums.size());
    kernels_.make_levels(sums.data(), sums.size(), shift, levels.data());
    for (size_t word = 0; word < sums.size(); ++word) {
      ASSERT_EQ(levels[word], sums[word] == 0 ? 0 : 1 + (sums[word] >> shift));
    }
  }
}

// Calls `find(out)` with room for what it should find and no more.
template <typename Find>
void ExpectFound(const std::vector<uint32_t>& expected, const Find& find) {
  constexpr uint32_t kGuard = 0xABCDABCD;
  std::vector<uint32_t> out(expected.size() + 64, kGuard);
  ASSERT_EQ(find(out.data()), expected.size());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), out.begin()));
  EXPECT_TRUE(std::all_of(out.begin() + static_cast<ptrdiff_t>(expected.size()), out.end(),
                          [](uint32_t entry) { return entry == kGuard; }));
}

TEST_P(WordKernelTest, FindsLevels) {
  for (const uint32_t limit : {2u, 5u, 256u}) {
    const auto levels = RandomNumbers<uint8_t>(2 * kWordsPerChunk, limit);
    for (const uint8_t level : {0, 1, 2, 127, 128, 255}) {
      std::vector<uint32_t> expected;
      for (uint32_t word = 0; word < levels.size(); ++word) {
        if (levels[word] == level) expected.push_back(word);
      }
      ExpectFound(expected, [&](uint32_t* out) {
        return kernels_.find_level(levels.data(), levels.size(), level, out);
      });
    }
  }
}

TEST_P(WordKernelTest, FindsSums) {
  for (const uint32_t limit : {2u, 1000u, 65536u}) {
    const auto sums = RandomNumbers<uint16_t>(2 * kWordsPerChunk, limit);
    for (const uint16_t least : {1, 2, 500, 32767, 32768, 65535}) {
      std::vector<uint32_t> expected;
      for (uint32_t word = 0; word < sums.size(); ++word) {
        if (sums[word] >= least) expected.push_back(word);
      }
      ExpectFound(expected, [&](uint32_t* out) {
        return kernels_.find_sums(sums.data(), sums.size(), least, out);
      });
    }
  }
}

// A word to score, in a random place of a random window, and its documents' exact scores.
class WordToScore final {
 public:
  WordToScore(std::mt19937& random, size_t num_terms) : random_(random), norms_(RandomNorms()) {
    place_ = random_() % kWordsPerWindow;
    std::vector<uint8_t> codes(kWordDocs);
    for (uint8_t& code : codes) code = static_cast<uint8_t>(random_());
    codes_ = codes_at_the_edge_.Put(codes);
    for (size_t i = 0; i < num_terms; ++i) AddTerm(i);
    for (size_t n = random_() % 3 == 0 ? random_() % 100 : 0; n > 0; --n) AddPart();
    // At least what the terms after each can add to any document.
    double rest = 0;
    for (size_t i = num_terms; i-- > 0; rest += largest_parts_[i]) {
      terms_[i].rest = static_cast<float>(rest * (1 + 2 * static_cast<double>(kPartError)));
    }
  }

  uint64_t Score(const WordKernels& kernels, float least) const {
    const WordParts more{part_docs_.data(), parts_.data(), parts_.size()};
    return kernels.score_word(terms_.data(), num_terms_, place_, more, norms_, codes_, least);
  }
  const std::array<double, kWordDocs>& exact() const { return exact_; }

 private:
  static constexpr size_t kMaxTerms = 5;

  double Uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }

  std::array<float, 256> RandomNorms() {
    std::array<float, 256> norms;
    const bool has_none = random_() % 8 == 0;  // then every K is kSmallestNorm
    for (float& k : norms) k = has_none ? 0 : static_cast<float>(std::exp(Uniform(-2, 9)));
    return norms;
  }

  float RandomWeight() { return static_cast<float>(std::exp(Uniform(-5, 3))); }

  uint8_t RandomFrequency() {
    if (random_() % 40 == 0) return 255;
    return static_cast<uint8_t>(1 + random_() % (random_() % 4 == 0 ? 254 : 3));
  }

  uint64_t RandomBits() {
    const uint64_t a = random_(), b = random_(), c = random_(), d = random_();
    switch (random_() % 6) {
      case 0:
        return ~uint64_t{0};
      case 1:
        return 0;
      case 2:
        return uint64_t{1} << a % 64;
      case 3:
        return (a << 32 | b) & (c << 32 | d);
      default:
        return a << 32 | b;
    }
  }

  void AddTerm(size_t i) {
    ++num_terms_;
    std::vector<uint8_t> frequencies;
    for (size_t word = 0; word < kWordsPerWindow; ++word) {
      windows_[i][word] = RandomBits();
      for (int n = std::popcount(windows_[i][word]); n > 0; --n) {
        frequencies.push_back(RandomFrequency());
      }
    }
    const float weight = RandomWeight();
    terms_[i] = {windows_[i].data(), frequencies_at_the_edge_[i].Put(frequencies), weight, 0};
    size_t rank = 0;
    for (size_t word = 0; word < place_; ++word) rank += std::popcount(windows_[i][word]);
    for (uint64_t bits = windows_[i][place_]; bits != 0; bits &= bits - 1) {
      const int doc = std::countr_zero(bits);
      const double tf = frequencies[rank++], k = norms_.k[codes_[doc]];
      const double part = tf == 255 ? weight : weight * tf / (tf + k);
      exact_[doc] += part;
      largest_parts_[i] = std::max(largest_parts_[i], part);
    }
  }

  void AddPart() {
    part_docs_.push_back(static_cast<uint16_t>(random_()));
    parts_.push_back(RandomWeight());
    exact_[part_docs_.back() % kWordDocs] += parts_.back();
  }

  std::mt19937& random_;
  const NormTable norms_;
  size_t place_ = 0, num_terms_ = 0;
  std::array<std::array<uint64_t, kWordsPerWindow>, kMaxTerms> windows_;
  std::array<BytesAtTheEdge, kMaxTerms> frequencies_at_the_edge_;
  BytesAtTheEdge codes_at_the_edge_;
  const uint8_t* codes_ = nullptr;
  std::array<WordTerm, kMaxTerms> terms_;
  std::array<double, kMaxTerms> largest_parts_{};
  std::vector<uint16_t> part_docs_;
  std::vector<float> parts_;
  std::array<double, kWordDocs> exact_{};
};

// Documents closer to `least` than the parts' errors may be in or out.
void ExpectCandidates(const WordToScore& word, const WordKernels& kernels, double least) {
  const uint64_t found = word.Score(kernels, static_cast<float>(least));
  constexpr double kError = 2 * static_cast<double>(kPartError);
  for (size_t doc = 0; doc < kWordDocs; ++doc) {
    const double exact = word.exact()[doc];
    if (exact >= least * (1 + kError)) {
      EXPECT_TRUE(found >> doc & 1) << "document " << doc << " of " << exact << " for " << least;
    } else if (exact < least * (1 - kError)) {
      EXPECT_FALSE(found >> doc & 1) << "document " << doc << " of " << exact << " for " << least;
    }
  }
}

TEST_P(WordKernelTest, ScoresWords) {
  for (int round = 0; round < 1500; ++round) {
    SCOPED_TRACE(round);
    const WordToScore word(random_, round % 6);
    ExpectCandidates(word, kernels_, 1e-30);  // whoever has a posting
    const double highest = *std::max_element(word.exact().begin(), word.exact().end());
    for (const double share : {0.3, 0.7, 0.9, 0.99, 1.01}) {
      ExpectCandidates(word, kernels_, std::max(1e-30, highest * share));
    }
    const double some = word.exact()[random_() % kWordDocs];
    ExpectCandidates(word, kernels_, std::max(1e-30, some * Uniform(0.98, 1.02)));
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, WordKernelTest, testing::ValuesIn(SupportedCpuLevels()),
                         [](const auto& info) { return CpuLevelName(info.param); });

}  // namespace
}  // namespace canopy
