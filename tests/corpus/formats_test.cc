// TSV, TREC text, deb822 and text files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/strings.h"
#include "corpus/trec.h"
#include "tests/corpus/read_all.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class FormatsTest : public ::testing::Test {
 protected:
  ReadResult Read(std::string_view bytes, std::string format, SourceOptions options = {}) {
    WriteTo(dir_.File("in"), bytes);
    options.inputs = {dir_.File("in")};
    options.format = std::move(format);
    return ReadAll(std::move(options));
  }

  TempDir dir_;
};

using TsvTest = FormatsTest;

TEST_F(TsvTest, TheHeaderNamesTheFields) {
  const ReadResult result = Read("title\tid\tbody\nT\t1\tsome \"text\" \\t\r\n\t2\t\n", "tsv");
  ASSERT_TRUE(result.status.ok()) << result.status;
  ASSERT_THAT(result.documents, SizeIs(2));
  EXPECT_EQ(result.documents[0].id, "1");
  EXPECT_THAT(result.documents[0].fields,
              ElementsAre(Pair("title", "T"), Pair("body", "some \"text\" \\t")));
  EXPECT_EQ(result.documents[1].id, "2");
  EXPECT_THAT(result.documents[1].fields, ElementsAre(Pair("title", ""), Pair("body", "")));
}

TEST_F(TsvTest, WithoutAnIdColumnTheIdIsEmpty) {
  const ReadResult result = Read("title\nT\n", "tsv");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "");
}

TEST_F(TsvTest, ALineWithMoreOrFewerColumnsIsBad) {
  const ReadResult result = Read("id\ta\n1\n\n2\tb\n3\tc\td\n", "tsv");
  EXPECT_THAT(result.documents, SizeIs(1));
  ASSERT_THAT(result.bad, SizeIs(2));
  EXPECT_EQ(result.bad[0].line, 2u);
  EXPECT_EQ(result.bad[0].reason, "1 columns, the header has 2");
  EXPECT_EQ(result.bad[1].line, 5u);
}

TEST_F(TsvTest, AHeaderThatNamesNoColumnsIsAnError) {
  for (const std::string_view header : {"a\ta\n", "a\t\tb\n", "\n", "\ta\n"}) {
    const ReadResult result = Read(Concat(header, "1\t2\n"), "tsv");
    EXPECT_EQ(result.status.code(), absl::StatusCode::kInvalidArgument) << header;
    EXPECT_THAT(Message(result.status), HasSubstr(dir_.File("in")));
  }
}

TEST_F(TsvTest, AnEmptyFileHasNoDocuments) {
  const ReadResult result = Read("", "tsv");
  EXPECT_TRUE(result.status.ok());
  EXPECT_THAT(result.documents, IsEmpty());
}

TEST_F(TsvTest, InvalidUtf8IsReplacedAndCounted) {
  const ReadResult result = Read("id\ta\n\xff\tx\xc3y\xe2\x82z\n", "tsv");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "\xef\xbf\xbd");
  EXPECT_EQ(result.documents[0].fields[0].second, "x\xef\xbf\xbdy\xef\xbf\xbdz");
  EXPECT_EQ(result.documents[0].invalid_utf8, 3u);
}

TEST_F(TsvTest, ALineThatIsTooLongIsBad) {
  SourceOptions options;
  options.max_document_bytes = 100;
  const ReadResult result =
      Read("id\ta\n1\t" + std::string(1'000'000, 'x') + "\n2\ty\n", "tsv", options);
  EXPECT_THAT(result.bad, SizeIs(1));
  EXPECT_THAT(result.documents, SizeIs(1));
}

using TrecTest = FormatsTest;

