// What CheckShard says about whole files and about kinds of damage that checksums do not show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>

#include "base/byte_io.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/check_shard.h"
#include "shard/format.h"
#include "storage_model.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

ShardModel Model() {
  ShardModel model;
  model.field_names = {"title", "body"};
  for (uint32_t i = 0; i < 3000; ++i) {
    ModelDoc doc;
    if (i % 100 == 0) doc.id = Concat("id", i);
    doc.fields.push_back({1, {"dense"}});
    if (i % 5 == 0) doc.fields[0].second.push_back("array");
    if (i % 100 == 1) doc.fields.push_back({0, {"short"}});
    doc.stored = {{1, Concat("value ", i)}};
    model.docs.push_back(doc);
  }
  return model;
}

class StorageCheck : public ::testing::Test {
 protected:
  void SetUp() override { Rewrite(Model()); }

  void Rewrite(const ShardModel& model) {
    ASSERT_TRUE(WriteModel(LocalFileSystem(), directory_.path(), model).ok());
    bytes_ = *ReadFile(LocalFileSystem(), path_);
  }

  // What the check says after `change` was made to a section's bytes and all checksums were made
  // right again.
  absl::Status CheckForged(SectionId id, const std::function<void(char*)>& change) {
    std::string bytes = bytes_;
    const size_t footer = bytes.size() - kFooterBytes;
    const uint64_t table = ByteReader(std::string_view(bytes).substr(footer), "footer").U64();
    for (uint64_t entry = table; entry < footer; entry += kTocEntryBytes) {
      ByteReader toc(std::string_view(bytes).substr(entry, kTocEntryBytes), "table");
      if (toc.U64() != static_cast<uint64_t>(id)) continue;
      const uint64_t offset = toc.U64(), length = toc.U64();
      change(bytes.data() + offset);
      const uint64_t checksum = Checksum(std::string_view(bytes).substr(offset, length));
      std::memcpy(bytes.data() + entry + 24, &checksum, sizeof(checksum));
    }
    const uint64_t checksum = Checksum(std::string_view(bytes).substr(table, footer - table));
    std::memcpy(bytes.data() + footer + 16, &checksum, sizeof(checksum));
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    return CheckShard(LocalFileSystem(), path_);
  }

  // Where the postings of a term start in their section.
  uint64_t PostingsOf(std::string_view term) {
    const auto shard = ShardFile::Open(LocalFileSystem(), path_);
    return (*(*shard)->FindTerm(term))->postings;
  }

  TempDir directory_;
  const std::string path_ = directory_.File(kModelFile);
  std::string bytes_;
};

// Where things stand in a long list of one container, which has 1 entry and 1 window directory.
constexpr uint64_t kEntryAt = 8;
constexpr uint64_t kWindowRanksAt = kEntryAt + kContainerEntryBytes;
constexpr uint64_t kWordBoundsAt = kWindowRanksAt + kWindowRanksBytes;
constexpr uint64_t kArrayAt = kWindowRanksAt + kWindowDirectoryBytes;

#define EXPECT_DAMAGE(status, section, text)                         \
  do {                                                               \
    const absl::Status status_ = (status);                           \
    EXPECT_EQ(status_.code(), absl::StatusCode::kDataLoss);          \
    EXPECT_THAT(std::string(Message(status_)),                       \
                HasSubstr(Concat("section \"", section, "\" off"))); \
    EXPECT_THAT(std::string(Message(status_)), HasSubstr(text));     \
  } while (false)

TEST_F(StorageCheck, AGoodFilePasses) {
  EXPECT_EQ(CheckForged(SectionId::kPostings, [](char*) {}), absl::OkStatus());
}

TEST_F(StorageCheck, ProgressAddsUpToTheFile) {
  const auto shard = ShardFile::Open(LocalFileSystem(), path_);
  uint64_t seen = 0;
  const CheckProgress progress = [&](uint64_t bytes) {
    seen += bytes;
    return absl::OkStatus();
  };
  EXPECT_EQ(CheckShard(**shard, progress), absl::OkStatus());
  EXPECT_EQ(seen, (*shard)->size_bytes());
}

