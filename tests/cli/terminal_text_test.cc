#include "cli/terminal_text.h"

#include <gtest/gtest.h>

namespace canopy {
namespace {

TEST(CleanText, KeepsPlainTextAndLettersOfAllScripts) {
  EXPECT_EQ(CleanText("Grüße, 世界! a_b \"c\""), "Grüße, 世界! a_b \"c\"");
}

TEST(CleanText, PutsEverythingOnOneLine) { EXPECT_EQ(CleanText("  a\r\n\t b\u2028c  "), "a b c"); }

TEST(CleanText, TakesEscapeSequencesTheirPower) {
  EXPECT_EQ(CleanText("\x1b[31mred\x1b]0;title\x07 \x7f\u009b2J"), "[31mred]0;title 2J");
}

TEST(CleanText, TakesOutBidirectionalOverrides) {
  EXPECT_EQ(CleanText("a\u202e\u2066b\ufeff"), "ab");
}

TEST(CleanText, KeepsTheJoinersOfEmoji) { EXPECT_EQ(CleanText("👩\u200d🔬"), "👩\u200d🔬"); }

TEST(CleanText, ReplacesBrokenUtf8) {
  EXPECT_EQ(CleanText("a\xff\xc3z\xe4\xb8"), "a\ufffd\ufffdz\ufffd");
}

TEST(CleanText, OfNothingIsNothing) { EXPECT_EQ(CleanText(" \n "), ""); }

TEST(Shorten, LeavesWhatFits) { EXPECT_EQ(Shorten("äöü", 3), "äöü"); }

TEST(Shorten, CutsBetweenCodePoints) { EXPECT_EQ(Shorten("äöüß", 3), "äö…"); }

TEST(WithThousands, SetsCommas) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(1000), "1,000");
  EXPECT_EQ(WithThousands(18446744073709551615u), "18,446,744,073,709,551,615");
}

TEST(HumanMicroseconds, ChangesTheUnit) {
  EXPECT_EQ(HumanMicroseconds(999), "999 us");
  EXPECT_EQ(HumanMicroseconds(1230), "1.23 ms");
  EXPECT_EQ(HumanMicroseconds(4560000), "4.56 s");
}

}  // namespace
}  // namespace canopy
