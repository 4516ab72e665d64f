#include "text/byte_masks.h"

#include <bit>
#include <cctype>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/test_seed.h"
#include "tests/text/random_text.h"
#include "text/ascii_words.h"
#include "text/cut.h"

namespace canopy {
namespace {

TEST(ByteMasks, BitIIsByteI) {
  for (size_t i = 0; i < kBlockBytes; ++i) {
    ByteFlags flags = {};
    flags.flags[i] = 0xff;
    EXPECT_EQ(ToMask(flags), uint64_t{1} << i);
  }
}

TEST(ByteMasks, EveryByteIsClassifiedAndLowered) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string in(kBlockBytes, static_cast<char>(byte));
    char out[kBlockBytes];
    const auto all_if = [](bool condition) { return condition ? ~uint64_t{0} : 0; };
    const bool ascii = byte < 128;
    const bool letter = ascii && std::isalpha(byte);
    const bool digit = ascii && std::isdigit(byte);
    const char lower = static_cast<char>(ascii ? std::tolower(byte) : byte);
    EXPECT_EQ(LowerAlphanumeric(in.data(), out), all_if(letter || digit)) << byte;
    EXPECT_EQ(std::string(out, kBlockBytes), std::string(kBlockBytes, lower)) << byte;
    const AsciiClasses classes = LowerAndClassify(in.data(), out);
    EXPECT_EQ(std::string(out, kBlockBytes), std::string(kBlockBytes, lower)) << byte;
    EXPECT_EQ(classes.letters, all_if(letter)) << byte;
    EXPECT_EQ(classes.digits, all_if(digit)) << byte;
    EXPECT_EQ(classes.underscores, all_if(byte == '_')) << byte;
    EXPECT_EQ(classes.mid_letters, all_if(byte == '.' || byte == '\'')) << byte;
    EXPECT_EQ(classes.mid_numbers,
              all_if(byte == '.' || byte == '\'' || byte == ',' || byte == ';'))
        << byte;
  }
}

TEST(ByteMasks, BothWaysToMakeAMaskAgree) {
  std::mt19937_64 random(TestSeed(22));
  for (int round = 0; round < 10000; ++round) {
    ByteFlags flags;
    uint64_t expected = 0;
    for (size_t i = 0; i < kBlockBytes; ++i) {
      const bool set = random() % 2 == 0;
      flags.flags[i] = set ? 0xff : 0;
      expected |= uint64_t{set} << i;
    }
    ASSERT_EQ(ToMask(flags), expected);
    ASSERT_EQ(ToMaskPortably(flags), expected);
  }
}

TEST(RunFinder, FindsTheRunsThatABitByBitScanFinds) {
  std::mt19937_64 random(TestSeed(11));
  for (int round = 0; round < 2000; ++round) {
    // Sparse, dense and constant masks, so that runs begin, end and go on at the seams.
    std::vector<uint64_t> masks(1 + random() % 4);
    for (uint64_t& mask : masks) {
      const uint64_t kinds[] = {random(), random() & random() & random(), random() | random(), 0,
                                ~uint64_t{0}};
      mask = kinds[random() % 5];
    }
    std::vector<std::pair<size_t, size_t>> expected;
    const size_t bits = masks.size() * 64;
    for (size_t i = 0; i < bits; ++i) {
      if ((masks[i / 64] >> i % 64 & 1) == 0) continue;
      if (!expected.empty() && expected.back().second == i) {
        ++expected.back().second;
      } else {
        expected.emplace_back(i, i + 1);
      }
    }
    std::vector<std::pair<size_t, size_t>> found;
    const auto add = [&found](size_t begin, size_t end) { found.emplace_back(begin, end); };
    RunFinder runs;
    for (size_t i = 0; i < masks.size(); ++i) runs.Feed(masks[i], i * 64, add);
    runs.Finish(bits, add);
    ASSERT_EQ(found, expected);
  }
}

TEST(AsciiWords, AlphanumericRunsAreThoseOfAByteByByteScan) {
  std::mt19937 random(TestSeed(12));
  std::string buffer;
  for (int round = 0; round < 3000; ++round) {
    const std::string text =
        round % 2 == 0 ? RandomAscii(random, random() % 300) : RandomBytes(random, random() % 300);
    std::vector<std::string> expected(1);
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 128 && std::isalnum(byte)) {
        expected.back().push_back(static_cast<char>(std::tolower(byte)));
      } else if (!expected.back().empty()) {
        expected.emplace_back();
      }
    }
    if (expected.back().empty()) expected.pop_back();
    std::vector<std::string> found;
    ForEachAlphanumericRun(text, buffer, [&found](std::string_view w) { found.emplace_back(w); });
    ASSERT_EQ(found, expected);
  }
}

TEST(FindNonAscii, FindsTheFirstByteWhereverItStands) {
  for (size_t size = 0; size < 200; ++size) {
    std::string text(size, 'a');
    EXPECT_EQ(FindNonAscii(text, 0), size);
    for (size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      EXPECT_EQ(FindNonAscii(text, 0), at);
      EXPECT_EQ(FindNonAscii(text, at / 2), at);
      EXPECT_EQ(FindNonAscii(text, at + 1), size);
      text[at] = 'a';
    }
  }
}

TEST(CutPosition, IsNeverInsideACharacter) {
  const std::string text = "aé漢👍b";  // 1 + 2 + 3 + 4 + 1 bytes
  const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
  for (size_t limit = 1; limit < text.size(); ++limit) {
    EXPECT_EQ(CutPosition(text, limit), expected[limit]) << limit;
  }
}

TEST(CutPosition, InBytesWithoutAnyCharacterIsTheLimit) {
  EXPECT_EQ(CutPosition(std::string(10, '\x80'), 7), 7u);
}

}  // namespace
}  // namespace canopy