TEST_F(StorageCheck, AnErrorOfTheProgressFunctionEndsTheCheck) {
  const auto shard = ShardFile::Open(LocalFileSystem(), path_);
  for (int allowed = 0; allowed < 20; ++allowed) {
    int calls = 0;
    const CheckProgress progress = [&](uint64_t) {
      return calls++ < allowed ? absl::OkStatus() : absl::CancelledError("enough");
    };
    EXPECT_EQ(CheckShard(**shard, progress).code(), absl::StatusCode::kCancelled) << allowed;
    EXPECT_EQ(calls, allowed + 1);
  }
}

TEST_F(StorageCheck, WrongBytesWithoutRightChecksumsAreNamed) {
  std::string bytes = bytes_;
  bytes[kHeaderBytes] ^= 1;
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  const auto shard = ShardFile::Open(LocalFileSystem(), path_);
  ASSERT_TRUE(shard.ok());
  const absl::Status status = VerifyChecksums(**shard);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(status)),
              ::testing::MatchesRegex(
                  ".*s.canopy: section \"stored\" at file offset 64, [0-9]+ bytes: checksum "
                  "[0-9a-f]{16}, expected [0-9a-f]{16}"));
}

TEST_F(StorageCheck, AnArrayThatDoesNotAscendIsNamed) {
  const uint64_t at = PostingsOf("array") + kArrayAt;
  EXPECT_DAMAGE(
      CheckForged(SectionId::kPostings, [&](char* s) { std::swap(s[at + 2], s[at + 4]); }),
      "postings", "do not ascend");
}

TEST_F(StorageCheck, ABitTooManyIsNamed) {
  const uint64_t at = AlignUp(PostingsOf("dense") + kArrayAt, 64);
  EXPECT_DAMAGE(CheckForged(SectionId::kPostings, [&](char* s) { s[at + 4000] = 1; }), "postings",
                "has 3001 bits, expected 3000");
}

TEST_F(StorageCheck, ADocumentThatDoesNotExistIsNamed) {
  const uint64_t at = PostingsOf("array") + kArrayAt + 599 * 2;
  EXPECT_DAMAGE(CheckForged(SectionId::kPostings, [&](char* s) { s[at + 1] = 0x70; }), "postings",
                "of 3000");
}

TEST_F(StorageCheck, AContainersBoundThatIsTooLowIsNamed) {
  const uint64_t at = PostingsOf("dense") + kEntryAt + 13;
  EXPECT_DAMAGE(CheckForged(SectionId::kPostings, [&](char* s) { --s[at]; }), "postings",
                "is too low");
}

TEST_F(StorageCheck, ABoundThatIsTooLowIsNamedWithoutAWindowDirectoryToo) {
  const uint64_t at = PostingsOf("short");
  EXPECT_DAMAGE(CheckForged(SectionId::kPostings, [&](char* s) { --s[at]; }), "postings",
                "is too low");
}

TEST_F(StorageCheck, AWordsBoundThatIsTooLowIsNamed) {
  const uint64_t at = PostingsOf("dense") + kWordBoundsAt + 21;
  EXPECT_DAMAGE(CheckForged(SectionId::kPostings, [&](char* s) { --s[at]; }), "postings",
                "word 21 of chunk 0");
}

TEST_F(StorageCheck, AWindowsRankThatIsWrongIsNamed) {
  const uint64_t at = PostingsOf("array") + kWindowRanksAt + 2 * 7;
  EXPECT_DAMAGE(CheckForged(SectionId::kPostings, [&](char* s) { ++s[at]; }), "postings",
                "window 7 of chunk 0");
}

TEST_F(StorageCheck, AReservedByteOfAContainerThatIsNotZeroIsNamed) {
  const uint64_t at = PostingsOf("array") + kEntryAt + 15;
  EXPECT_DAMAGE(CheckForged(SectionId::kPostings, [&](char* s) { s[at] = 1; }), "postings",
                Concat("offset ", at, ": unused byte is not zero"));
}

TEST_F(StorageCheck, PaddingBeforeABitsetThatIsNotZeroIsNamed) {
  const uint64_t at = PostingsOf("dense") + kArrayAt + 39;  // the bitset is at a multiple of 64
  EXPECT_DAMAGE(CheckForged(SectionId::kPostings, [&](char* s) { s[at] = 1; }), "postings",
                Concat("offset ", at, ": unused byte is not zero"));
}

