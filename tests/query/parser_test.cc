#include "query/parser.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"
#include "query/limits.h"
#include "tests/query/query_trees.h"

namespace canopy {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Example {
  std::string text;
  v1::Query tree;
};

class ParserExamples : public ::testing::TestWithParam<Example> {};

TEST_P(ParserExamples, GivesTheTree) {
  const auto query = ParseQuery(GetParam().text);
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*query, GetParam().tree))
      << GetParam().text << "\nis        " << query->ShortDebugString() << "\nshould be "
      << GetParam().tree.ShortDebugString();
}

std::vector<Example> WordsAndPhrases() {
  return {
      {"a", Term("a")},
      {"  a  ", Term("a")},
      {"a b", Any({Term("a"), Term("b")})},
      {"a\xE3\x80\x80"
       "b\xC2\xA0"
       "c",
       Any({Term("a"), Term("b"), Term("c")})},
      {"foo-bar+baz", Term("foo-bar+baz")},
      {"C++ a&b #tag x/y", Any({Term("C++"), Term("a&b"), Term("#tag"), Term("x/y")})},
      {"a\\ b", Term("a b")},
      {"\\+a \\-b \\*", Any({Term("+a"), Term("-b"), Term("*")})},
      {"\\AND \\OR \\NOT", Any({Term("AND"), Term("OR"), Term("NOT")})},
      {"and or not Not ANDROID TO",
       Any({Term("and"), Term("or"), Term("not"), Term("Not"), Term("ANDROID"), Term("TO")})},
      {"\"a b\"", Phrase("a b")},
      {"\"a \\\"b\\\\ +c\"", Phrase("a \"b\\ +c")},
      {"\"\"", Phrase("")},
      {"\"a b\"~3", Phrase("a b", 3)},
      {"\"a b\"~0", Phrase("a b")},
      {"a\"b c\"d", Any({Term("a"), Phrase("b c"), Term("d")})},
      {"caf\xC3\xA9", Term("caf\xC3\xA9")},
  };
}

std::vector<Example> Operators() {
  const v1::Query a = Term("a"), b = Term("b"), c = Term("c"), d = Term("d");
  return {
      {"+a +b", All({a, b})},
      {"+a", a},
      {"+a b", Boolean({.must = {a}, .should = {b}})},
      {"+a -b c", Boolean({.must = {a}, .should = {c}, .must_not = {b}})},
      {"a -b", Boolean({.should = {a}, .must_not = {b}})},
      {"a NOT b", Boolean({.should = {a}, .must_not = {b}})},
      {"-a", Not(a)},
      {"NOT a", Not(a)},
      {"-a -b", Boolean({.must_not = {a, b}, .filter = {MatchAll()}})},
      {"a AND b", All({a, b})},
      {"a AND b AND c", All({a, b, c})},
      {"a AND NOT b", Boolean({.must = {a}, .must_not = {b}})},
      {"a AND -b", Boolean({.must = {a}, .must_not = {b}})},
      {"NOT a AND b", Boolean({.must = {b}, .must_not = {a}})},
      {"NOT a AND NOT b", Boolean({.must_not = {a, b}, .filter = {MatchAll()}})},
      {"a OR b", Any({a, b})},
      {"a OR b c", Any({a, b, c})},
      {"a AND b OR c", Any({All({a, b}), c})},
      {"a OR b AND c", Any({a, All({b, c})})},
      {"a b AND c", Any({a, All({b, c})})},
      {"a AND b OR NOT c", Any({All({a, b}), Not(c)})},
      {"NOT a OR b", Any({Not(a), b})},
      {"a OR b -c", Boolean({.should = {a, b}, .must_not = {c}})},
      {"+a OR b", Boolean({.must = {a}, .should = {b}})},
      {"+a AND b c", Any({All({a, b}), c})},
      {"a AND(b OR c)", All({a, Any({b, c})})},
      {"NOT(a b)", Not(Any({a, b}))},
      {"-(a b) c", Boolean({.should = {c}, .must_not = {Any({a, b})}})},
      {"-(-a)", Not(Not(a))},
      {"(a)", a},
      {"((a b))", Any({a, b})},
      {"(a b)c", Any({Any({a, b}), c})},
      {"a (+b c) d", Any({a, Boolean({.must = {b}, .should = {c}}), d})},
      {"()", MatchNone()},
      {"a ()", Any({a, MatchNone()})},
      {"*:*", MatchAll()},
      {"*", MatchAll()},
      {"*:* -a", Boolean({.should = {MatchAll()}, .must_not = {a}})},
      {"(a b c)~2", Boolean({.should = {a, b, c}, .minimum_should_match = 2})},
      {"(a b c)~1", Any({a, b, c})},
      {"(+a b c)~1", Boolean({.must = {a}, .should = {b, c}, .minimum_should_match = 1})},
  };
}

