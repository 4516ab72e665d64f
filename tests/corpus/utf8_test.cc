#include "corpus/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace canopy {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";

// The text with "?" for each replacement.
std::string Repaired(std::string text, size_t expected) {
  EXPECT_EQ(ReplaceInvalidUtf8(text), expected);
  std::string shown;
  for (size_t i = 0; i < text.size();) {
    const bool replaced = text.compare(i, 3, kReplacement) == 0;
    shown += replaced ? '?' : text[i];
    i += replaced ? 3 : 1;
  }
  return shown;
}

TEST(Utf8Test, WhatIsValidStays) {
  EXPECT_EQ(Repaired("", 0), "");
  EXPECT_EQ(
      Repaired(
          "a\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
          0),
      "a\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

// The examples of The Unicode Standard, tables 3-8 to 3-11.
TEST(Utf8Test, EachMaximalSubpartIsReplacedOnce) {
  EXPECT_EQ(Repaired("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", 8), "????????A");
  EXPECT_EQ(Repaired("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", 8), "????????A");
  EXPECT_EQ(Repaired("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", 7), "?????A??B");
  EXPECT_EQ(Repaired("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 4), "????A");
}

TEST(Utf8Test, ASequenceCutAtTheEndIsReplacedOnce) {
  EXPECT_EQ(Repaired("a\xf0\x90\x80", 1), "a?");
  EXPECT_EQ(Repaired("a\xc3", 1), "a?");
}

}  // namespace
}  // namespace canopy
