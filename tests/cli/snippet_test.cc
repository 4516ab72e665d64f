#include "cli/snippet.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace canopy {
namespace {

std::string Repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

class SnippetTest : public ::testing::Test {
 protected:
  Snippet Make(std::string_view text, const absl::flat_hash_set<std::string>& terms,
               std::string_view analyzer = "standard") {
    auto made = Analyzer::Create(analyzer);
    EXPECT_TRUE(made.ok()) << made.status();
    return MakeSnippet(text, terms, **made, kPlainMarkup);
  }
};

TEST_F(SnippetTest, MarksEveryMatchOfAShortText) {
  const Snippet snippet = Make("The Quick fox. quick!", {"quick"});
  EXPECT_EQ(snippet.text, "The **Quick** fox. **quick**!");
  EXPECT_EQ(snippet.distinct_terms, 1u);
  EXPECT_EQ(snippet.occurrences, 2u);
}

TEST_F(SnippetTest, MatchesAsTheAnalyzerDoes) {
  EXPECT_EQ(Make("Running runners ran", {"run"}, "english").text, "**Running** runners ran");
}

TEST_F(SnippetTest, ShowsTheBeginningWhenNothingMatches) {
  const Snippet snippet = Make(Repeat("word ", 100), {"absent"});
  EXPECT_TRUE(snippet.text.starts_with("word word"));
  EXPECT_TRUE(snippet.text.ends_with(" …"));
  EXPECT_EQ(snippet.distinct_terms, 0u);
}

TEST_F(SnippetTest, FindsThePassageWithTheMostDifferentTerms) {
  const std::string filler = Repeat("filler ", 60);
  const std::string text = Concat("apple apple apple ", filler, "apple near pear ", filler);
  const Snippet snippet = Make(text, {"apple", "pear"});
  EXPECT_NE(snippet.text.find("**apple** near **pear**"), std::string::npos) << snippet.text;
  EXPECT_TRUE(snippet.text.starts_with("… "));
  EXPECT_TRUE(snippet.text.ends_with(" …"));
  EXPECT_EQ(snippet.distinct_terms, 2u);
}

TEST_F(SnippetTest, StaysWithinItsLengthAndIsValidUtf8) {
  const Snippet snippet = Make(Repeat("größe 世界 ", 200), {"nichts"});
  EXPECT_LE(CountCodePoints(snippet.text), kSnippetCodePoints + 4);
  EXPECT_EQ(CleanText(snippet.text), snippet.text);
}

TEST_F(SnippetTest, CutsAnEndlessWord) {
  EXPECT_LE(CountCodePoints(Make(Repeat("x", 5000), {}).text), kSnippetCodePoints + 4);
  EXPECT_LE(CountCodePoints(Make(Repeat("y", 5000), {Repeat("y", 255)}).text),
            kSnippetCodePoints + 8);
}

TEST_F(SnippetTest, StripsTerminalControls) {
  EXPECT_EQ(Make("a\x1b[2Jb \x07quick", {"quick"}).text, "a[2Jb **quick**");
}

TEST_F(SnippetTest, CutsALongTextAtACodePoint) {
  const Snippet snippet = Make(Concat("x", Repeat("é ", kMaxSnippetScanBytes)), {"absent"});
  EXPECT_EQ(snippet.text.find("\ufffd"), std::string::npos);
  EXPECT_TRUE(snippet.text.ends_with(" …"));
}

TEST_F(SnippetTest, OfAnEmptyTextIsEmpty) { EXPECT_EQ(Make("", {"a"}).text, ""); }

}  // namespace
}  // namespace canopy
