// What the leaf writes is what CRoaring reads, in the shortest form.
#include "leaf/roaring_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <roaring/roaring.hh>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "shard/posting_list.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

constexpr size_t kNoLimit = 1 << 30;

using Docs = std::set<uint32_t>;

// Chunk by chunk; as bitsets where `as_bitsets`, or where there are too many documents for an
// array.
absl::StatusOr<std::string> Write(const Docs& docs, bool as_bitsets, size_t max_bytes = kNoLimit) {
  std::map<uint16_t, std::vector<uint16_t>> chunks;
  for (const uint32_t doc : docs) {
    chunks[static_cast<uint16_t>(doc >> 16)].push_back(static_cast<uint16_t>(doc));
  }
  RoaringWriter writer(max_bytes);
  for (const auto& [chunk, array] : chunks) {
    absl::Status status;
    if (as_bitsets || array.size() > RoaringWriter::kMaxArrayDocs) {
      std::vector<uint64_t> words(kBitsetWords);
      for (const uint16_t doc : array) words[doc / 64] |= uint64_t{1} << doc % 64;
      status = writer.AddBitset(chunk, words.data(), static_cast<uint32_t>(array.size()));
    } else {
      status = writer.AddArray(chunk, array);
    }
    if (!status.ok()) return status;
  }
  return std::move(writer).Finish();
}

Docs Read(const std::string& bytes) {
  Docs docs;
  for (const uint32_t doc : Roaring::readSafe(bytes.data(), bytes.size())) docs.insert(doc);
  return docs;
}

// The bytes of CRoaring itself.
std::string Reference(const Docs& docs) {
  Roaring bitmap;
  for (const uint32_t doc : docs) bitmap.add(doc);
  bitmap.runOptimize();
  std::string bytes(bitmap.getSizeInBytes(), '\0');
  bitmap.write(bytes.data());
  return bytes;
}

void ExpectWritten(const Docs& docs) {
  for (const bool as_bitsets : {false, true}) {
    const auto bytes = Write(docs, as_bitsets);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(Read(*bytes), docs);
    EXPECT_EQ(*bytes, Reference(docs));
  }
}

Docs Range(uint32_t first, uint32_t end, uint32_t step = 1) {
  Docs docs;
  for (uint32_t doc = first; doc < end; doc += step) docs.insert(doc);
  return docs;
}

TEST(RoaringWriter, WritesNothingAsAnEmptyBitmap) { ExpectWritten({}); }

TEST(RoaringWriter, WritesFewDocumentsAsAnArray) { ExpectWritten({0, 7, 9, 65535}); }

TEST(RoaringWriter, WritesManyDocumentsAsABitset) { ExpectWritten(Range(1, 65536, 3)); }

TEST(RoaringWriter, KnowsTheBorderBetweenArrayAndBitset) {
  ExpectWritten(Range(0, 2 * 4096, 2));
  ExpectWritten(Range(0, 2 * 4097, 2));
}

TEST(RoaringWriter, WritesNeighboursAsRuns) {
  ExpectWritten(Range(0, 65536));
  ExpectWritten(Range(60, 70));
  ExpectWritten(Range(63, 5000));
}

TEST(RoaringWriter, MixesFormsWithAndWithoutOffsets) {
  for (const uint32_t chunks : {2, 3, 4, 5, 9, 17}) {
    Docs docs;
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      const Docs more = chunk % 3 == 0   ? Range(0, 30000)
                        : chunk % 3 == 1 ? Range(5, 500, 7)
                                         : Range(0, 65536, 2);
      for (const uint32_t doc : more) docs.insert(chunk * 131072 + doc);
    }
    ExpectWritten(docs);
  }
}

TEST(RoaringWriter, WritesRandomSetsAsCRoaringDoes) {
  std::mt19937 random(TestSeed(4711));
  for (int round = 0; round < 60; ++round) {
    Docs docs;
    const uint32_t pieces = 1 + random() % 6;
    for (uint32_t piece = 0; piece < pieces; ++piece) {
      const uint32_t first = random() % 400'000;
      const Docs more = Range(first, first + random() % 20'000, 1 + random() % 5);
      docs.insert(more.begin(), more.end());
    }
    ExpectWritten(docs);
  }
}

TEST(RoaringWriter, RefusesWhatIsOverTheLimitAndTakesWhatIsAtIt) {
  const Docs docs = Range(0, 300'000, 9);
  const size_t size = Write(docs, false)->size();
  EXPECT_TRUE(Write(docs, false, size).ok());
  const absl::Status status = Write(docs, false, size - 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(status), HasSubstr(Concat("over the limit of ", size - 1)));
}

TEST(RoaringWriter, RefusesEvenAnEmptyBitmapThatIsOverTheLimit) {
  EXPECT_TRUE(Write({}, false, 8).ok());
  EXPECT_EQ(Write({}, false, 7).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace canopy
