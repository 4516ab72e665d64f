#include "corpus/json_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/strings.h"
#include "nlohmann/json.hpp"
#include "tests/corpus/read_all.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class JsonLinesTest : public ::testing::Test {
 protected:
  ReadResult Read(std::string_view bytes, SourceOptions options = {}) {
    WriteTo(dir_.File("in.jsonl"), bytes);
    options.inputs = {dir_.File("in.jsonl")};
    return ReadAll(std::move(options));
  }

  // The one document of one good line.
  Document One(std::string_view line) {
    const ReadResult result = Read(line);
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_THAT(result.bad, IsEmpty()) << line << ": " << result.bad.at(0).reason;
    EXPECT_THAT(result.documents, SizeIs(1)) << line;
    return result.documents.size() == 1 ? result.documents[0] : Document{};
  }

  // Why one bad line is bad.
  std::string Bad(std::string_view line, SourceOptions options = {}) {
    const ReadResult result = Read(line, std::move(options));
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_THAT(result.documents, IsEmpty()) << line;
    EXPECT_THAT(result.bad, SizeIs(1)) << line;
    return result.bad.size() == 1 ? result.bad[0].reason : "";
  }

  TempDir dir_;
};

TEST_F(JsonLinesTest, StringFieldsBecomeTextInOrder) {
  const Document document = One(R"({"id": "x1", "title": "T", "body": "B", "a": ""})");
  EXPECT_EQ(document.id, "x1");
  EXPECT_THAT(document.fields, ElementsAre(Pair("title", "T"), Pair("body", "B"), Pair("a", "")));
  EXPECT_EQ(document.input_bytes, 48u);
}

TEST_F(JsonLinesTest, TheIdMayBeANumberAsItIsWritten) {
  EXPECT_EQ(One(R"({"id": 7})").id, "7");
  EXPECT_EQ(One(R"({"id":-1.50e+3 ,"a":"b"})").id, "-1.50e+3");
  EXPECT_EQ(One(R"({"id": 123456789012345678901234567890})").id, "123456789012345678901234567890");
  EXPECT_EQ(One(R"({"id": 0})").id, "0");
}

TEST_F(JsonLinesTest, WithoutAnIdTheIdIsEmpty) {
  EXPECT_EQ(One(R"({"title": "T"})").id, "");
  EXPECT_EQ(One(R"({"id": null})").id, "");
  EXPECT_EQ(One("{}").id, "");
}

TEST_F(JsonLinesTest, AnIdOfAnotherKindIsBad) {
  for (const std::string_view id : {"true", "[1]", "{}"}) {
    EXPECT_EQ(Bad(Concat(R"({"id": )", id, R"(, "a": "b"})")),
              "the id is neither a string nor a number");
  }
}

TEST_F(JsonLinesTest, AnotherFieldCanBeTheId) {
  SourceOptions options;
  options.id_field = "key";
  const ReadResult result = Read(R"({"id": "text", "key": 5})", options);
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "5");
  EXPECT_THAT(result.documents[0].fields, ElementsAre(Pair("id", "text")));
}

TEST_F(JsonLinesTest, WhatIsNoStringIsNotKept) {
  const Document document = One(
      R"({"n": 1.5, "a": "A", "t": true, "f": false, "z": null, "l": ["x", {"y": []}], "o": {"a": "inner", "b": {}}, "b": "B"})");
  EXPECT_THAT(document.fields, ElementsAre(Pair("a", "A"), Pair("b", "B")));
}

TEST_F(JsonLinesTest, EscapesAreResolvedInKeysAndValues) {
  const Document document =
      One(R"({"\u0061b": "\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00\u0000é€😀"})");
  EXPECT_THAT(document.fields,
              ElementsAre(Pair("ab", std::string("\"\\/\b\f\n\r\té€😀\0é€😀", 31 - 4))));
}

TEST_F(JsonLinesTest, OfAKeyThatStandsTwiceTheLastCounts) {
  EXPECT_THAT(One(R"({"a": "1", "b": "2", "a": "3"})").fields,
              ElementsAre(Pair("a", "3"), Pair("b", "2")));
  EXPECT_THAT(One(R"({"a": "1", "b": "2", "\u0061": 3, "c": "4"})").fields,
              ElementsAre(Pair("b", "2"), Pair("c", "4")));
  EXPECT_EQ(One(R"({"id": 1, "id": "2"})").id, "2");
  EXPECT_EQ(One(R"({"id": 1, "id": null})").id, "");
}

TEST_F(JsonLinesTest, NothingOfADocumentIsLeftInTheNext) {
  const ReadResult result = Read(
      "{\"id\": 1, \"a\": \"long enough to be allocated somewhere\", \"b\": \"x\"}\n"
      "{\"a\": \"y\"}\n"
      "{\"id\": 3, \"b\": \"1\", \"c\": \"2\", \"d\": \"3\"}\n");
  ASSERT_THAT(result.documents, SizeIs(3));
  EXPECT_EQ(result.documents[1].id, "");
  EXPECT_THAT(result.documents[1].fields, ElementsAre(Pair("a", "y")));
  EXPECT_THAT(result.documents[2].fields,
              ElementsAre(Pair("b", "1"), Pair("c", "2"), Pair("d", "3")));
}

