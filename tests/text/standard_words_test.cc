#include "text/standard_words.h"

#include <unicode/normalizer2.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/test_seed.h"
#include "tests/text/random_text.h"
#include "text/analyzer.h"

namespace canopy {
namespace {

using Words = std::vector<std::string>;

class StandardWordsTest : public ::testing::Test {
 protected:
  Words Fast(std::string_view text) {
    Words words;
    fast_->ForEach(
        text, [&words](std::string_view w) { words.emplace_back(w); }, fast_counters_);
    return words;
  }
  Words Slow(std::string_view text) {
    Words words;
    slow_->ForEach(
        text, [&words](std::string_view w) { words.emplace_back(w); }, slow_counters_);
    return words;
  }

  std::unique_ptr<StandardWords> fast_ = *StandardWords::Create();
  std::unique_ptr<UnicodeWords> slow_ = *UnicodeWords::Create();
  AnalyzerCounters fast_counters_;
  AnalyzerCounters slow_counters_;
};

TEST_F(StandardWordsTest, AsciiTextGivesWhatIcuGives) {
  std::mt19937 random(TestSeed(16));
  size_t characters = 0;
  while (characters < 4'000'000) {
    const std::string text = RandomAscii(random, random() % 2000);
    characters += text.size();
    ASSERT_EQ(Fast(text), Slow(text)) << text;
  }
  EXPECT_EQ(fast_counters_, slow_counters_);
}

TEST_F(StandardWordsTest, EveryShortAsciiTextOfEveryClassGivesWhatIcuGives) {
  constexpr std::string_view kOfEachClass = "aZ9_.',;:\"@- \n\r";
  constexpr size_t kLength = 4;
  std::string text(kLength, ' ');
  size_t texts = 1;
  for (size_t i = 0; i < kLength; ++i) texts *= kOfEachClass.size();
  for (size_t number = 0; number < texts; ++number) {
    size_t rest = number;
    for (char& c : text) {
      c = kOfEachClass[rest % kOfEachClass.size()];
      rest /= kOfEachClass.size();
    }
    ASSERT_EQ(Fast(text), Slow(text)) << text;
  }
}

TEST_F(StandardWordsTest, TextOfAllKindsGivesWhatIcuGives) {
  std::mt19937 random(TestSeed(17));
  size_t bytes = 0;
  while (bytes < 2'000'000) {
    const std::string text = RandomUnicode(random, random() % 300);
    bytes += text.size();
    ASSERT_EQ(Fast(text), Slow(text)) << text;
  }
  EXPECT_EQ(fast_counters_, slow_counters_);
}

TEST_F(StandardWordsTest, IllFormedTextGivesWhatIcuGives) {
  std::mt19937 random(TestSeed(18));
  for (int round = 0; round < 5000; ++round) {
    std::string text = random() % 4 == 0 ? RandomBytes(random, random() % 200)
                                         : RandomUnicode(random, random() % 200);
    for (int i = 0; i < 4 && !text.empty(); ++i) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    ASSERT_EQ(Fast(text), Slow(text)) << text;
    ASSERT_EQ(fast_counters_, slow_counters_) << text;
  }
}

// The premise of cutting text at ASCII white space.
TEST_F(StandardWordsTest, AsciiWhiteSpaceIsInertUnderNormalization) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(error);
  ASSERT_TRUE(U_SUCCESS(error));
  for (const char c : std::string_view(" \t\n\v\f\r")) EXPECT_TRUE(normalizer->isInert(c));
}

TEST_F(StandardWordsTest, APieceSeenAgainGivesTheSameTermsAndCountsAgain) {
  std::string long_word;
  for (int i = 0; i < 20; ++i) long_word += "ﷺ";
  const std::string pieces[] = {"naïve-Übung", "x\xff", long_word, "—", "東京都"};
  for (const std::string& piece : pieces) {
    const Words first = Fast(piece);
    EXPECT_EQ(Fast(piece), first);
    EXPECT_EQ(Fast(piece), Slow(piece));
  }
  EXPECT_EQ(fast_counters_.invalid_utf8_sequences, 3u);
}

TEST_F(StandardWordsTest, LongWordsAreCutAndCountedInEveryPath) {
  const std::string ascii(300, 'x');
  const std::string unicode = "é" + ascii;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Fast(ascii), Words{ascii.substr(0, 255)});
    EXPECT_EQ(Fast(unicode), Words{unicode.substr(0, 255)});
  }
  EXPECT_EQ(fast_counters_.terms_cut, 4u);
}

TEST_F(StandardWordsTest, HugeTextWithoutWhiteSpaceIsCutAtACodePoint) {
  std::string text;
  while (text.size() < 3 * UnicodeWords::kMaxBytes + 1000) text += "é.";
  const Words words = Fast(text);
  EXPECT_EQ(fast_counters_.invalid_utf8_sequences, 0u);
  // Every word is cut to 255 bytes, so most of the text is dropped; what stays are the pieces'
  // beginnings.
  EXPECT_EQ(words.size(), 4u);
  for (const std::string& word : words) EXPECT_TRUE(word.starts_with("é.é")) << word.substr(0, 9);
}

}  // namespace
}  // namespace canopy
