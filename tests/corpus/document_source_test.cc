#include "corpus/document_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

#include "base/strings.h"
#include "corpus/input_files.h"
#include "tests/corpus/compress.h"
#include "tests/corpus/read_all.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kJson = "{\"id\": 1, \"a\": \"one\"}\n{\"id\": 2, \"a\": \"two\"}\n";
constexpr std::string_view kTrec = "\n<DOC>\n<DOCNO>t</DOCNO>\n</DOC>\n";
constexpr std::string_view kTsv = "a\tid\nx\t9\n";
constexpr std::string_view kDeb822 = "Package: p\nVersion: 1\n\nPackage: q\nVersion: 2\n";

std::vector<std::string> Ids(const ReadResult& result) {
  std::vector<std::string> ids;
  for (const Document& document : result.documents) ids.push_back(document.id);
  return ids;
}

class DocumentSourceTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view bytes) {
    WriteTo(dir_.File(name), bytes);
    return dir_.File(name);
  }

  TempDir dir_;
};

TEST_F(DocumentSourceTest, TheNameTellsTheFormat) {
  EXPECT_THAT(Ids(ReadAll(Write("a.jsonl", kJson))), ElementsAre("1", "2"));
  EXPECT_THAT(Ids(ReadAll(Write("a.NDJSON", kJson))), ElementsAre("1", "2"));
  EXPECT_THAT(Ids(ReadAll(Write("a.jsonl.gz", Gzip(kJson)))), ElementsAre("1", "2"));
  EXPECT_THAT(Ids(ReadAll(Write("a.tsv.zst", Zstd(kTsv)))), ElementsAre("9"));
  EXPECT_THAT(Ids(ReadAll(Write("a.trec", kTrec))), ElementsAre("t"));
  EXPECT_THAT(Ids(ReadAll(Write("a.deb822", kDeb822))), ElementsAre("p", "q"));
  EXPECT_THAT(Ids(ReadAll(Write("a.txt", kJson))), ElementsAre(dir_.File("a.txt")));
}

TEST_F(DocumentSourceTest, ElseTheFirstBytesDo) {
  EXPECT_THAT(Ids(ReadAll(Write("j", kJson))), ElementsAre("1", "2"));
  EXPECT_THAT(Ids(ReadAll(Write("g.gz", Gzip(kJson)))), ElementsAre("1", "2"));
  EXPECT_THAT(Ids(ReadAll(Write("z", Zstd(kTsv)))), ElementsAre("9"));
  EXPECT_THAT(Ids(ReadAll(Write("t", kTrec))), ElementsAre("t"));
  EXPECT_THAT(Ids(ReadAll(Write("d", kDeb822))), ElementsAre("p", "q"));
  EXPECT_THAT(Ids(ReadAll(Write("e", " \n"))), IsEmpty());
}

TEST_F(DocumentSourceTest, WhatCannotBeToldIsAnErrorThatNamesTheFile) {
  for (const std::string_view bytes :
       {"some text\nmore", "a\tb\n1\t2\n", "[1, 2]", "Note: one field\n", "a b: c\nd: e\n"}) {
    const absl::Status status = ReadAll(Write("what", bytes)).status;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bytes;
    EXPECT_THAT(Message(status), HasSubstr(dir_.File("what")));
  }
}