TEST_F(JsonLinesTest, EmptyLinesAndWindowsLineEndsArePassedOver) {
  const ReadResult result = Read("\n{\"a\":\"1\"}\r\n \t\r\n{\"a\":\"2\"}");
  EXPECT_THAT(result.documents, SizeIs(2));
  EXPECT_THAT(result.bad, IsEmpty());
}

TEST_F(JsonLinesTest, BadLinesAreNamedAndSkipped) {
  const ReadResult result = Read("{\"a\":\"1\"}\n{\"a\":\n\n[1]\n{\"a\":\"2\"}\n");
  EXPECT_TRUE(result.status.ok());
  EXPECT_THAT(result.documents, SizeIs(2));
  ASSERT_THAT(result.bad, SizeIs(2));
  EXPECT_EQ(result.bad[0].file, dir_.File("in.jsonl"));
  EXPECT_EQ(result.bad[0].line, 2u);
  EXPECT_EQ(result.bad[1].line, 4u);
  EXPECT_EQ(result.bad[1].reason, "not a JSON object");
}

TEST_F(JsonLinesTest, WhatIsNotJsonIsBadEvenWhereNothingIsKept) {
  for (const std::string_view line : {
           R"({)",
           R"(})",
           R"({"a")",
           R"({"a":})",
           R"({"a":"b",})",
           R"({"a":"b"}x)",
           R"({"a":"b"} {})",
           R"({"a":"b"}})",
           R"({a:"b"})",
           R"({"a":'b'})",
           R"({"a":"b)",
           R"({"a":"\x"})",
           R"({"a":"\u12"})",
           R"({"a":"\ud800"})",
           R"({"\q":"b"})",
           R"({"n":01})",
           R"({"n":1.})",
           R"({"n":.5})",
           R"({"n":-})",
           R"({"n":1e})",
           R"({"n":+1})",
           R"({"n":nul})",
           R"({"n":nulll})",
           R"({"n":tru})",
           R"({"n":falsey})",
           R"({"n":NaN})",
           R"({"l":[1,]})",
           R"({"l":[1 2]})",
           R"({"l":[)",
           R"({"l":[1}})",
           R"({"l":["\x"]})",
           R"({"o":{"a" 1}})",
           R"({"o":{"a":1,}})",
           R"({"o":{"a":-}})",
           R"({"id":01})",
           R"({"id":1x})",
           R"({"a":"b","c"})",
           R"({"a":"b" "c":"d"})",
           R"({,"a":"b"})",
           R"("a")",
           R"(1)",
           R"([])",
           R"(null)",
           "{\"a\":\"\t\"}",
           "{\"a\":\"\x01\"}",
       }) {
    const std::string reason = Bad(line);
    EXPECT_FALSE(reason.empty()) << line;
  }
}

TEST_F(JsonLinesTest, InvalidUtf8IsABadLine) {
  EXPECT_EQ(Bad("{\"a\":\"\xff\"}"), "not valid UTF-8");
  EXPECT_EQ(Bad("{\"a\":\"\xed\xa0\x80\"}"), "not valid UTF-8");  // a surrogate
  EXPECT_EQ(Bad("{\"a\":\"\xc3\"}"), "not valid UTF-8");
}

TEST_F(JsonLinesTest, NestingHasALimit) {
  const auto nested = [](size_t depth) {
    return "{\"l\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  One(nested(JsonLinesSource::kMaxDepth));
  EXPECT_EQ(Bad(nested(JsonLinesSource::kMaxDepth + 1)), "nested deeper than 256");
  EXPECT_EQ(Bad(nested(1'000'000)), "nested deeper than 256");
}

TEST_F(JsonLinesTest, FieldsIdsAndNamesHaveLimits) {
  std::string many = "{";
  for (size_t i = 0; i < kMaxFieldsPerDocument; ++i) many += Concat("\"f", i, "\":\"x\",");
  EXPECT_THAT(One(many + "\"n\":1}").fields, SizeIs(kMaxFieldsPerDocument));
  EXPECT_THAT(Bad(many + "\"more\":\"x\"}"), HasSubstr("more than 1024"));
  EXPECT_EQ(One("{\"id\":\"" + std::string(kMaxIdBytes, 'i') + "\"}").id.size(), kMaxIdBytes);
  EXPECT_THAT(Bad("{\"id\":\"" + std::string(kMaxIdBytes + 1, 'i') + "\"}"),
              HasSubstr("4097 bytes, more than 4096"));
  One("{\"" + std::string(kMaxFieldNameBytes, 'n') + "\":\"x\"}");
  EXPECT_THAT(Bad("{\"" + std::string(kMaxFieldNameBytes + 1, 'n') + "\":\"x\"}"),
              HasSubstr("field name of 256 bytes"));
  EXPECT_EQ(Bad(R"({"": "x"})"), "a field without a name");
}

TEST_F(JsonLinesTest, ALineThatIsTooLongIsBadAndTheNextIsRead) {
  SourceOptions options;
  options.max_document_bytes = 1000;
  const ReadResult result = Read("{\"a\":\"" + std::string(993, 'x') + "\"}\n{\"a\":\"" +
                                     std::string(2'000'000, 'x') + "\"}\n{\"a\":\"short\"}\n",
                                 options);
  ASSERT_THAT(result.bad, SizeIs(2));  // 8 bytes around the 993 and the 2,000,000, then the end
  EXPECT_EQ(result.bad[0].reason, "a record of 1002 bytes, more than 1000 (--max-document-mb)");
  EXPECT_EQ(result.bad[1].line, 2u);
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].fields[0].second, "short");
}