std::vector<Example> FieldsAndWeights() {
  const v1::Query a = Term("a"), b = Term("b");
  v1::Query range, open;
  range.mutable_range()->set_field("n");
  range.mutable_range()->set_lower("1");
  range.mutable_range()->set_upper("5");
  open.mutable_range()->set_field("n");
  open.mutable_range()->set_upper("x y");
  open.mutable_range()->set_upper_exclusive(true);
  v1::Query exclusive = range;
  exclusive.mutable_range()->set_lower_exclusive(true);
  exclusive.mutable_range()->set_upper_exclusive(true);
  return {
      {"title:a", Term("a", "title")},
      {"title:\"a b\"~2", Phrase("a b", 2, "title")},
      {"title:(a b)", Any({Term("a", "title"), Term("b", "title")})},
      {"title:(+a body:b \"c d\")",
       Boolean({.must = {Term("a", "title")},
                .should = {Term("b", "body"), Phrase("c d", 0, "title")}})},
      {"-title:a b", Boolean({.should = {b}, .must_not = {Term("a", "title")}})},
      {"my\\:field:a", Term("a", "my:field")},
      {"title:AND", Term("AND", "title")},
      {"title:*", Exists("title")},
      {"title:(*)", Exists("title")},
      {"pre*", Prefix("pre")},
      {"title:pre*", Prefix("pre", "title")},
      {"pre\\**", Prefix("pre*")},
      {"pre\\*", Term("pre*")},
      {"wil?d*c", Wildcard("wil?d*c")},
      {"w\\*l?", Wildcard("w\\*l?")},
      {"w\\ l?", Wildcard("w l?")},
      {"a~1", Fuzzy("a", 1)},
      {"a~", Fuzzy("a", 2)},
      {"title:a~2^3", Boost(Fuzzy("a", 2, "title"), 3)},
      {"n:[1 TO 5]", range},
      {"n:{1 TO 5}", exclusive},
      {"n:[ \"1\"  TO  5 ]", range},
      {"n:{* TO \"x y\"}", open},
      {"a^2", Boost(a, 2)},
      {"a^0.5 b", Any({Boost(a, 0.5f), b})},
      {"a^1", a},
      {"a^1e-05", Boost(a, 1e-5f)},
      {"(a b)^3", Boost(Any({a, b}), 3)},
      {"(a^2)^3", Boost(Boost(a, 2), 3)},
      {"a^=2", ConstantScore(a, 2)},
      {"a^=-0", ConstantScore(a, 0)},
      {"+a^=0 b", Boolean({.should = {b}, .filter = {a}})},
      {"(a b)~2^4", Boost(Boolean({.should = {a, b}, .minimum_should_match = 2}), 4)},
      {"+title:\"a b\"^2 -*:*",
       Boolean({.must = {Boost(Phrase("a b", 0, "title"), 2)}, .must_not = {MatchAll()}})},
  };
}

INSTANTIATE_TEST_SUITE_P(Words, ParserExamples, ::testing::ValuesIn(WordsAndPhrases()));
INSTANTIATE_TEST_SUITE_P(Operators, ParserExamples, ::testing::ValuesIn(Operators()));
INSTANTIATE_TEST_SUITE_P(Fields, ParserExamples, ::testing::ValuesIn(FieldsAndWeights()));

struct BadExample {
  std::string text;
  int column;
  std::string expected;  // part of the message
};

class ParserErrors : public ::testing::TestWithParam<BadExample> {};

TEST_P(ParserErrors, NameTheColumnAndWhatWasExpected) {
  const auto query = ParseQuery(GetParam().text);
  ASSERT_FALSE(query.ok()) << GetParam().text << " gives " << query->ShortDebugString();
  EXPECT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(query.status().message()),
      AllOf(HasSubstr(Concat("column ", GetParam().column, ": ")), HasSubstr(GetParam().expected)));
}

