#include "text/analyzer.h"

#include <gmock/gmock.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/strings.h"
#include "gtest/gtest.h"
#include "tests/support/test_seed.h"
#include "tests/text/random_text.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

std::unique_ptr<Analyzer> Make(std::string_view name) { return *Analyzer::Create(name); }

std::vector<std::string> Ascii(std::string_view text) { return Make("ascii")->Terms(text); }
std::vector<std::string> Standard(std::string_view text) { return Make("standard")->Terms(text); }
std::vector<std::string> English(std::string_view text) { return Make("english")->Terms(text); }

TEST(Analyzer, KnowsThreeNames) {
  EXPECT_THAT(Analyzer::Names(), ElementsAre("standard", "english", "ascii"));
  for (const std::string_view name : Analyzer::Names()) {
    EXPECT_EQ(Make(name)->name(), name);
    EXPECT_GE(Make(name)->version(), 1u);
  }
}

TEST(Analyzer, AnUnknownNameIsNotFoundAndTheKnownOnesAreListed) {
  EXPECT_EQ(Analyzer::Create("german").status(),
            absl::NotFoundError("unknown analyzer \"german\", known are standard, english, ascii"));
  EXPECT_EQ(Analyzer::Create("").status().code(), absl::StatusCode::kNotFound);
}

TEST(Analyzer, AnotherVersionIsAFailedPrecondition) {
  EXPECT_TRUE(Analyzer::Create("english", kEnglishVersion).ok());
  EXPECT_EQ(Analyzer::Create("ascii", kAsciiVersion + 1).status(),
            absl::FailedPreconditionError(Concat("analyzer \"ascii\" of version ",
                                                 kAsciiVersion + 1, " is not supported, this ",
                                                 "program has version ", kAsciiVersion)));
}

TEST(Analyzer, NothingComesOfNothing) {
  for (const std::string_view name : Analyzer::Names()) {
    const auto analyzer = Make(name);
    for (const char* text : {"", " ", "\n\t", "...", "-+*/", "\xff"}) {
      EXPECT_THAT(analyzer->Terms(text), IsEmpty()) << name;
    }
  }
}

