#include "query/text_form.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "query/canonical.h"
#include "query/parser.h"
#include "tests/query/query_trees.h"

namespace canopy {
namespace {

using ::google::protobuf::util::MessageDifferencer;

uint64_t Seed() {
  const char* seed = std::getenv("CANOPY_TEST_SEED");
  return seed != nullptr ? std::strtoull(seed, nullptr, 10) : 20240601;
}

TEST(ToText, IsTheTextThatAPersonWouldWrite) {
  const std::vector<std::pair<std::string, std::string>> examples = {
      {"(a)   OR b", "a b"},
      {"a AND b OR NOT c", "(+a +b) (-c)"},
      {"-a", "-a"},
      {"title:(a \"b c\"~2)^2.5", "(title:a title:\"b c\"~2)^2.5"},
      {"((a b c)~2)", "(a b c)~2"},
      {"+a^=0 b", "+a^=0 b"},
      {"n:{* TO 5}", "n:[* TO 5}"},
      {"foo-bar \\+x", "foo-bar \\+x"},
      {"w?ld* pre*  f:* *", "w?ld* pre* f:* *:*"},
      {"a~", "a~2"},
      {"()", "()"},
  };
  for (const auto& [text, canonical] : examples) {
    const auto query = ParseQuery(text);
    ASSERT_TRUE(query.ok()) << query.status();
    EXPECT_EQ(ToText(*query), canonical);
  }
}

TEST(ToText, IsUndoneByTheParserForRandomTrees) {
  std::mt19937_64 random(Seed());
  for (int i = 0; i < 20'000; ++i) {
    const v1::Query tree = RandomTree(random, 5);
    const std::string text = ToText(tree);
    const auto parsed = ParseQuery(text);
    ASSERT_TRUE(parsed.ok()) << "seed " << Seed() << ", tree " << i << ": " << text << "\n"
                             << parsed.status() << "\n"
                             << tree.ShortDebugString();
    ASSERT_TRUE(MessageDifferencer::Equals(*parsed, Canonical(tree)))
        << "seed " << Seed() << ", tree " << i << ": " << text << "\n"
        << parsed->ShortDebugString() << "\n"
        << Canonical(tree).ShortDebugString();
    ASSERT_EQ(ToText(*parsed), text);
  }
}

TEST(Canonical, ChangesNothingTheSecondTime) {
  std::mt19937_64 random(Seed() + 1);
  for (int i = 0; i < 5'000; ++i) {
    const v1::Query once = Canonical(RandomTree(random, 5));
    ASSERT_TRUE(MessageDifferencer::Equals(once, Canonical(once))) << once.ShortDebugString();
  }
}

// Whatever the characters: an error, or a tree that is canonical and has a text of its own.
TEST(ParseQuery, GivesACanonicalTreeOrAnErrorForRandomTexts) {
  std::mt19937_64 random(Seed() + 2);
  const std::vector<std::string> pieces = {
      "a",    "b", "AND", "OR", "NOT", "TO", " ",       " ",     " ",
      "(",    ")", "\"",  "^2", "~1",  "~2", ":",       "*",     "?",
      "\\",   "+", "-",   "[",  "]",   "{",  "}",       "=",     "title:",
      "\xC3", "1", "^=",  "()", "*:*", "^0", "\"a b\"", "(a b)", "n:[1 TO 2]"};
  int parsed_texts = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) text += pieces[random() % pieces.size()];
    const auto parsed = ParseQuery(text);
    if (!parsed.ok()) {
      ASSERT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ++parsed_texts;
    ASSERT_TRUE(MessageDifferencer::Equals(*parsed, Canonical(*parsed))) << text;
    const auto again = ParseQuery(ToText(*parsed));
    ASSERT_TRUE(again.ok()) << text << " -> " << ToText(*parsed) << ": " << again.status();
    ASSERT_TRUE(MessageDifferencer::Equals(*parsed, *again)) << text << " -> " << ToText(*parsed);
  }
  EXPECT_GT(parsed_texts, 10'000);
}

}  // namespace
}  // namespace canopy