TEST_F(StorageCheck, PaddingAfterFrequenciesThatIsNotZeroIsNamed) {
  ShardModel model = Model();
  model.docs.resize(2998);  // with as many frequencies of "dense", two bytes short of a multiple
  Rewrite(model);
  const uint64_t at = AlignUp(PostingsOf("dense") + kArrayAt, 64) + kBitsetBytes + 2999;
  EXPECT_DAMAGE(CheckForged(SectionId::kPostings, [&](char* s) { s[at] = 1; }), "postings",
                Concat("offset ", at, ": unused byte is not zero"));
}

TEST_F(StorageCheck, ABitmapOfLiveDocumentsThatSaysNothingIsNamed) {
  ShardModel model = Model();
  model.deleted = {7};
  Rewrite(model);
  EXPECT_DAMAGE(CheckForged(SectionId::kLiveDocs, [](char* s) { s[0] = '\xFF'; }), "live_docs",
                "every document is live");
}

TEST_F(StorageCheck, AFrequencyThatPositionsDoNotBearOutIsNamed) {
  const uint64_t at = PostingsOf("array") + kArrayAt + 600 * 2;
  const absl::Status status = CheckForged(SectionId::kPostings, [&](char* s) { s[at] = 2; });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST_F(StorageCheck, APositionBeyondTheDocumentIsNamed) {
  const uint64_t at =
      5 * sizeof(uint32_t) + 40;  // the first term, "array", has 5 blocks and tfs of 1
  EXPECT_DAMAGE(CheckForged(SectionId::kPositions, [&](char* s) { s[at] = 100; }), "positions",
                "position 100");
}

TEST_F(StorageCheck, ALengthThatIsNotTheDocumentsIsNamed) {
  EXPECT_DAMAGE(CheckForged(SectionId::kLengths, [&](char* s) { s[17] = 9; }), "lengths", "code 9");
}

TEST_F(StorageCheck, AnIdThatCannotBeFoundIsNamed) {
  const absl::Status status = CheckForged(SectionId::kIds, [&](char* s) { s[0] = 'j'; });
  EXPECT_DAMAGE(status, "id_docs", "is not found");
}

TEST_F(StorageCheck, AFieldThatDoesNotExistIsNamed) {
  EXPECT_DAMAGE(CheckForged(SectionId::kFieldSpans, [&](char* s) { s[0] = 2; }), "field_spans",
                "document 0");
}

TEST_F(StorageCheck, ALastFieldThatIsTooLongIsDamageWhateverFieldIsAskedFor) {
  ShardModel model;
  model.field_names = {"a", "b", "c"};
  model.docs.resize(1);
  model.docs[0].fields = {{0, {"x"}}, {1, {"x"}}, {2, {"x"}}};
  ASSERT_TRUE(WriteModel(LocalFileSystem(), directory_.path(), model).ok());
  bytes_ = *ReadFile(LocalFileSystem(), path_);
  // One field, number 0, of 2^31 tokens in the place of three.
  EXPECT_DAMAGE(CheckForged(SectionId::kFieldSpans,
                            [](char* s) { std::memcpy(s, "\0\x80\x80\x80\x80\x08", 6); }),
                "field_spans", "document 0");
  const auto shard = ShardFile::Open(LocalFileSystem(), path_);
  ASSERT_TRUE(shard.ok());
  for (const uint32_t field : {0u, 1u}) {
    EXPECT_DAMAGE((*shard)->FieldSpan(0, field).status(), "field_spans", "too long");
  }
}

TEST_F(StorageCheck, ABlockOfStoredFieldsThatIsNoFrameIsNamed) {
  EXPECT_DAMAGE(CheckForged(SectionId::kStored, [&](char* s) { s[0] = 0; }), "stored", "block 0");
}

TEST_F(StorageCheck, StatisticsThatDoNotAddUpAreNamed) {
  // The collection's tokens, and with them the average length.
  EXPECT_DAMAGE(CheckForged(SectionId::kStatistics, [&](char* s) { s[8] ^= 1; }), "statistics",
                "average length");
}

}  // namespace
}  // namespace canopy