TEST_F(TrecTest, ElementsBecomeFieldsAndTheDocnoTheId) {
  const ReadResult result = Read(
      "<DOC>\n<DOCNO> FT911-1 </DOCNO>\n<HEADLINE>Rates &amp; <B>bonds</B></HEADLINE>\n"
      "<TEXT>\nFirst line\nsecond 1 < 2 &hyph; &lt;x&gt;\n</TEXT>\n</DOC>\n"
      "<doc><docno>2</docno><TEXT>one</TEXT><text attr=\"x\">two</text></doc>\n",
      "trec");
  ASSERT_THAT(result.bad, IsEmpty()) << result.bad[0].reason;
  ASSERT_THAT(result.documents, SizeIs(2));
  EXPECT_EQ(result.documents[0].id, "FT911-1");
  EXPECT_THAT(result.documents[0].fields,
              ElementsAre(Pair("headline", "Rates &  bonds"),
                          Pair("text", "First line\nsecond 1 < 2 &hyph; <x>")));
  EXPECT_EQ(result.documents[1].id, "2");
  EXPECT_THAT(result.documents[1].fields, ElementsAre(Pair("text", "one\ntwo")));
}

TEST_F(TrecTest, TextOutsideOfElementsAndMarkupWithoutAnEnd) {
  const ReadResult result =
      Read("<DOC><DOCNO>1</DOCNO>loose <P>text<br/> here<!-- no --> </DOC>", "trec");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_THAT(result.documents[0].fields, ElementsAre(Pair("text", "loose  text  here")));
}

TEST_F(TrecTest, SeveralRecordsMayShareALine) {
  const ReadResult result =
      Read("<DOC><DOCNO>1</DOCNO></DOC> <DOC><DOCNO>2</DOCNO>x</DOC>", "trec");
  EXPECT_THAT(result.bad, IsEmpty());
  ASSERT_THAT(result.documents, SizeIs(2));
  EXPECT_EQ(result.documents[1].id, "2");
}

TEST_F(TrecTest, BrokenRecordsAreNamedAndTheNextIsRead) {
  const ReadResult result = Read(
      "<?xml?>\n<DOC><DOCNO>1</DOCNO>a\n<DOC>\n<DOCNO>2</DOCNO>\n</DOC>\n"  // the first is not
                                                                            // closed
      "<DOC>no number</DOC>\nstray\nlines\n<DOC><DOCNO>3</DOCNO><DOCNO>4</DOCNO></DOC>\n"
      "<DOC><DOCNO>5</DOCNO>cut",
      "trec");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "2");
  ASSERT_THAT(result.bad, SizeIs(6));
  EXPECT_EQ(result.bad[0].line, 1u);
  EXPECT_EQ(result.bad[0].reason, "text outside of <DOC> and </DOC>");
  EXPECT_EQ(result.bad[1].line, 2u);
  EXPECT_EQ(result.bad[1].reason, "<DOC> without </DOC>");
  EXPECT_EQ(result.bad[2].reason, "no <DOCNO>");
  EXPECT_EQ(result.bad[3].line, 7u);
  EXPECT_EQ(result.bad[3].reason, "text outside of <DOC> and </DOC>");
  EXPECT_EQ(result.bad[4].reason, "a second <DOCNO>");
  EXPECT_EQ(result.bad[5].reason, "<DOC> without </DOC>");
}

TEST_F(TrecTest, ARecordThatIsTooLongIsBadWhetherItsLinesAreOrNot) {
  SourceOptions options;
  options.max_document_bytes = 1000;
  std::string many_lines;
  for (int i = 0; i < 100; ++i) many_lines += std::string(50, 'x') + "\n";
  const ReadResult result =
      Read("<DOC>\n<DOCNO>1</DOCNO>\n" + many_lines + "</DOC>\n<DOC>\n" + std::string(5000, 'y') +
               "\n</DOC>\n" + "<DOC><DOCNO>3</DOCNO></DOC>\n",
           "trec", options);
  ASSERT_THAT(result.bad, SizeIs(2));
  EXPECT_THAT(result.bad[0].reason, HasSubstr("more than 1000 (--max-document-mb)"));
  EXPECT_THAT(result.bad[1].reason, HasSubstr("more than 1000 (--max-document-mb)"));
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "3");
}

