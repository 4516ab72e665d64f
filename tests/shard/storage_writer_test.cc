// The writer's files as bytes: golden ones, the same for the same input, and none left over when
// something fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/check_shard.h"
#include "storage_model.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

ShardModel TinyModel() {
  ShardModel model;
  model.shard = 1;
  model.num_shards = 2;
  model.other_docs = 2;
  model.field_names = {"title", "body"};
  model.docs.resize(3);
  model.docs[0].id = "a1";
  model.docs[0].fields = {{0, {"oak", "tree"}}, {1, {"oak", "leaf"}}};
  model.docs[0].stored = {{0, "Oak Tree"}};
  model.docs[1].id = "3";
  model.docs[1].fields = {{1, {"tree", "tree", "root"}}};
  model.docs[2].id = "b";
  model.deleted = {1};
  return model;
}

// A larger one, in whose batches little is the same.
ShardModel MixedModel() {
  ShardModel model;
  model.field_names = {"title", "body"};
  std::mt19937 random(3);
  for (uint32_t i = 0; i < 700; ++i) {
    ModelDoc doc;
    if (i % 3 == 1) doc.id = Concat("id", i);
    doc.fields.push_back({i % 2, {}});
    for (uint32_t j = 0; j < 5; ++j) {
      doc.fields[0].second.push_back(Concat("w", random() % (j * 100 + 1)));
    }
    model.docs.push_back(doc);
  }
  return model;
}

std::string BytesOf(const ShardModel& model, const ModelWriteOptions& options = {}) {
  TempDir directory;
  const auto summary = WriteModel(LocalFileSystem(), directory.path(), model, options);
  EXPECT_TRUE(summary.ok()) << summary.status();
  return *ReadFile(LocalFileSystem(), directory.File(kModelFile));
}

// Bytes as lines of 32 in hexadecimal; lines of zeros are left out, and a line says where it
// stands.
std::string Dump(std::string_view bytes) {
  std::string dump;
  for (size_t at = 0; at < bytes.size(); at += 32) {
    const std::string_view line = bytes.substr(at, 32);
    if (line.find_first_not_of('\0') == std::string_view::npos) continue;
    dump +=
        Concat(absl::Hex(at, absl::kZeroPad4), ": ", absl::BytesToHexString(ToAbsl(line)), "\n");
  }
  return dump;
}

