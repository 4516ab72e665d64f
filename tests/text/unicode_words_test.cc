#include "text/unicode_words.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "text/analyzer.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

class UnicodeWordsTest : public ::testing::Test {
 protected:
  std::vector<std::string> Words(std::string_view text) {
    std::vector<std::string> words;
    words_->ForEach(
        text, [&words](std::string_view w) { words.emplace_back(w); }, counters_);
    return words;
  }

  std::unique_ptr<UnicodeWords> words_ = *UnicodeWords::Create();
  AnalyzerCounters counters_;
};

TEST_F(UnicodeWordsTest, CompatibilityCharactersBecomeTheirPlainForms) {
  EXPECT_THAT(Words("ﬁne ﬃ"), ElementsAre("fine", "ffi"));
  EXPECT_THAT(Words("Ｃａｎｏｐｙ　２０２４"), ElementsAre("canopy", "2024"));
  EXPECT_THAT(Words("ｶﾞｷﾞｸﾞ"), ElementsAre("ガギグ"));
  EXPECT_THAT(Words("① ⑳ ２"), ElementsAre("1", "20", "2"));
  EXPECT_THAT(Words("H₂O x²"), ElementsAre("h2o", "x2"));
  EXPECT_THAT(Words("℡ ㎏ ㏒"), ElementsAre("tel", "kg", "log"));
}

TEST_F(UnicodeWordsTest, ACharacterThatStandsForSeveralWordsGivesSeveralTerms) {
  EXPECT_THAT(Words("ﷺ"), ElementsAre("صلى", "الله", "عليه", "وسلم"));
}

TEST_F(UnicodeWordsTest, ComposedAndDecomposedAreOneTerm) {
  EXPECT_EQ(Words("caf\u00e9"), Words("cafe\u0301"));
  EXPECT_EQ(Words("\u1e69"), Words("s\u0307\u0323"));  // marks in any order
  EXPECT_EQ(Words("한글"), Words("\u1112\u1161\u11ab\u1100\u1173\u11af"));
  EXPECT_EQ(Words("Å"), Words("\u212b"));  // the sign for angstrom
}

TEST_F(UnicodeWordsTest, CasesAreFoldedInFull) {
  EXPECT_THAT(Words("Straße STRASSE ẞ"), ElementsAre("strasse", "strasse", "ss"));
  EXPECT_THAT(Words("ΣΊΣΥΦΟΣ Σίσυφος"), ElementsAre("σίσυφοσ", "σίσυφοσ"));
  EXPECT_THAT(Words("ПРИВЕТ Мир"), ElementsAre("привет", "мир"));
  EXPECT_THAT(Words("ǅ ŉ"), ElementsAre("dž", "ʼn"));
}

TEST_F(UnicodeWordsTest, CharactersThatAreNotSeenAreDropped) {
  EXPECT_THAT(Words("co\u00adoperate zero\u200bwidth a\u200db \u00ad"),
              ElementsAre("cooperate", "zerowidth", "ab"));
}

TEST_F(UnicodeWordsTest, WordsNeedALetterDigitIdeographOrKana) {
  EXPECT_THAT(Words("— … !? __ _ \u203f\u203f \u0301 👍🏽 🇩🇪 € § \u00a0 ♫"),
              IsEmpty());
}

// The tables 3-8 to 3-11 of the Unicode Standard (15.0, section 3.9): how many U+FFFD ill-formed
// sequences become.
TEST_F(UnicodeWordsTest, IllFormedUtf8IsReplacedByMaximalSubparts) {
  struct Case {
    const char* bytes;
    uint64_t replaced;
    std::vector<std::string> words;
  };
  const std::vector<Case> cases = {
      {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", 8, {"a"}},       // not shortest
      {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", 8, {"a"}},       // surrogates
      {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", 7, {"a", "b"}},  // beyond Unicode, stray bytes
      {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 4, {"a"}},       // cut short
      {"x\xffy", 1, {"x", "y"}},
      {"caf\xe9", 1, {"caf"}},  // Latin-1
      {"\xc3", 1, {}},
      {"\xf0\x9f\x91", 1, {}},
      {"\xc3\xa9\xc3", 1, {"é"}},
      {"\xef\xbf\xbd", 0, {}},  // U+FFFD itself is well-formed
  };
  for (const Case& c : cases) {
    counters_ = {};
    EXPECT_THAT(Words(c.bytes), ElementsAreArray(c.words)) << c.bytes;
    EXPECT_EQ(counters_.invalid_utf8_sequences, c.replaced) << c.bytes;
  }
}

TEST_F(UnicodeWordsTest, ALongWordIsCutAtACodePointAndCounted) {
  std::string text = "a";
  for (int i = 0; i < 200; ++i) text += "é";
  const std::vector<std::string> words = Words(text);
  ASSERT_EQ(words.size(), 1u);
  EXPECT_EQ(words[0], text.substr(0, 255));  // 1 + 127 * 2 bytes
  EXPECT_EQ(counters_.terms_cut, 1u);
  const std::vector<std::string> even = Words(text.substr(1));
  EXPECT_EQ(even[0].size(), 254u);
  EXPECT_EQ(counters_.terms_cut, 2u);
}

TEST_F(UnicodeWordsTest, AWordOfExactlyTheLimitIsNotCut) {
  const std::string text(kMaxTermBytes, 'x');
  EXPECT_THAT(Words(text), ElementsAre(text));
  EXPECT_EQ(counters_.terms_cut, 0u);
}

TEST_F(UnicodeWordsTest, TheLargestTextAllowedGrowsEighteenfoldWithoutHarm) {
  std::string text;
  while (text.size() + 3 <= UnicodeWords::kMaxBytes) text += "ﷺ";
  uint64_t words = 0;
  words_->ForEach(
      text, [&words](std::string_view) { ++words; }, counters_);
  // "صلى الله عليه وسلم" without a space between the last word of one and the first of the next.
  EXPECT_EQ(words, text.size() / 3 * 3 + 1);
}

}  // namespace
}  // namespace canopy
