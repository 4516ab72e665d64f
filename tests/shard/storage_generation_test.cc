// Names, manifests, and the way from an index directory to its shards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "base/status.h"
#include "base/strings.h"
#include "shard/check_shard.h"
#include "shard/generation.h"
#include "shard/term_bounds_writer.h"
#include "storage_model.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

GenerationInfo Info() {
  GenerationInfo info;
  info.number = 12;
  info.docs = 5;
  info.tokens = 77;
  info.analyzer = "english";
  info.analyzer_version = 3;
  info.fields = {"title", "body \"quoted\""};
  info.shards = {{ShardFileName(0, 2), 1000, 0xfedcba9876543210, 3, 10, 20},
                 {ShardFileName(1, 2), 2000, 1, 2, 11, 21}};
  info.term_bounds = {"term-bounds.canopy", 300, 0x0123456789abcdef};
  return info;
}

void WriteText(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::string Replace(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

absl::Status Decode(const std::string& json) { return DecodeManifest(json, "m.json").status(); }

TEST(Generation, NamesAreParsedBack) {
  EXPECT_EQ(GenerationName(1), "gen-000001");
  EXPECT_EQ(ShardFileName(7, 16), "shard-0007-of-0016.canopy");
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{1}, uint64_t{999999}, uint64_t{1000000}, UINT64_MAX}) {
    EXPECT_EQ(ParseGenerationName(GenerationName(number)), number);
  }
}

TEST(Generation, OtherNamesAreRefused) {
  for (const char* name : {"", "gen-", "gen-1", "gen-+00001", "gen- 00001", "gen-0000001",
                           "gen-00000x", "../gen-000001", "gen-000001/", "gen-000001/../..",
                           "building-000001", "GEN-000001", "gen-99999999999999999999999"}) {
    EXPECT_EQ(ParseGenerationName(name), std::nullopt) << name;
  }
}

TEST(Generation, AManifestIsReadBack) {
  const GenerationInfo info = Info();
  const auto found = DecodeManifest(EncodeManifest(info), "m.json");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(EncodeManifest(*found), EncodeManifest(info));
  EXPECT_EQ(found->number, 12u);
  EXPECT_EQ(found->fields, info.fields);
  EXPECT_EQ(found->shards[0].checksum, 0xfedcba9876543210);
  EXPECT_EQ(found->term_bounds->size_bytes, 300u);
  EXPECT_EQ(found->term_bounds->checksum, 0x0123456789abcdefu);
  EXPECT_EQ(found->SizeBytes(), 3300u);
  EXPECT_EQ(found->CollectionChecksum(), info.CollectionChecksum());
}

TEST(Generation, AManifestOfVersionOneHasNoTermBounds) {
  GenerationInfo info = Info();
  info.term_bounds.reset();
  const auto found =
      DecodeManifest(Replace(EncodeManifest(info), "\"version\": 2", "\"version\": 1"), "m.json");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_FALSE(found->term_bounds.has_value());
  EXPECT_EQ(found->SizeBytes(), 3000u);
  EXPECT_NE(found->CollectionChecksum(), Info().CollectionChecksum());
}

TEST(Generation, ANewerManifestIsNamed) {
  const absl::Status status =
      Decode(Replace(EncodeManifest(Info()), "\"version\": 2", "\"version\": 3"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(status)),
              HasSubstr("m.json: manifest version 3 is newer than this program's 2"));
}

