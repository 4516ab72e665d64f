#include "text/english_stemmer.h"

#include <libstemmer.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "tests/support/test_seed.h"
#include "tests/text/random_text.h"

namespace canopy {
namespace {

class EnglishStemmerTest : public ::testing::Test {
 protected:
  // The stem by libstemmer alone.
  std::string Reference(const std::string& word) {
    const std::string plain = absl::StrReplaceAll(word, {{"\u2019", "'"}});
    const sb_symbol* stem =
        sb_stemmer_stem(reference_.get(), reinterpret_cast<const sb_symbol*>(plain.data()),
                        static_cast<int>(plain.size()));
    const auto size = static_cast<size_t>(sb_stemmer_length(reference_.get()));
    return size == 0 ? plain : std::string(reinterpret_cast<const char*>(stem), size);
  }

  std::unique_ptr<EnglishStemmer> stemmer_ = *EnglishStemmer::Create();
  std::unique_ptr<sb_stemmer, decltype(&sb_stemmer_delete)> reference_{
      sb_stemmer_new("english", "UTF_8"), &sb_stemmer_delete};
};

TEST_F(EnglishStemmerTest, StemsAsSnowballsEnglishDoes) {
  const std::pair<const char*, const char*> words[] = {
      {"running", "run"},         {"runs", "run"},           {"ran", "ran"},
      {"consistency", "consist"}, {"consisting", "consist"}, {"knightly", "knight"},
      {"generously", "generous"}, {"skies", "sky"},          {"dying", "die"},
      {"news", "news"},           {"happy", "happi"},        {"hopping", "hop"},
      {"hoping", "hope"},         {"national", "nation"},    {"x", "x"},
      {"naïve", "naïv"},          {"café", "café"},          {"1980s", "1980s"},
  };
  for (const auto& [word, stem] : words) {
    EXPECT_EQ(stemmer_->Stem(word), stem);
    EXPECT_EQ(stemmer_->Stem(word), stem) << "from the cache";
  }
}

TEST_F(EnglishStemmerTest, PossessivesLoseTheirEndWithBothApostrophes) {
  EXPECT_EQ(stemmer_->Stem("dog's"), "dog");
  EXPECT_EQ(stemmer_->Stem("dog\u2019s"), "dog");
  EXPECT_EQ(stemmer_->Stem("dogs'"), "dog");
  EXPECT_EQ(stemmer_->Stem("don't"), "don't");
  EXPECT_EQ(stemmer_->Stem("don\u2019t"), "don't");
  EXPECT_EQ(stemmer_->Stem("d\u2019h"), "d'h");
}

TEST_F(EnglishStemmerTest, WhatIsOnlySuffixIsKept) {
  for (const char* word : {"'", "''", "'s", "'s'", "s", "\u2019"}) {
    EXPECT_FALSE(stemmer_->Stem(word).empty()) << word;
  }
}

TEST_F(EnglishStemmerTest, ShortcutsAndCacheAgreeWithLibstemmerOnRandomWords) {
  const std::vector<std::string> parts = {
      "s",     "ed",  "ing", "ly", "ness", "ational", "y",  "e",      "l",   "iz",
      "er",    "ful", "'s",  "'",  "ous",  "ive",     "at", "bl",     "ism", "ement",
      "io",    "n",   "t",   "ll", "gen",  "eer",     "a",  "b",      "f",   "h",
      "o",     "qu",  "v",   "w",  "x",    "z",       "k",  "p",      "j",   "m",
      "c",     "d",   "7",   "_",  "é",    "ß",       "漢", "\u2019", "u",   "commun",
      "arsen", "exc", "r",   "g",  "ie",   "us"};
  std::mt19937 random(TestSeed(14));
  for (int round = 0; round < 200000; ++round) {
    std::string word;
    const size_t length = 1 + random() % 5;
    for (size_t i = 0; i < length; ++i) word += parts[random() % parts.size()];
    ASSERT_EQ(stemmer_->Stem(word), Reference(word)) << word;
  }
}

TEST_F(EnglishStemmerTest, LettersAtRandomAgreeWithLibstemmer) {
  std::mt19937 random(TestSeed(15));
  for (int round = 0; round < 200000; ++round) {
    std::string word(1 + random() % 8, ' ');
    for (char& c : word) c = "abcdefghijklmnopqrstuvwxyz'_9"[random() % 29];
    ASSERT_EQ(stemmer_->Stem(word), Reference(word)) << word;
  }
}

}  // namespace
}  // namespace canopy