TEST_F(TrecTest, HostileMarkupTakesLinearTime) {
  // Each of these would be quadratic if every tag were looked for to the record's end.
  std::string unclosed = "<DOC><DOCNO>1</DOCNO>";
  for (int i = 0; i < 200'000; ++i) unclosed += Concat("<a", i, ">");
  const ReadResult result = Read(unclosed + std::string(1'000'000, '<') + "</DOC>", "trec");
  EXPECT_THAT(result.documents, SizeIs(1));
  std::string many;
  for (size_t i = 0; i <= TrecSource::kMaxTags; ++i) many += "<b>";
  Document document;
  EXPECT_THAT(ParseTrecRecord(many, many.size(), document), HasSubstr("more than 1048576 tags"));
  std::string starts;
  for (int i = 0; i < 1'000'000; ++i) starts += "<doc ";
  EXPECT_THAT(Read(starts, "trec").bad, SizeIs(1));
}

using Deb822Test = FormatsTest;

TEST_F(Deb822Test, AParagraphIsADocument) {
  const ReadResult result = Read(
      "Package: 7zip\nInstalled-Size: 2742\nDescription: file archiver\n"
      "Description-md5: abc\nHomepage: https://7-zip.org/\n\n\n"
      "# a comment\nPackage: aaa\nDescription-en: short\n First line\n .\n  * kept blank\n"
      "Depends: libc6,\n libx\n",
      "deb822");
  ASSERT_THAT(result.bad, IsEmpty()) << result.bad[0].reason;
  ASSERT_THAT(result.documents, SizeIs(2));
  EXPECT_EQ(result.documents[0].id, "7zip");
  EXPECT_THAT(result.documents[0].fields,
              ElementsAre(Pair("package", "7zip"), Pair("installed-size", "2742"),
                          Pair("summary", "file archiver"), Pair("description-md5", "abc"),
                          Pair("homepage", "https://7-zip.org/")));
  EXPECT_EQ(result.documents[1].id, "aaa");
  EXPECT_THAT(result.documents[1].fields,
              ElementsAre(Pair("package", "aaa"), Pair("summary", "short"),
                          Pair("description", "First line\n\n * kept blank"),
                          Pair("depends", "libc6,\nlibx")));
}

TEST_F(Deb822Test, AnotherFieldCanBeTheId) {
  SourceOptions options;
  options.id_field = "name";
  const ReadResult result = Read("Name: n1\nPackage: p\n", "deb822", options);
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "n1");
  EXPECT_THAT(result.documents[0].fields, ElementsAre(Pair("package", "p")));
}

TEST_F(Deb822Test, TheIdFieldMayBeWrittenWithCapitals) {
  SourceOptions options;
  options.id_field = "Name";
  const ReadResult result = Read("Name: n1\nPackage: p\n", "deb822", options);
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "n1");
}

TEST_F(Deb822Test, AParagraphWithoutTheIdFieldThatWasNamedHasNoId) {
  SourceOptions options;
  options.id_field = "name";
  const ReadResult result = Read("Package: p\n", "deb822", options);
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "");
}

TEST_F(Deb822Test, ASecondDescriptionKeepsItsName) {
  const ReadResult result =
      Read("Package: p\nDescription: a\n long\nDescription-de: b\n lang\n", "deb822");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_THAT(result.documents[0].fields,
              ElementsAre(Pair("package", "p"), Pair("summary", "a"), Pair("description", "long"),
                          Pair("description-de", "b\nlang")));
}

TEST_F(Deb822Test, BrokenParagraphsAreNamedAndTheNextIsRead) {
  const ReadResult result = Read(
      " continues nothing\n\nPackage: a\nno colon here\n\nPackage: b\nA: 1\na: 2\n\n"
      "-bad: name\n\nPackage: ok",
      "deb822");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "ok");
  ASSERT_THAT(result.bad, SizeIs(4));
  EXPECT_EQ(result.bad[0].line, 1u);
  EXPECT_EQ(result.bad[1].line, 3u);
  EXPECT_THAT(result.bad[1].reason, HasSubstr("line 4"));
  EXPECT_EQ(result.bad[2].reason, "line 8 gives the field \"a\" a second time");
  EXPECT_EQ(result.bad[3].line, 10u);
}

