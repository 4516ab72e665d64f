// No byte of a bitmap reaches CRoaring that is not sound.
#include "root/roaring_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <roaring/roaring.hh>
#include <string>
#include <vector>

#include "base/byte_io.h"
#include "base/strings.h"
#include "root/posting_bitmap.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kDocs = 700'000;

std::string Bytes(Roaring bitmap, bool with_runs = true) {
  if (with_runs) bitmap.runOptimize();
  std::string bytes(bitmap.getSizeInBytes(), '\0');
  bitmap.write(bytes.data());
  return bytes;
}

Roaring Every(uint32_t step, uint32_t first, uint32_t end) {
  Roaring bitmap;
  for (uint32_t doc = first; doc < end; doc += step) bitmap.add(doc);
  return bitmap;
}

Roaring Range(uint32_t first, uint32_t end) {
  Roaring bitmap;
  bitmap.addRange(first, end);
  return bitmap;
}

// An array, a bitset, runs, all of them (with offsets), and nothing.
std::vector<std::string> Samples() {
  const Roaring array = Every(1000, 5, 60'000);
  const Roaring bitset = Every(3, 65'536, 131'072);
  Roaring runs = Range(131'072, 131'100);
  runs |= Range(140'000, 140'500);
  runs |= Range(150'000, 150'007);
  return {Bytes(array),
          Bytes(bitset),
          Bytes(runs),
          Bytes(array | bitset | runs | Range(300'000, 500'000) | Every(900, 600'000, 640'000)),
          Bytes(array | bitset, /*with_runs=*/false),
          Bytes(Roaring())};
}

// Refused, or a bitmap that holds what its own bytes say.
void ExpectRefusedOrSound(const std::string& bytes) {
  const auto bitmap = ReadPostingBitmap(bytes, kDocs);
  if (!bitmap.ok()) {
    EXPECT_EQ(bitmap.status().code(), absl::StatusCode::kDataLoss);
    return;
  }
  uint64_t count = 0;
  int64_t last = -1;
  for (const uint32_t doc : *bitmap) {
    ASSERT_GT(doc, last);
    ASSERT_LT(doc, kDocs);
    last = doc;
    ++count;
  }
  EXPECT_EQ(count, bitmap->cardinality());
  EXPECT_TRUE(CheckRoaring(Bytes(*bitmap), kDocs).ok());
}

void ExpectWrong(const std::string& bytes, const std::string& what, uint64_t docs = kDocs) {
  const absl::Status status = CheckRoaring(bytes, docs);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << what;
  EXPECT_THAT(Message(status), HasSubstr(what));
}

// Writes a bitmap by hand, without offsets.
std::string WithRuns(uint16_t cardinality, const std::vector<uint16_t>& runs) {
  std::string bytes;
  ByteWriter out(bytes);
  out.U32(12347);
  out.U8(1);
  out.U16(0);
  out.U16(static_cast<uint16_t>(cardinality - 1));
  out.U16(static_cast<uint16_t>(runs.size() / 2));
  for (const uint16_t value : runs) out.U16(value);
  return bytes;
}

std::string WithArray(const std::vector<uint16_t>& docs, uint32_t offset = 16) {
  std::string bytes;
  ByteWriter out(bytes);
  out.U32(12346);
  out.U32(1);
  out.U16(0);
  out.U16(static_cast<uint16_t>(docs.size() - 1));
  out.U32(offset);
  for (const uint16_t doc : docs) out.U16(doc);
  return bytes;
}

TEST(CheckRoaring, TakesWhatCRoaringWrites) {
  for (const std::string& bytes : Samples()) {
    const auto bitmap = ReadPostingBitmap(bytes, kDocs);
    ASSERT_TRUE(bitmap.ok()) << bitmap.status();
    EXPECT_EQ(Bytes(*bitmap, /*with_runs=*/false), bytes);
  }
}

TEST(CheckRoaring, RefusesEveryTruncation) {
  for (const std::string& bytes : Samples()) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_EQ(CheckRoaring(std::string_view(bytes).substr(0, size), kDocs).code(),
                absl::StatusCode::kDataLoss)
          << size << " of " << bytes.size();
    }
  }
}

TEST(CheckRoaring, RefusesBytesThatAreLeftOver) {
  for (const std::string& bytes : Samples()) ExpectWrong(bytes + '\0', "unexpected bytes");
}