// Terms of the same text, whatever the machine.
uint64_t GoldenChecksum(std::string_view name) {
  std::mt19937 random(1);
  const auto analyzer = Make(name);
  std::string terms;
  const auto append = [&](std::string_view term) { absl::StrAppend(&terms, ToAbsl(term), "\n"); };
  analyzer->Analyze(RandomUnicode(random, 100'000), append);
  analyzer->Analyze(RandomAscii(random, 100'000), append);
  for (const char* stem : {"", "s", "ing", "ed", "ly", "ational", "fulness", "ies", "'s"}) {
    for (int i = 0; i < 2000; ++i) {
      const char letters[] = {"bcdfgklmnprstvz"[i % 15], "aeiouy"[i / 15 % 6],
                              "bcdfgklmnprstvz"[i / 90 % 15], '\0'};
      analyzer->Analyze(Concat(letters, stem), append);
    }
  }
  return Checksum(terms);
}

TEST(Analyzer, AVersionNamesOneWayToMakeTerms) {
  // When one of these changes, raise the version of that analyzer (text/analyzer.h).
  const auto golden = [](std::string_view name) {
    return std::pair(Make(name)->version(), GoldenChecksum(name));
  };
  EXPECT_EQ(golden("ascii"), std::pair(1u, uint64_t{2120047467134057144u}));
  EXPECT_EQ(golden("standard"), std::pair(1u, uint64_t{888412632142567805u}));
  EXPECT_EQ(golden("english"), std::pair(1u, uint64_t{462327835448079405u}));
}

TEST(AsciiAnalyzer, TermsAreRunsOfLettersAndDigitsInLowerCase) {
  EXPECT_THAT(Ascii("The quick-brown FOX2, jumps_over 3.14!"),
              ElementsAre("the", "quick", "brown", "fox2", "jumps", "over", "3", "14"));
  EXPECT_THAT(Ascii("don't U.S.A."), ElementsAre("don", "t", "u", "s", "a"));
}

TEST(AsciiAnalyzer, EverythingElseSeparates) {
  EXPECT_THAT(Ascii("naïve Größe"), ElementsAre("na", "ve", "gr", "e"));
  EXPECT_THAT(Ascii(std::string_view("a\0b\x7f\x80"
                                     "c",
                                     6)),
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(Ascii("東京2024"), ElementsAre("2024"));
}

TEST(AsciiAnalyzer, ALongTermIsCutAndCounted) {
  const auto analyzer = Make("ascii");
  EXPECT_THAT(analyzer->Terms(std::string(1000, 'A') + " b"),
              ElementsAre(std::string(255, 'a'), "b"));
  EXPECT_EQ(analyzer->counters().terms_cut, 1u);
}

TEST(StandardAnalyzer, EnglishWordsKeepApostrophesPointsAndNumbers) {
  EXPECT_THAT(Standard("Don't panic: the U.S.A. paid $1,000.50 (e.g.) for x_y, a/b & c++."),
              ElementsAre("don't", "panic", "the", "u.s.a", "paid", "1,000.50", "e.g", "for", "x_y",
                          "a", "b", "c"));
  EXPECT_THAT(Standard("user@example.com http://a.org/x?y=1 10:30 v1.2-rc3"),
              ElementsAre("user", "example.com", "http", "a.org", "x", "y", "1", "10", "30", "v1.2",
                          "rc3"));
}

TEST(StandardAnalyzer, AtAndColonSeparateInEveryWidth) {
  EXPECT_THAT(Standard("@Override a@b.c std::vector x:y 10:30"),
              ElementsAre("override", "a", "b.c", "std", "vector", "x", "y", "10", "30"));
  EXPECT_THAT(Standard("é@b ＠ｘ é:ü é：ü é﹫b"),
              ElementsAre("é", "b", "x", "é", "ü", "é", "ü", "é", "b"));
}

TEST(StandardAnalyzer, GermanWordsAreFolded) {
  EXPECT_THAT(Standard("Die Straße nach KÖLN: „Grüße“"),
              ElementsAre("die", "strasse", "nach", "köln", "grüsse"));
}

TEST(StandardAnalyzer, FrenchAndItalianElisionsStayOneTerm) {
  EXPECT_THAT(Standard("L'été d’Émile"), ElementsAre("l'été", "d’émile"));
}

TEST(StandardAnalyzer, GreekFinalSigmaIsFolded) {
  EXPECT_THAT(Standard("Ο Σίσυφος ΚΑΙ Ο ΣΊΣΥΦΟΣ"),
              ElementsAre("ο", "σίσυφοσ", "και", "ο", "σίσυφοσ"));
}

TEST(StandardAnalyzer, TurkishDottedCapitalIKeepsItsDot) {
  // Folding is the same for all languages: the dotted capital becomes i and a combining dot,
  // dotless i stays itself.
  EXPECT_THAT(Standard("İstanbul ISPARTA ılık"), ElementsAre("i\u0307stanbul", "isparta", "ılık"));
}

TEST(StandardAnalyzer, RussianWordsAreFolded) {
  EXPECT_THAT(Standard("Съешь ЕЩЁ этих булок"), ElementsAre("съешь", "ещё", "этих", "булок"));
}

TEST(StandardAnalyzer, ArabicHebrewAndHindiWordsAreWhole) {
  EXPECT_THAT(Standard("السلام عليكم، ٣٫١٤"), ElementsAre("السلام", "عليكم", "٣٫١٤"));
  EXPECT_THAT(Standard("צה\"ל שלום"), ElementsAre("צה\"ל", "שלום"));
  EXPECT_THAT(Standard("नमस्ते दुनिया।"), ElementsAre("नमस्ते", "दुनिया"));
}

TEST(StandardAnalyzer, ChineseAndJapaneseAreCutByDictionary) {
  EXPECT_THAT(Standard("我是中国人。"), ElementsAre("我是", "中国人"));
  EXPECT_THAT(Standard("東京タワーに行く"), ElementsAre("東京タワー", "に", "行く"));
}

TEST(StandardAnalyzer, ThaiIsCutByDictionary) {
  EXPECT_THAT(Standard("ภาษาไทยง่ายนิดเดียว"), ElementsAre("ภาษา", "ไทย", "ง่าย", "นิด", "เดียว"));
}

TEST(StandardAnalyzer, KoreanWordsAreThoseBetweenSpaces) {
  EXPECT_THAT(Standard("대한민국 만세!"), ElementsAre("대한민국", "만세"));
}

TEST(StandardAnalyzer, EmojiAreDroppedAndSeparate) {
  EXPECT_THAT(Standard("thumbs👍🏽up 👨‍👩‍👧 🇩🇪 ok"),
              ElementsAre("thumbs", "up", "ok"));
}

TEST(StandardAnalyzer, InvalidUtf8IsCounted) {
  const auto analyzer = Make("standard");
  EXPECT_THAT(analyzer->Terms("good b\xff"
                              "ad \xe2\x82 good"),
              ElementsAre("good", "b", "ad", "good"));
  EXPECT_EQ(analyzer->counters().invalid_utf8_sequences, 2u);
  EXPECT_EQ(analyzer->counters().terms_cut, 0u);
}

TEST(EnglishAnalyzer, WordsOfOneStemAreOneTerm) {
  EXPECT_THAT(English("The Runner's running shoes ran; connections connected"),
              ElementsAre("the", "runner", "run", "shoe", "ran", "connect", "connect"));
}

TEST(EnglishAnalyzer, HasNoStopWordsSoThatPositionsAreThoseOfStandard) {
  std::mt19937 random(TestSeed(19));
  const auto standard = Make("standard");
  const auto english = Make("english");
  for (int round = 0; round < 500; ++round) {
    const std::string text = RandomUnicode(random, 200);
    EXPECT_EQ(english->Terms(text).size(), standard->Terms(text).size()) << text;
  }
}

TEST(Analyzer, TheExampleOfThePageIsTrue) {  // docs/analyzers.md
  const std::string text = "The Dogs' café: foo_bar, U.S.A. 1,000.5 @Override";
  EXPECT_THAT(Ascii(text), ElementsAre("the", "dogs", "caf", "foo", "bar", "u", "s", "a", "1",
                                       "000", "5", "override"));
  EXPECT_THAT(Standard(text),
              ElementsAre("the", "dogs", "café", "foo_bar", "u.s.a", "1,000.5", "override"));
  EXPECT_THAT(English(text),
              ElementsAre("the", "dog", "café", "foo_bar", "u.s.a", "1,000.5", "overrid"));
}

TEST(Analyzer, AnalyzingATermAgainGivesTheTerm) {
  const std::string text =
      "Don't panic: U.S.A. $1,000.50 x_y __a__ Straße KÖLN L'été d’Émile Σίσυφος İstanbul ılık ЕЩЁ "
      "السلام ٣٫١٤ צה\"ל नमस्ते 東京タワーに行く ภาษาไทย 대한민국 ﬁne ｶﾞ Ｃａｎｏｐｙ ① ½ ℡ x² ﷺ "
      "naïve cafe\u0301";
  for (const std::string_view name : {"ascii", "standard"}) {
    const auto analyzer = Make(name);
    const std::vector<std::string> terms = analyzer->Terms(text);
    EXPECT_GT(terms.size(), 20u);
    for (const std::string& term : terms) EXPECT_THAT(analyzer->Terms(term), ElementsAre(term));
  }
}

TEST(Analyzer, RandomBytesGiveTermsWithinTheirLimits) {
  std::mt19937 random(TestSeed(20));
  for (const std::string_view name : Analyzer::Names()) {
    const auto analyzer = Make(name);
    for (int round = 0; round < 2000; ++round) {
      const std::string text = round % 2 == 0 ? RandomBytes(random, random() % 1000)
                                              : RandomUnicode(random, random() % 1000);
      analyzer->Analyze(text, [](std::string_view term) {
        ASSERT_FALSE(term.empty());
        ASSERT_LE(term.size(), kMaxTermBytes);
      });
    }
  }
}

TEST(Analyzer, TheSameTextGivesTheSameTermsWhateverCameBefore) {
  std::mt19937 random(TestSeed(21));
  for (const std::string_view name : Analyzer::Names()) {
    const auto used = Make(name);
    for (int round = 0; round < 200; ++round) {
      const std::string text = RandomUnicode(random, 300);
      EXPECT_EQ(used->Terms(text), Make(name)->Terms(text)) << text;
    }
  }
}

}  // namespace
}  // namespace canopy