TEST(Generation, DamagedManifestsAreRefused) {
  const std::string good = EncodeManifest(Info());
  ASSERT_EQ(Decode(good), absl::OkStatus());
  const std::pair<std::string, std::string> cases[] = {
      {"", "not a JSON"},
      {"[]", "not an object"},
      {"{}", "version is missing"},
      {"7", "not an object"},
      {good.substr(0, good.size() / 2), "not a JSON"},
      {Replace(good, "\"version\": 2", "\"version\": 0"), "version 0"},
      {Replace(good, "\"docs\": 5", "\"docs\": \"5\""), "docs is not a number"},
      {Replace(good, "\"docs\": 5", "\"docs\": -5"), "docs is not a number"},
      {Replace(good, "\"docs\": 5", "\"docs\": 5.5"), "docs is not a number"},
      {Replace(good, "\"docs\": 5", "\"docs\": 7"), "3 documents, expected 4 of 7"},
      {Replace(good, "\"analyzer\": \"english\"", "\"analyzer\": 1"), "analyzer is not a string"},
      {Replace(good, "fedcba9876543210", "fedcba987654321"), "16 hexadecimal digits"},
      {Replace(good, "fedcba9876543210", "fedcba9876543211"), "checksum"},
      {Replace(good, "shard-0000-of-0002.canopy", "../../etc/passwd"), "is not a file name"},
      {Replace(good, "shard-0000-of-0002.canopy", ".."), "is not a file name"},
      {Replace(good, "shard-0000-of-0002.canopy", ""), "is not a file name"},
      {Replace(good, "0123456789abcdef", "0123456789abcdee"), "checksum"},
      {Replace(good, "term-bounds.canopy", "../term-bounds.canopy"), "is not a file name"},
      {Replace(good, "\"size_bytes\": 300,", "\"size_bytes\": \"300\","),
       "term_bounds: size_bytes is not a number"},
      {Replace(good, "\"term_bounds\"", "\"term_boundz\""), "checksum"},
      {Replace(good, "\"title\"", "1"), "a field is not a string"},
      {Replace(good, "\"tokens\"", "\"tokenz\""), "tokens is missing"},
  };
  for (const auto& [json, text] : cases) {
    const absl::Status status = Decode(json);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << text << ": " << status;
    EXPECT_THAT(std::string(Message(status)), HasSubstr(text));
    EXPECT_THAT(std::string(Message(status)), HasSubstr("m.json"));
  }
}

TEST(Generation, AnyChangedByteOfAManifestIsRefusedOrHarmless) {
  const std::string good = EncodeManifest(Info());
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char byte : {'"', '0', '9', '{', ' ', '\0', '\xff'}) {
      std::string changed = good;
      changed[at] = byte;
      const absl::Status status = Decode(changed);
      EXPECT_TRUE(status.ok() || absl::IsDataLoss(status) || absl::IsFailedPrecondition(status))
          << status;
    }
  }
}

TEST(Generation, ADirectoryWithoutAnIndexIsNotFound) {
  TempDir directory;
  absl::Status status = ReadCurrentGeneration(LocalFileSystem(), directory.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(status),
            Concat(directory.path(), " is not an index directory: it has no CURRENT file"));
  status = ReadCurrentGeneration(LocalFileSystem(), directory.File("nowhere")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("no such directory"));
}

TEST(Generation, ACurrentFileThatNamesNoGenerationIsRefused) {
  TempDir directory;
  for (const char* content :
       {"", "\n", "gen-000001", "gen-000001\n\n", "gen-000001/..\n", "../x\n", "gen-1\n"}) {
    WriteText(directory.File("CURRENT"), content);
    const absl::Status status = ReadCurrentGeneration(LocalFileSystem(), directory.path()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << content;
    EXPECT_THAT(std::string(Message(status)), HasSubstr("CURRENT"));
  }
}

// An index directory with one generation of two shards.
class GenerationOnDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    FileSystem& files = LocalFileSystem();
    const std::string path = directory_.File(GenerationName(1));
    ASSERT_TRUE(files.CreateDirectory(path).ok());
    info_.number = 1;
    info_.directory = path;
    info_.docs = 7;
    info_.analyzer = "ascii";
    info_.analyzer_version = 1;
    info_.fields = {"text"};
    for (ShardId shard = 0; shard < 2; ++shard) {
      ShardModel model;
      model.shard = shard;
      model.num_shards = 2;
      model.docs.resize(DocsInShard(7, shard, 2));
      model.other_docs = 7 - model.docs.size();
      const auto summary = WriteModel(files, path, model);
      ASSERT_TRUE(summary.ok()) << summary.status();
      const std::string name = ShardFileName(shard, 2);
      ASSERT_TRUE(files.Rename(Concat(path, "/", kModelFile), Concat(path, "/", name)).ok());
      info_.shards.push_back({name, summary->size_bytes, summary->checksum, summary->docs, 0, 0});
    }
    WriteText(directory_.File("CURRENT"), "gen-000001\n");
    WriteManifest();
  }

  void WriteManifest() {
    WriteText(Concat(info_.directory, "/manifest.json"), EncodeManifest(info_));
  }

  absl::Status Check() {
    ASSIGN_OR_RETURN(const GenerationInfo found,
                     ReadCurrentGeneration(LocalFileSystem(), directory_.path()));
    return CheckGeneration(LocalFileSystem(), found);
  }

  TempDir directory_;
  GenerationInfo info_;
};