TEST(CheckRoaring, EveryFlippedByteIsRefusedOrLeavesASoundBitmap) {
  for (std::string bytes : Samples()) {
    for (char& byte : bytes) {
      for (const int mask : {0x01, 0x80, 0xFF}) {
        byte = static_cast<char>(byte ^ mask);
        ExpectRefusedOrSound(bytes);
        byte = static_cast<char>(byte ^ mask);
      }
    }
  }
}

TEST(CheckRoaring, RandomDamageIsRefusedOrLeavesASoundBitmap) {
  std::mt19937 random(TestSeed(815));
  const std::vector<std::string> samples = Samples();
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = samples[random() % samples.size()];
    const uint32_t changes = 1 + random() % 4;
    for (uint32_t i = 0; i < changes && !bytes.empty(); ++i) {
      // Most of the damage to the beginning, where the numbers are that others depend on.
      const size_t reach = random() % 2 == 0 ? std::min<size_t>(bytes.size(), 64) : bytes.size();
      const size_t at = random() % reach;
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 8);
          break;
        case 2:
          bytes.insert(at, 1 + random() % 8, static_cast<char>(random()));
          break;
        default:
          bytes.resize(at);
          break;
      }
    }
    ExpectRefusedOrSound(bytes);
  }
}

TEST(CheckRoaring, RefusesAnotherCookie) { ExpectWrong(std::string(8, 'x'), "cookie"); }

TEST(CheckRoaring, RefusesMoreContainersThanThereAreKeys) {
  std::string bytes;
  ByteWriter(bytes).U32(12346);
  ByteWriter(bytes).U32(65537);
  ExpectWrong(bytes, "65537 containers");
}

TEST(CheckRoaring, RefusesKeysThatDoNotAscend) {
  std::string bytes = Bytes(Every(1000, 0, 200'000), /*with_runs=*/false);
  std::swap(bytes[8], bytes[12]);  // the first two keys
  ExpectWrong(bytes, "container 1 has key 0 after 1");
}

TEST(CheckRoaring, RefusesAnArrayOutOfOrderOrWithADocumentTwice) {
  EXPECT_TRUE(CheckRoaring(WithArray({1, 2, 3}), kDocs).ok());
  ExpectWrong(WithArray({1, 3, 2}), "document 2 after 3 in an array");
  ExpectWrong(WithArray({1, 3, 3}), "document 3 after 3 in an array");
}

TEST(CheckRoaring, RefusesAnOffsetThatLeadsElsewhere) {
  ExpectWrong(WithArray({1, 2, 3}, /*offset=*/18), "container 0 is said to stand at 18");
}

TEST(CheckRoaring, RefusesRunsThatOverlapTouchOrDoNotAscend) {
  EXPECT_TRUE(CheckRoaring(WithRuns(6, {1, 2, 5, 2}), kDocs).ok());
  ExpectWrong(WithRuns(6, {1, 2, 3, 2}), "a run from 3 after one up to 3");
  ExpectWrong(WithRuns(6, {1, 2, 4, 2}), "a run from 4 after one up to 3");
  ExpectWrong(WithRuns(6, {5, 2, 1, 2}), "a run from 1 after one up to 7");
}

TEST(CheckRoaring, RefusesARunBeyondItsChunk) {
  ExpectWrong(WithRuns(20, {65530, 19}), "a run up to 65549");
}

TEST(CheckRoaring, RefusesACardinalityThatIsNotThatOfTheContainer) {
  ExpectWrong(WithRuns(7, {1, 2, 5, 2}), "a container of 6 documents is said to have 7");
  std::string bitset = Bytes(Every(3, 0, 65'536));
  bitset[16] = static_cast<char>(bitset[16] ^ 2);  // the first word
  ExpectWrong(bitset, "a container of 21847 documents is said to have 21846");
}

TEST(CheckRoaring, RefusesAContainerOfNoRuns) {
  ExpectWrong(WithRuns(1, {}), "a container of 0 documents is said to have 1");
}

TEST(CheckRoaring, RefusesRunFlagsOfContainersThatAreNotThere) {
  std::string bytes = WithRuns(6, {1, 2, 5, 2});
  bytes[4] = 3;
  ExpectWrong(bytes, "run flags beyond the 1 containers");
}

TEST(CheckRoaring, RefusesADocumentThatThereIsNot) {
  EXPECT_TRUE(CheckRoaring(WithArray({1, 2, 99}), 100).ok());
  ExpectWrong(WithArray({1, 2, 100}), "document 100 of 100", 100);
  ExpectWrong(Bytes(Every(3, 65'536, 131'072)), "document 131071 of 131071", 131'071);
  ExpectWrong(WithRuns(3, {98, 2}), "document 100 of 100", 100);
}

}  // namespace
}  // namespace canopy