// A change of these bytes is a change of the format: a new version, a line in docs/shard_format.md,
// and a reader for the old one.
constexpr char kGolden[] = R"(0000: 43414e4f50595348020000000100000002000000000000000000000000000000
0040: 28b52ffd20108100000b01010100084f616b2054726565000000000000000000
0080: 7900010000000000000000000000000000000000000000000000000000000000
00c0: 0300020201000100000000000000000000000000000000000000000000000000
0100: 046c6561660000090002036f616b0b0000050001000104726f6f740101047472
0120: 6565080401050001000100000000000000000000000000000000000000000000
0140: 000000006661656c000000000000000000000000000000000000000000000000
0180: 000000002a000000000000000000000000000000000000000000000000000000
01c0: 0403000000000000000000000000000000000000000000000000000000000000
0200: 0002010201030000000000000000000000000000000000000000000000000000
0240: 0000000004000000060000000600000000000000000000000000000000000000
02c0: 0000000000000000000000001000000019000000000000000300000000000000
0300: 6131620000000000000000000000000000000000000000000000000000000000
0340: 0000000002000000020000000300000000000000000000000000000000000000
03c0: 0000000003000000000000000000000000000000000000000000000000000000
0400: 0000000001000000020000000000000000000000000000000000000000000000
0440: 0500000000000000000000000000000000000000000000000000000000000000
2440: 0500000000000000070000000000000002000000056173636969010000009a99
2460: 993f0000403f666666666666f63f02057469746c650100000000000000020000
2480: 000000000004626f647902000000000000000500000000000000030000000000
24a0: 0000000000000000000000000000000000000100000000000000010000000000
2c80: 0000000000000000000000000000000000000000000000000000010000000300
2ca0: 0000000000000400000000000000050000000000000007000000000000000000
2cc0: 0100000000000000000000000000000040000000000000007389557bf4207e0a
2ce0: 0200000000000000400000000000000019000000000000000e97eb785afc9c1f
2d00: 03000000000000008000000000000000040000000000000056aa31ebda402059
2d20: 0400000000000000c000000000000000070000000000000097359b4ada0ab024
2d40: 050000000000000000010000000000002a000000000000002d5a95c8c7c6f159
2d60: 060000000000000040010000000000000800000000000000a2f4c98b55395815
2d80: 070000000000000080010000000000000800000000000000b41d4c069bf3e990
2da0: 0800000000000000c00100000000000003000000000000002c260dae590a368a
2dc0: 0900000000000000000200000000000006000000000000002f35aa1a34811bf6
2de0: 0a0000000000000040020000000000001000000000000000362dbae259fd2510
2e00: 0b0000000000000080020000000000000800000000000000d9ac876fbb3a7bc7
2e20: 0c00000000000000c0020000000000002000000000000000a706ddb666426a34
2e40: 0d00000000000000000300000000000003000000000000007a0e614a7f592110
2e60: 0e0000000000000040030000000000001000000000000000c48e8fdc5e1cb66c
2e80: 0f0000000000000080030000000000000800000000000000d9ac876fbb3a7bc7
2ea0: 1000000000000000c0030000000000000800000000000000dcc95d31b7d073ec
2ec0: 110000000000000000040000000000000c0000000000000011c9d9910163d0f7
2ee0: 1200000000000000400400000000000000200000000000005f217d2b18c5dbc9
2f00: 130000000000000040240000000000007e08000000000000533bd4c53a360aca
2f20: c02c0000000000001300000000000000b6f97a81aefffc4943414e4f50594654
)";

TEST(StorageWriter, AFileOfVersionTwoHasTheseBytes) {
  EXPECT_EQ(Dump(BytesOf(TinyModel())), kGolden);
}

// The long forms, of which a dump would be long: two containers, arrays and bitsets, window
// directories, escapes.
TEST(StorageWriter, SectionsOfALargeFileOfVersionTwoHaveTheseChecksums) {
  ShardModel model;
  for (uint32_t i = 0; i < 70000; ++i) {
    ModelDoc doc;
    doc.fields.push_back({0, {"every"}});
    for (const uint32_t step : {10, 100, 300, 600}) {
      if (i % step == 0) doc.fields[0].second.push_back(Concat("every", step));
    }
    if (i % 20000 == 7) doc.fields[0].second.insert(doc.fields[0].second.end(), 300, "every");
    model.docs.push_back(doc);
  }
  TempDir directory;
  ASSERT_TRUE(WriteModel(LocalFileSystem(), directory.path(), model).ok());
  const auto shard = ShardFile::Open(LocalFileSystem(), directory.File(kModelFile));
  ASSERT_TRUE(shard.ok());
  std::string checksums;
  for (const SectionId id :
       {SectionId::kPostings, SectionId::kPositions, SectionId::kDictionary,
        SectionId::kDictionaryKeys, SectionId::kLengths, SectionId::kStatistics}) {
    const Section& section = (*shard)->sections().Get(id);
    checksums +=
        Concat(SectionName(id), " ", section.size(), " ", absl::Hex(section.checksum), "\n");
  }
  EXPECT_EQ(checksums, R"(postings 113482 39ab7fa581c0c3ed
positions 81691 51b4339f20db0e
dictionary 52 d175055e752b5b79
dictionary_keys 8 f967a92948a8ee25
lengths 70000 94be36665b7ca651
statistics 2152 6051ea6d9703467d
)");
}

TEST(StorageWriter, TheSameInputGivesTheSameBytes) {
  EXPECT_EQ(BytesOf(MixedModel()), BytesOf(MixedModel()));
}