TEST_F(JsonLinesTest, AnErrorOfTheCallerEndsTheReading) {
  WriteTo(dir_.File("in.jsonl"), "x\n{\"a\":\"b\"}\n");
  SourceOptions options;
  options.inputs = {dir_.File("in.jsonl")};
  options.on_bad_record = [](const BadRecord&) { return absl::InvalidArgumentError("enough"); };
  auto source = OpenDocumentSource(options).value();
  Document document;
  EXPECT_EQ(source->Next(document).status(), absl::InvalidArgumentError("enough"));
}

// What another parser makes of a line: nothing, or the fields of the document.
std::optional<Fields> Reference(const std::string& line) {
  using Json = nlohmann::ordered_json;
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  Fields fields;
  for (const auto& [key, value] : json.items()) {
    if (value.is_string() && key != "id") fields.emplace_back(key, value.get<std::string>());
  }
  return fields;
}

TEST_F(JsonLinesTest, RandomlyBrokenLinesAreReadAsAnotherParserReadsThem) {
  std::mt19937_64 random(TestSeed(20240601));
  const std::string good =
      R"({"id":12,"ti":"a\"b\\c\u00e9","l":[1,-2.5e3,{"x":null}],"o":{"k":[true,false]},"b":"é"})";
  constexpr std::string_view kBytes = "{}[]\",:\\0123eE+-.untfalserx \x01";
  std::string input;
  std::vector<std::string> lines;
  for (int i = 0; i < 20'000; ++i) {
    std::string line = good;
    for (uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % line.size();
      const char byte = kBytes[random() % kBytes.size()];
      switch (random() % 3) {
        case 0:
          line[at] = byte;
          break;
        case 1:
          line.erase(at, 1 + random() % 4);
          break;
        default:
          line.insert(at, 1, byte);
          break;
      }
    }
    input += line + "\n";
    lines.push_back(std::move(line));
  }
  const ReadResult result = Read(input);
  ASSERT_TRUE(result.status.ok());
  ASSERT_EQ(result.documents.size() + result.bad.size(), lines.size());
  size_t next_document = 0, next_bad = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool bad = next_bad < result.bad.size() && result.bad[next_bad].line == i + 1;
    const std::optional<Fields> expected = Reference(lines[i]);
    if (bad) {
      const std::string& reason = result.bad[next_bad++].reason;
      const bool own_rule = reason == "a field without a name" || reason.starts_with("the id is");
      EXPECT_TRUE(!expected || own_rule) << lines[i] << ": " << reason;
    } else {
      ASSERT_TRUE(expected) << lines[i];
      EXPECT_EQ(result.documents[next_document++].fields, *expected) << lines[i];
    }
  }
  EXPECT_GT(next_document, 1000u);
  EXPECT_GT(next_bad, 1000u);
}

TEST_F(JsonLinesTest, AKeyThatIsAStringAgainIsATextFieldAgain) {
  const ReadResult result = Read(R"({"a": "1", "b": "2", "a": 3, "c": "4", "b": null, "a": "5"})");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].fields, (Fields{{"a", "5"}, {"c", "4"}}));
}

TEST_F(JsonLinesTest, ManyFieldsAndManyKeysTakeLinearTime) {
  // Each key that is looked for among all the fields would make this quadratic.
  std::string line = "{";
  for (int i = 0; i < 1024; ++i) absl::StrAppend(&line, "\"f", i, "\": \"\", ");
  for (int i = 0; i < 1'000'000; ++i) absl::StrAppend(&line, "\"n", i % 1000, "\": 0, ");
  for (int i = 0; i < 500'000; ++i) line += R"("f1": 0, "f1": "x", )";
  const ReadResult result = Read(line + "\"id\": 1}");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_THAT(result.documents[0].fields, SizeIs(1024));
  EXPECT_THAT(result.documents[0].fields[1], Pair("f1", "x"));
}

}  // namespace
}  // namespace canopy