TEST_F(DocumentSourceTest, WrongOptionsAreErrors) {
  const std::string path = Write("a.jsonl", kJson);
  EXPECT_EQ(ReadAll(SourceOptions{}).status.code(), absl::StatusCode::kInvalidArgument);
  const absl::Status format = ReadAll(path, "csv").status;
  EXPECT_EQ(format.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(format), HasSubstr("unknown format \"csv\""));
  const absl::Status missing = ReadAll(dir_.File("none.jsonl")).status;
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), HasSubstr("none.jsonl"));
  SourceOptions twice;
  twice.inputs = {"-", "-"};
  twice.format = "jsonl";
  EXPECT_EQ(ReadAll(twice).status.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(DocumentSourceTest, InputsAreReadInTheirOrder) {
  SourceOptions options;
  options.inputs = {Write("b.jsonl", "{\"id\": \"b\"}"), Write("a.jsonl", "{\"id\": \"a\"}\nbad"),
                    Write("c.deb822", kDeb822), "synthetic:docs=2"};
  const ReadResult result = ReadAll(options);
  EXPECT_THAT(Ids(result), ElementsAre("b", "a", "p", "q", "d0", "d1"));
  ASSERT_THAT(result.bad, SizeIs(1));
  EXPECT_EQ(result.bad[0].file, dir_.File("a.jsonl"));
  EXPECT_EQ(result.bad[0].line, 2u);
}

TEST_F(DocumentSourceTest, ADirectoryMayHoldFilesOfSeveralFormats) {
  std::filesystem::create_directories(dir_.File("in/sub"));
  Write("in/1.jsonl", kJson);
  Write("in/sub/2", kTrec);
  Write("in/3.tsv", kTsv);
  EXPECT_THAT(Ids(ReadAll(dir_.File("in"))), ElementsAre("1", "2", "9", "t"));
}

TEST_F(DocumentSourceTest, ProgressCountsTheBytesOnDisk) {
  const std::string gzip = Gzip(kJson);
  SourceOptions options;
  options.inputs = {Write("a.jsonl", kJson), Write("b.jsonl.gz", gzip)};
  const ReadResult result = ReadAll(options);
  EXPECT_EQ(result.bytes_total, kJson.size() + gzip.size());
  EXPECT_EQ(result.bytes_read, result.bytes_total);
}

TEST_F(DocumentSourceTest, ACutFileEndsTheReadingWithItsName) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += Concat("{\"id\": ", i * 7919 % 1000, "}\n");
  const std::string gzip = Gzip(text);
  const ReadResult result = ReadAll(Write("cut.jsonl.gz", gzip.substr(0, gzip.size() / 2)));
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(result.status), HasSubstr("cut.jsonl.gz"));
}

TEST_F(DocumentSourceTest, APipeIsReadOnceAndItsFormatIsSeen) {
  for (const std::string& bytes : {std::string(kJson), Gzip(kJson), Zstd(kJson)}) {
    const std::string path = dir_.File("pipe");
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    std::thread writer([&] { WriteTo(path, bytes); });
    const ReadResult result = ReadAll(path);
    writer.join();
    EXPECT_THAT(Ids(result), ElementsAre("1", "2"));
    EXPECT_EQ(result.bytes_total, 0u);
    EXPECT_EQ(result.bytes_read, bytes.size());
    std::filesystem::remove(path);
  }
}

TEST_F(DocumentSourceTest, StandardInputIsAnInput) {
  for (const std::string& bytes : {std::string(kJson), Gzip(kJson), Zstd(kJson)}) {
    const int file = open(Write("stdin", bytes).c_str(), O_RDONLY);
    const int saved = dup(STDIN_FILENO);
    ASSERT_EQ(dup2(file, STDIN_FILENO), STDIN_FILENO);
    const ReadResult result = ReadAll("-");
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(file);
    ASSERT_TRUE(result.status.ok()) << result.status;
    EXPECT_THAT(Ids(result), ElementsAre("1", "2"));
    EXPECT_EQ(result.bytes_total, 0u);
  }
}

TEST_F(DocumentSourceTest, TextFilesThatVanishAreBadRecords) {
  std::filesystem::create_directories(dir_.File("t"));
  Write("t/a.txt", "a");
  Write("t/b.txt", "b");
  SourceOptions options;
  options.inputs = {dir_.File("t")};
  std::vector<BadRecord> bad;
  options.on_bad_record = [&](const BadRecord& record) {
    bad.push_back(record);
    return absl::OkStatus();
  };
  auto source = OpenDocumentSource(options).value();
  std::filesystem::remove(dir_.File("t/a.txt"));
  Document document;
  ASSERT_TRUE(source->Next(document).value());
  EXPECT_EQ(document.id, "b.txt");
  ASSERT_THAT(bad, SizeIs(1));
  EXPECT_EQ(bad[0].file, dir_.File("t/a.txt"));
}

TEST_F(DocumentSourceTest, AFileOfADirectoryThatShowsNoFormatIsABadRecord) {
  std::filesystem::create_directories(dir_.File("d"));
  Write("d/LICENSE", "no format that is known\n");
  Write("d/docs.jsonl", kJson);
  const ReadResult result = ReadAll(dir_.File("d"));
  EXPECT_EQ(result.status, absl::OkStatus());
  EXPECT_THAT(Ids(result), ElementsAre("1", "2"));
  ASSERT_THAT(result.bad, SizeIs(1));
  EXPECT_EQ(result.bad[0].file, dir_.File("d/LICENSE"));
  EXPECT_THAT(result.bad[0].reason, HasSubstr("--format"));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(dir_.File("d/LICENSE")).status));
}

}  // namespace
}  // namespace canopy
