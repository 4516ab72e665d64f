// The file of term bounds: its bytes, what it says of terms, and that a damaged one is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/term_bounds.h"
#include "shard/term_bounds_format.h"
#include "shard/term_bounds_writer.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kFrequent = LeastFrequentDf(3);

class TermBoundsFile : public testing::Test {
 protected:
  using Row = std::vector<uint8_t>;

  static void Add(const std::string& term, uint64_t global_df, const Row& row,
                  EncodedTermBounds& terms) {
    std::vector<uint32_t> shards;
    for (uint32_t shard = 0; shard < row.size(); ++shard) {
      if (row[shard] != 0) shards.push_back(shard);
    }
    terms.Add({.term = term, .global_df = global_df, .shards = shards, .bounds = row});
  }

  // Three shards, three frequent terms and two rare ones, in two batches.
  void Write(uint64_t piece_bytes = 1 << 20) {
    TermBoundsWriter writer(
        LocalFileSystem(),
        {.num_shards = 3, .directory = directory_.path(), .piece_bytes = piece_bytes});
    EncodedTermBounds first(3), second(3);
    Add("ash", kFrequent, {7, 0, 255}, first);
    Add("birch", 2, {0, 9, 9}, first);
    Add("oak", 1000, {1, 2, 3}, second);
    Add("oaks", uint64_t{1} << 40, {4, 5, 6}, second);
    Add("yew", 1, {0, 0, 30}, second);
    ASSERT_TRUE(writer.Add(std::move(first)).ok());
    ASSERT_TRUE(writer.Add(std::move(second)).ok());
    const auto summary = writer.Finish(5000);
    ASSERT_TRUE(summary.ok()) << summary.status();
    summary_ = *summary;
    bytes_ = *ReadFile(LocalFileSystem(), path_);
  }

  void Store(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  // Opens and verifies.
  absl::Status Check() {
    ASSIGN_OR_RETURN(const auto bounds, TermBounds::Open(LocalFileSystem(), path_));
    return bounds->VerifyChecksum();
  }

  // Makes the checksums of changed bytes right.
  static std::string Sealed(std::string bytes) {
    char* const footer = bytes.data() + bytes.size() - kTermBoundsFooterBytes;
    const uint64_t body =
        Checksum(std::string_view(bytes).substr(0, bytes.size() - kTermBoundsFooterBytes));
    std::memcpy(footer + 24, &body, sizeof(body));
    const uint64_t own = Checksum({footer, kTermBoundsSummedBytes});
    std::memcpy(footer + 32, &own, sizeof(own));
    return bytes;
  }

  const TempDir directory_;
  const std::string path_ = directory_.File(std::string(kTermBoundsName));
  TermBoundsSummary summary_;
  std::string bytes_;
};

// A change of these bytes is a change of the format: a new version, a line in docs/shard_format.md.
constexpr char kGolden[] = R"(43414e4f50595442010000000300000088130000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000
40000000e8030000ffffffff0000000003000000060000000a0000000700ff01
02030405066173686f616b6f616b73b40903000000000000000a000000000000
000400000000000000a0670107ccb68b1d4cfbd0e15b58bdd943414e4f505954
4600000000000000000000000000000000
)";

TEST_F(TermBoundsFile, OfVersionOneHasTheseBytes) {
  Write();
  std::string dump;
  for (size_t at = 0; at < bytes_.size(); at += 32) {
    dump += Concat(absl::BytesToHexString(bytes_.substr(at, 32)), "\n");
  }
  EXPECT_EQ(dump, kGolden);
}

TEST_F(TermBoundsFile, SaysOfFrequentTermsWhatWasWritten) {
  Write();
  const auto bounds = TermBounds::Open(LocalFileSystem(), path_);
  ASSERT_TRUE(bounds.ok()) << bounds.status();
  EXPECT_EQ((*bounds)->VerifyChecksum(), absl::OkStatus());
  EXPECT_EQ((*bounds)->num_shards(), 3u);
  EXPECT_EQ((*bounds)->docs(), 5000u);
  EXPECT_EQ((*bounds)->frequent_terms(), 3u);
  EXPECT_EQ((*bounds)->size_bytes(), summary_.size_bytes);
  EXPECT_EQ((*bounds)->checksum(), summary_.checksum);
  Row row(3);
  EXPECT_EQ((*bounds)->Find("ash", absl::MakeSpan(row)), kFrequent);
  EXPECT_THAT(row, ElementsAre(7, 0, 255));
  EXPECT_EQ((*bounds)->Find("oak", absl::MakeSpan(row)), 1000u);
  EXPECT_THAT(row, ElementsAre(1, 2, 3));
  EXPECT_EQ((*bounds)->Find("oaks", absl::MakeSpan(row)), UINT32_MAX);
  EXPECT_THAT(row, ElementsAre(4, 5, 6));
}