TEST(StorageWriter, HowTermsAreCutIntoBatchesLeavesNoTrace) {
  const std::string expected = BytesOf(MixedModel());
  for (const size_t terms : {1, 2, 15, 16, 17, 100000}) {
    EXPECT_EQ(BytesOf(MixedModel(), {.terms_per_batch = terms}), expected) << terms;
  }
}

TEST(StorageWriter, HowDocumentsAreCutIntoBatchesChangesOnlyStoredBlocks) {
  TempDir directory;
  for (const size_t docs : {1, 7, 699}) {
    ASSERT_TRUE(
        WriteModel(LocalFileSystem(), directory.path(), MixedModel(), {.docs_per_batch = docs})
            .ok());
    const auto shard = ShardFile::Open(LocalFileSystem(), directory.File(kModelFile));
    ASSERT_TRUE(shard.ok());
    EXPECT_EQ(CheckShard(**shard), absl::OkStatus());
    EXPECT_EQ(CompareWithModel(**shard, MixedModel()), absl::OkStatus());
  }
}

TEST(StorageWriter, OnlyTheShardFileIsLeft) {
  TempDir directory;
  ASSERT_TRUE(WriteModel(LocalFileSystem(), directory.path(), MixedModel()).ok());
  EXPECT_THAT(*LocalFileSystem().List(directory.path()), ::testing::ElementsAre(kModelFile));
}

TEST(StorageWriter, ASummaryIsThatOfTheFile) {
  TempDir directory;
  const auto summary = WriteModel(LocalFileSystem(), directory.path(), TinyModel());
  ASSERT_TRUE(summary.ok());
  const auto shard = ShardFile::Open(LocalFileSystem(), directory.File(kModelFile));
  ASSERT_TRUE(shard.ok());
  EXPECT_EQ(summary->docs, 3u);
  EXPECT_EQ(summary->terms, 4u);
  EXPECT_EQ(summary->postings, 5u);
  EXPECT_EQ(summary->tokens, 7u);
  EXPECT_EQ(summary->size_bytes, (*shard)->size_bytes());
  EXPECT_EQ(summary->checksum, (*shard)->checksum());
}

TEST(StorageWriter, AFaultOfAnyOperationIsReportedAndLeavesNothing) {
  TempDir directory;
  FaultFileSystem counting(LocalFileSystem());
  ASSERT_TRUE(WriteModel(counting, directory.path(), TinyModel()).ok());
  const uint64_t operations = counting.operations();
  ASSERT_GT(operations, 50u);
  ASSERT_TRUE(LocalFileSystem().Remove(directory.File(kModelFile)).ok());
  uint64_t failures = 0;
  for (uint64_t at = 0; at < operations; ++at) {
    FaultFileSystem faulty(LocalFileSystem(), {.fail_at = at});
    const auto summary = WriteModel(faulty, directory.path(), TinyModel());
    EXPECT_EQ(faulty.open_handles(), 0) << at;
    if (summary.ok()) {
      // The fault hit the removal of a temporary file, which nobody can do anything about.
      EXPECT_EQ(CheckShard(LocalFileSystem(), directory.File(kModelFile)), absl::OkStatus());
    } else {
      ++failures;
      EXPECT_FALSE(LocalFileSystem().Exists(directory.File(kModelFile))) << at;
    }
    const std::vector<std::string> names = *LocalFileSystem().List(directory.path());
    for (const std::string& name : names) {
      ASSERT_TRUE(LocalFileSystem().Remove(directory.File(name)).ok());
    }
  }
  EXPECT_GT(failures, operations / 2);
}

TEST(StorageWriter, AFullDiskIsReported) {
  TempDir directory;
  FaultFileSystem full(LocalFileSystem(), {.disk_bytes = 500});
  EXPECT_EQ(WriteModel(full, directory.path(), TinyModel()).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace canopy