TEST_F(Deb822Test, AParagraphThatIsTooLongIsBad) {
  SourceOptions options;
  options.max_document_bytes = 100;
  const std::string line = " " + std::string(60, 'x') + "\n";
  const ReadResult result = Read("Package: a\nDescription: d\n" + line + line + "\nPackage: b\n" +
                                     std::string(1'000'000, 'y') + "\n\nPackage: c\n",
                                 "deb822", options);
  ASSERT_THAT(result.bad, SizeIs(2));
  EXPECT_THAT(result.bad[0].reason, HasSubstr("more than 100 (--max-document-mb)"));
  EXPECT_THAT(result.bad[1].reason, HasSubstr("more than 100 (--max-document-mb)"));
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "c");
}

using TextTest = FormatsTest;

TEST_F(TextTest, AFileIsADocument) {
  const ReadResult result = Read("some\ntext", "text");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, dir_.File("in"));
  EXPECT_THAT(result.documents[0].fields,
              ElementsAre(Pair("path", dir_.File("in")), Pair("text", "some\ntext")));
  EXPECT_EQ(result.documents[0].input_bytes, 9u);
}

TEST_F(TextTest, ATreeIsReadInTheOrderOfItsPaths) {
  std::filesystem::create_directories(dir_.File("t/b"));
  std::filesystem::create_directories(dir_.File("t/.git"));
  WriteTo(dir_.File("t/b/x.c"), "x");
  WriteTo(dir_.File("t/b.c"), "b");
  WriteTo(dir_.File("t/a"), "");
  WriteTo(dir_.File("t/.git/config"), "hidden");
  WriteTo(dir_.File("t/.hidden"), "hidden");
  std::filesystem::create_directory_symlink(dir_.File("t"), dir_.File("t/b/round"));
  std::filesystem::create_symlink(dir_.File("nowhere"), dir_.File("t/broken"));
  std::filesystem::create_symlink(dir_.File("t/b.c"), dir_.File("t/link"));
  const ReadResult result = ReadAll(dir_.File("t"), "text");
  ASSERT_TRUE(result.status.ok());
  std::vector<std::string> ids;
  for (const Document& document : result.documents) ids.push_back(document.id);
  EXPECT_THAT(ids, ElementsAre("a", "b.c", "b/x.c", "link"));
  EXPECT_EQ(result.documents[1].fields[1].second, "b");
}

TEST_F(TextTest, ABinaryFileIsABadRecord) {
  std::filesystem::create_directories(dir_.File("t"));
  WriteTo(dir_.File("t/a"), std::string("ab\0c", 4));
  WriteTo(dir_.File("t/b"), std::string(8191, 'x') + std::string(1, '\0'));
  WriteTo(dir_.File("t/c"), std::string(8192, 'x') + std::string(1, '\0'));
  const ReadResult result = ReadAll(dir_.File("t"), "text");
  ASSERT_THAT(result.bad, SizeIs(2));
  EXPECT_EQ(result.bad[0].file, dir_.File("t/a"));
  EXPECT_EQ(result.bad[0].reason, "a binary file: byte 2 is NUL");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].id, "c");
}

TEST_F(TextTest, AFileThatIsTooLongIsBad) {
  SourceOptions options;
  options.max_document_bytes = 100'000;
  EXPECT_THAT(Read(std::string(100'000, 'x'), "text", options).documents, SizeIs(1));
  const ReadResult result = Read(std::string(100'001, 'x'), "text", options);
  EXPECT_THAT(result.documents, IsEmpty());
  ASSERT_THAT(result.bad, SizeIs(1));
  EXPECT_EQ(result.bad[0].reason, "a file of more than 100000 bytes (--max-document-mb)");
}

TEST_F(TextTest, InvalidUtf8IsReplacedAndCounted) {
  const ReadResult result = Read(
      "a\xff\xfe"
      "b",
      "text");
  ASSERT_THAT(result.documents, SizeIs(1));
  EXPECT_EQ(result.documents[0].fields[1].second,
            "a\xef\xbf\xbd\xef\xbf\xbd"
            "b");
  EXPECT_EQ(result.documents[0].invalid_utf8, 2u);
}

}  // namespace
}  // namespace canopy