TEST_F(TermBoundsFile, NeverDeniesAShardARareTerm) {
  constexpr uint32_t kShards = 5;
  TermBoundsWriter writer(LocalFileSystem(),
                          {.num_shards = kShards, .directory = directory_.path()});
  EncodedTermBounds terms(kShards);
  for (uint32_t i = 0; i < 5000; ++i) {
    Row row(kShards);
    row[i % kShards] = 100;
    if (i % 7 == 0) row[(i + 1) % kShards] = 100;
    Add(absl::StrFormat("term%05d", i), 1 + (i % 7 == 0 ? 1 : 0), row, terms);
  }
  ASSERT_TRUE(writer.Add(std::move(terms)).ok());
  ASSERT_TRUE(writer.Finish(5000).ok());
  const auto bounds = TermBounds::Open(LocalFileSystem(), path_);
  ASSERT_TRUE(bounds.ok()) << bounds.status();
  size_t wrong = 0;
  for (uint32_t i = 0; i < 5000; ++i) {
    Row row(kShards);
    const std::string term = absl::StrFormat("term%05d", i);
    ASSERT_EQ((*bounds)->Find(term, absl::MakeSpan(row)), 1u);
    for (uint32_t shard = 0; shard < kShards; ++shard) {
      const bool there = shard == i % kShards || (i % 7 == 0 && shard == (i + 1) % kShards);
      ASSERT_TRUE(!there || row[shard] == 255) << term << " in " << shard;
      ASSERT_EQ((*bounds)->MayHave(term, shard), row[shard] != 0);
      wrong += !there && row[shard] != 0 ? 1 : 0;
    }
  }
  EXPECT_LT(wrong, 5000 * (kShards - 1) / 5);  // one in seven is expected
}

TEST_F(TermBoundsFile, PiecesOfTheFilterLeaveNoTrace) {
  Write();
  const std::string whole = bytes_;
  Write(1);
  EXPECT_EQ(bytes_, whole);
}

TEST_F(TermBoundsFile, NothingElseIsLeftInTheDirectory) {
  Write();
  EXPECT_THAT(*LocalFileSystem().List(directory_.path()),
              ElementsAre(std::string(kTermBoundsName)));
  {
    TermBoundsWriter writer(LocalFileSystem(), {.num_shards = 3, .directory = directory_.path()});
    EncodedTermBounds terms(3);
    Add("ash", kFrequent, {7, 0, 255}, terms);
    ASSERT_TRUE(writer.Add(std::move(terms)).ok());
  }
  EXPECT_THAT(*LocalFileSystem().List(directory_.path()),
              ElementsAre(std::string(kTermBoundsName)));
}

TEST_F(TermBoundsFile, WithoutAnyTermIsAFileAllTheSame) {
  TermBoundsWriter writer(LocalFileSystem(), {.num_shards = 2, .directory = directory_.path()});
  ASSERT_TRUE(writer.Finish(7).ok());
  EXPECT_EQ(Check(), absl::OkStatus());
  Row row(2, 1);
  EXPECT_EQ((*TermBounds::Open(LocalFileSystem(), path_))->Find("a", absl::MakeSpan(row)), 1u);
  EXPECT_THAT(row, ElementsAre(0, 0));
}

TEST_F(TermBoundsFile, AnyChangedByteIsRefused) {
  Write();
  for (size_t at = 0; at < bytes_.size(); ++at) {
    std::string changed = bytes_;
    changed[at] ^= 0x10;
    Store(changed);
    const absl::Status status = Check();
    const bool is_version = at >= 8 && at < 12;
    EXPECT_EQ(status.code(),
              is_version ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kDataLoss)
        << at;
    EXPECT_THAT(std::string(Message(status)), HasSubstr(path_));
  }
}

TEST_F(TermBoundsFile, AnyCutIsRefused) {
  Write();
  for (size_t size = 0; size < bytes_.size(); ++size) {
    Store(bytes_.substr(0, size));
    EXPECT_EQ(Check().code(), absl::StatusCode::kDataLoss) << size;
  }
}

// Checksums that are right do not make numbers right: nothing is read out of bounds.
TEST_F(TermBoundsFile, NumbersThatDoNotFitAreRefusedWhateverTheChecksums) {
  Write();
  const size_t footer = bytes_.size() - kTermBoundsFooterBytes;
  for (const size_t at : {size_t{12}, footer, footer + 8, footer + 16}) {
    for (const uint64_t value :
         {uint64_t{0}, uint64_t{1}, uint64_t{1} << 31, uint64_t{1} << 62, UINT64_MAX}) {
      std::string changed = bytes_;
      std::memcpy(changed.data() + at, &value, at == 12 ? 4 : 8);
      Store(Sealed(changed));
      EXPECT_EQ(Check().code(), absl::StatusCode::kDataLoss) << at << " " << value;
    }
  }
  std::string changed = bytes_;
  changed[kTermBoundsHeaderBytes + 3 * 4 + 4] = 100;  // the second place
  Store(Sealed(changed));
  EXPECT_THAT(std::string(Message(Check())), HasSubstr("do not ascend"));
}

TEST_F(TermBoundsFile, OtherVersionsAreNamed) {
  Write();
  bytes_[8] = 2;
  Store(bytes_);
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("format version 2, this program's is 1"));
}

}  // namespace
}  // namespace canopy