INSTANTIATE_TEST_SUITE_P(Errors, ParserErrors,
                         ::testing::ValuesIn(std::vector<BadExample>{
                             {"", 1, "the query is empty"},
                             {"  \t", 4, "the query is empty"},
                             {"a \"b c", 3, "closing '\"'"},
                             {"a \"b c\\", 3, "closing '\"'"},
                             {"\"", 1, "closing '\"'"},
                             {"(a b", 1, "closing ')'"},
                             {"a (b (c)", 3, "closing ')'"},
                             {"a b)", 4, "')' without a '('"},
                             {")", 1, "')' without a '('"},
                             {"caf\xC3\xA9 caf\xC3\xA9)", 10,
                              "')' without a '('"},  // characters, not bytes
                             {"a AND", 6, "after AND, found the end of the query"},
                             {"a AND )", 7, "after AND"},
                             {"AND a", 1, "before AND"},
                             {"a OR", 5, "after OR"},
                             {"OR a", 1, "before OR"},
                             {"a OR OR b", 6, "before OR"},
                             {"a AND OR b", 7, "before OR"},
                             {"NOT", 4, "after NOT"},
                             {"NOT NOT a", 5, "after NOT"},
                             {"a - b", 4, "after '-', found white space"},
                             {"a +", 4, "after '+'"},
                             {"--a", 2, "after '-', found '-'"},
                             {"(-)", 3, "after '-', found ')'"},
                             {"a\\", 2, "character after '\\'"},
                             {":a", 1, "field name before ':'"},
                             {"title:", 7, "directly after 'title:'"},
                             {"title: a", 7, "found white space"},
                             {"ti*:a", 1, "no wildcards"},
                             {"a:b:c", 4, "found ':'"},
                             {"*:*a", 4, "white space"},
                             {"~2", 1, "expected a word"},
                             {"^2", 1, "expected a word"},
                             {"a^", 3, "number from 0 to 1000"},
                             {"a^-1", 3, "number from 0 to 1000"},
                             {"a^1001", 3, "number from 0 to 1000"},
                             {"a^nan", 3, "number from 0 to 1000"},
                             {"a^1e99", 3, "number from 0 to 1000"},
                             {"a^2^3", 4, "white space"},
                             {"a^2b", 4, "white space"},
                             {"a~3", 3, "edits from 1 to 2"},
                             {"a~0", 3, "edits from 1 to 2"},
                             {"a~x", 3, "edits from 1 to 2"},
                             {"a*~1", 3, "no '~'"},
                             {"\"a b\"~", 6, "number from 0 to 1000000"},
                             {"\"a b\"~99999999999", 6, "number from 0 to 1000000"},
                             {"(a b)~3", 6, "from 1 to the 2 optional clauses"},
                             {"(a b)~0", 6, "from 1 to the 2 optional clauses"},
                             {"n:[1 5]", 6, "expected TO"},
                             {"n:[1 TO 5", 3, "closing ']' or '}'"},
                             {"n:[TO 5]", 7, "expected TO"},
                             {"n:[1* TO 5]", 4, "no wildcards"},
                             {"n:[1 TO ]", 9, "bound of the range"},
                         }));

TEST(Parser, RefusesATextOverTheLimitNamingBoth) {
  const auto query = ParseQuery(std::string(10'000'000, 'a'));
  ASSERT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(query.status().message()),
              AllOf(HasSubstr("10000000"), HasSubstr("1048576")));
}

TEST(Parser, RefusesTooManyClausesNamingBoth) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "ab ";
  for (const std::string& query_text : {text, Concat("+x AND (", text, ")~70000")}) {
    const auto query = ParseQuery(query_text);
    ASSERT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(query.status().message()),
                AllOf(HasSubstr("10000"), HasSubstr("16384")));
  }
}

TEST(Parser, TakesAsManyClausesAsTheLimit) {
  std::string text;
  for (size_t i = 1; i < kMaxQueryClauses; ++i) text += "ab ";  // and the group
  const auto query = ParseQuery(text);
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->boolean().should_size(), static_cast<int>(kMaxQueryClauses) - 1);
  EXPECT_FALSE(ParseQuery(text + "ab").ok());
}

TEST(Parser, RefusesDeepNestingWithoutOverflow) {
  for (size_t depth : {kMaxQueryDepth + 1, size_t{500'000}}) {
    const auto query = ParseQuery(Concat(std::string(depth, '('), "a", std::string(depth, ')')));
    ASSERT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(query.status().message()), HasSubstr("limit of 48"));
  }
  std::string text = "a";
  for (int i = 0; i < 40; ++i) text = Concat("(", text, " AND b c)^2");
  EXPECT_THAT(std::string(ParseQuery(text).status().message()), HasSubstr("limit of 48"));
}

TEST(Parser, TheDeepestTreeSurvivesTheWire) {
  v1::Query query = Term("a");
  for (size_t depth = 1; depth < kMaxQueryDepth; ++depth) query = All({query, Term("b")});
  std::string text = "a";
  for (size_t depth = 1; depth < kMaxQueryDepth; ++depth) text = Concat("+(", text, ") +b");
  const auto parsed = ParseQuery(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*parsed, query));
  v1::Query wrapped = All({query, Term("b")});  // as a field of SearchRequest, one level deeper
  v1::Query read;
  EXPECT_TRUE(read.ParseFromString(wrapped.SerializeAsString()));
}

}  // namespace
}  // namespace canopy