TEST_F(GenerationOnDisk, AGoodOneIsReadAndPasses) {
  EXPECT_EQ(Check(), absl::OkStatus());
  const auto found = ReadCurrentGeneration(LocalFileSystem(), directory_.path());
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->directory, info_.directory);
  EXPECT_EQ(found->PathOf(found->shards[1]), Concat(info_.directory, "/shard-0001-of-0002.canopy"));
}

TEST_F(GenerationOnDisk, ThreadsAndMemoryDoNotChangeWhatACheckFinds) {
  std::atomic<uint64_t> bytes{0};
  const CheckOptions options{.threads = 3,
                             .mapped_bytes = 0,  // pages are released all the time
                             .progress = [&](uint64_t more) {
                               bytes += more;
                               return absl::OkStatus();
                             }};
  EXPECT_EQ(CheckGeneration(LocalFileSystem(), info_, options), absl::OkStatus());
  EXPECT_EQ(bytes, info_.shards[0].size_bytes + info_.shards[1].size_bytes);
  info_.analyzer = "other";
  const absl::Status status = CheckGeneration(LocalFileSystem(), info_, options);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("the manifest says"));
}

TEST_F(GenerationOnDisk, AMissingShardIsNamed) {
  ASSERT_TRUE(LocalFileSystem().Remove(info_.PathOf(info_.shards[1])).ok());
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("shard-0001-of-0002.canopy: missing"));
}

TEST_F(GenerationOnDisk, ShardsThatChangedPlacesAreRefused) {
  std::swap(info_.shards[0].file, info_.shards[1].file);
  WriteManifest();
  EXPECT_EQ(Check().code(), absl::StatusCode::kDataLoss);
}

TEST_F(GenerationOnDisk, AShardOfAnotherBuildIsRefused) {
  info_.shards[1].checksum ^= 1;
  WriteManifest();
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("the manifest says"));
}

TEST_F(GenerationOnDisk, AManifestOfAnotherCollectionIsRefused) {
  info_.analyzer = "english";
  WriteManifest();
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("the manifest says 7, 0, english 1"));
}

TEST_F(GenerationOnDisk, AMissingManifestIsDamage) {
  ASSERT_TRUE(LocalFileSystem().Remove(Concat(info_.directory, "/manifest.json")).ok());
  EXPECT_EQ(Check().code(), absl::StatusCode::kDataLoss);
}

TEST_F(GenerationOnDisk, AManifestOfAnotherNumberIsDamage) {
  info_.number = 2;
  WriteManifest();
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("says generation 2"));
}

// The same with the file of term bounds that belongs to it.
class GenerationWithBounds : public GenerationOnDisk {
 protected:
  void SetUp() override {
    GenerationOnDisk::SetUp();
    WriteBounds(7);
    EXPECT_EQ(Check(), absl::OkStatus());
  }

  void WriteBounds(uint64_t docs) {
    TermBoundsWriter writer(LocalFileSystem(), {.num_shards = 2, .directory = info_.directory});
    const auto summary = writer.Finish(docs);
    ASSERT_TRUE(summary.ok()) << summary.status();
    info_.term_bounds = {"term-bounds.canopy", summary->size_bytes, summary->checksum};
    WriteManifest();
  }

  std::string BoundsPath() const { return Concat(info_.directory, "/term-bounds.canopy"); }
};

TEST_F(GenerationWithBounds, AMissingFileIsNamed) {
  ASSERT_TRUE(LocalFileSystem().Remove(BoundsPath()).ok());
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("term-bounds.canopy: missing"));
}

TEST_F(GenerationWithBounds, AFileOfAnotherBuildIsRefused) {
  info_.term_bounds->checksum ^= 1;
  WriteManifest();
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("the manifest says"));
}

TEST_F(GenerationWithBounds, AFileOfAnotherCollectionIsRefused) {
  WriteBounds(8);
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("for 2 shards and 8 documents"));
}

}  // namespace
}  // namespace canopy
