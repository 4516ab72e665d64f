// The small parts: length codes, varints, bounds, limits of the writer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <random>

#include "base/byte_io.h"
#include "base/strings.h"
#include "shard/bound.h"
#include "shard/length_code.h"
#include "shard/shard_writer.h"
#include "shard/varint.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

TEST(LengthCode, LengthsBelowFortyAreTheirOwnCodes) {
  for (uint32_t length = 0; length < 40; ++length) {
    EXPECT_EQ(EncodeLength(length), length);
    EXPECT_EQ(DecodeLength(static_cast<uint8_t>(length)), length);
  }
}

// Values of Lucene's SmallFloat.byte4ToInt.
TEST(LengthCode, DecodedLengthsAreLucenes) {
  EXPECT_EQ(kDecodedLengths[40], 40u);
  EXPECT_EQ(kDecodedLengths[41], 42u);
  EXPECT_EQ(kDecodedLengths[47], 54u);
  EXPECT_EQ(kDecodedLengths[48], 56u);
  EXPECT_EQ(kDecodedLengths[49], 60u);
  EXPECT_EQ(kDecodedLengths[100], 3096u);
  EXPECT_EQ(kDecodedLengths[255], 2013265944u);
}

TEST(LengthCode, CodesAreRoundedDownToFourSignificantBits) {
  for (uint32_t code = 0; code < 255; ++code) {
    EXPECT_EQ(EncodeLength(kDecodedLengths[code]), code);
    EXPECT_EQ(EncodeLength(kDecodedLengths[code + 1] - 1), code);
  }
  EXPECT_EQ(EncodeLength(INT32_MAX), 255);
}

TEST(Varint, SkippingStopsWhereReadingDoes) {
  std::mt19937_64 random(TestSeed(20240607));
  std::string bytes;
  std::vector<size_t> ends = {0};
  for (int i = 0; i < 1000; ++i) {
    ByteWriter(bytes).Varint(random() % 4 == 0 ? random() >> random() % 64 : random() % 128);
    ends.push_back(bytes.size());
  }
  const auto* begin = reinterpret_cast<const uint8_t*>(bytes.data());
  for (int i = 0; i < 3000; ++i) {
    const size_t from = random() % ends.size();
    const size_t count = random() % (ends.size() - from);
    EXPECT_EQ(SkipVarints(begin + ends[from], begin + bytes.size(), count),
              begin + ends[from + count]);
    EXPECT_EQ(SkipVarints(begin + ends[from], begin + bytes.size(), ends.size() - from), nullptr);
  }
}

TEST(Varint, NumbersThatAreCutOrTooLongAreRefused) {
  const uint8_t cut[] = {0x80, 0x80};
  const uint8_t longest[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
  const uint8_t over[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
  uint64_t value = 0;
  EXPECT_EQ(TakeVarint(cut, cut + 2, value), nullptr);
  EXPECT_EQ(TakeVarint(cut, cut, value), nullptr);
  EXPECT_EQ(TakeVarint(over, over + 10, value), nullptr);
  EXPECT_EQ(TakeVarint(longest, longest + 10, value), longest + 10);
  EXPECT_EQ(value, UINT64_MAX);
}

// The score part as a searcher computes it, in single precision.
float ScorePart(TermFrequency tf, uint8_t code, float average, float k1, float b) {
  const float k = k1 * (1 - b + b * static_cast<float>(kDecodedLengths[code]) / average);
  const auto frequency = static_cast<float>(tf);
  return frequency / (frequency + k);
}

TEST(Bound, IsNeverBelowTheScorePartInSinglePrecision) {
  for (const double average : {1.0, 7.3, 223.0, 1e6}) {
    for (const auto& [k1, b] :
         {std::pair{1.2f, 0.75f}, {0.0f, 0.5f}, {2.0f, 0.0f}, {0.9f, 1.0f}, {1e6f, 0.3f}}) {
      const BoundTable bounds(average, k1, b);
      for (uint32_t code = 0; code < 256; ++code) {
        for (const TermFrequency tf : {1u, 2u, 3u, 10u, 255u, 1000000u, UINT32_MAX}) {
          const auto length_code = static_cast<uint8_t>(code);
          const uint8_t bound = BoundTable::Byte(bounds.Ratio(tf, length_code));
          const float part = ScorePart(tf, length_code, static_cast<float>(average), k1, b);
          ASSERT_GE(bound, 1);
          ASSERT_LE(part, bound / 255.0f) << "tf " << tf << " code " << code;
          ASSERT_TRUE(bound == 1 || part > (bound - 1.01f) / 255.0f)
              << "loose: tf " << tf << " code " << code;
        }
      }
    }
  }
}

class WriterLimits : public ::testing::Test {
 protected:
  std::unique_ptr<ShardWriter> NewWriter() {
    return *ShardWriter::Create(LocalFileSystem(), {0, 1, directory_.path(), "s.canopy", {}});
  }
  // A writer with one document of one token.
  std::unique_ptr<ShardWriter> WriterWithDoc() {
    std::unique_ptr<ShardWriter> writer = NewWriter();
    EncodedDocs docs;
    const std::pair<uint32_t, uint32_t> tokens[] = {{0, 1}};
    docs.Add({"", tokens, {}});
    docs.Seal();
    EXPECT_EQ(writer->AddDocs(std::move(docs)), absl::OkStatus());
    return writer;
  }
  static EncodedTerms OneTerm(const ShardWriter& writer, std::string_view term,
                              double average = 1) {
    EncodedTerms terms(writer.length_codes(), average, 1.2f, 0.75f);
    const LocalDoc docs[] = {0};
    const TermFrequency tfs[] = {1};
    terms.Add({term, 1, {}, docs, tfs, std::string_view("\0", 1)});
    return terms;
  }
  static CollectionStats Stats() {
    CollectionStats stats;
    stats.docs = stats.tokens = 1;
    stats.fields = {{"text", 1, 1}};
    stats.length_histogram.assign(256, 0);
    stats.length_histogram[1] = 1;
    return stats;
  }

  TempDir directory_;
};

#define EXPECT_INVALID(status, text)                               \
  do {                                                             \
    const absl::Status status_ = (status);                         \
    EXPECT_EQ(status_.code(), absl::StatusCode::kInvalidArgument); \
    EXPECT_THAT(std::string(Message(status_)), HasSubstr(text));   \
  } while (false)

TEST_F(WriterLimits, AShardNumberBeyondTheShardsIsRefused) {
  EXPECT_INVALID(
      ShardWriter::Create(LocalFileSystem(), {4, 4, directory_.path(), "s", {}}).status(),
      "shard 4 of 4");
}

TEST_F(WriterLimits, AnExternalIdThatIsTooLongIsRefused) {
  EncodedDocs docs;
  docs.Add({});
  docs.Add({std::string(65536, 'x'), {}, {}});
  docs.Seal();
  EXPECT_INVALID(NewWriter()->AddDocs(std::move(docs)),
                 "document 1 of the batch: external id of 65536 bytes, limit 65535");
}

TEST_F(WriterLimits, TooManyTokensAreRefused) {
  EncodedDocs docs;
  const std::pair<uint32_t, uint32_t> tokens[] = {{0, 1u << 30}, {1, 1u << 30}};
  docs.Add({"", tokens, {}});
  docs.Seal();
  EXPECT_INVALID(NewWriter()->AddDocs(std::move(docs)), "2147483648 tokens, limit 2147483647");
}

TEST_F(WriterLimits, DocumentsAfterTermsAreRefused) {
  const auto writer = WriterWithDoc();
  ASSERT_EQ(writer->AddTerms(OneTerm(*writer, "a")), absl::OkStatus());
  EXPECT_INVALID(writer->AddDocs(EncodedDocs()), "documents after terms");
}

TEST_F(WriterLimits, TermsThatDoNotAscendAreRefused) {
  const auto writer = WriterWithDoc();
  ASSERT_EQ(writer->AddTerms(OneTerm(*writer, "b")), absl::OkStatus());
  EXPECT_INVALID(writer->AddTerms(OneTerm(*writer, "b")), "term \"b\" after \"b\"");
}

TEST_F(WriterLimits, AnEmptyTermIsRefused) {
  const auto writer = WriterWithDoc();
  EXPECT_INVALID(writer->AddTerms(OneTerm(*writer, "")), "term of 0 bytes");
}

TEST_F(WriterLimits, TooManyPositionsOfATermAreRefused) {
  // Nothing looks at the bytes: it is enough that there are addresses for them.
  constexpr size_t kSize = (size_t{1} << 32) + 1;
  void* const memory =
      mmap(nullptr, kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const auto writer = WriterWithDoc();
  EncodedTerms terms = OneTerm(*writer, "a");
  const LocalDoc docs[] = {0};
  const TermFrequency tfs[] = {1};
  terms.Add({"b", 1, {}, docs, tfs, std::string_view(static_cast<const char*>(memory), kSize)});
  const absl::Status status = writer->AddTerms(std::move(terms));
  munmap(memory, kSize);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Message(status),
            "term \"b\": 4294967297 bytes of positions in a shard, limit 4294967295; use more "
            "shards");
}

TEST_F(WriterLimits, BoundsOfAnotherAverageAreRefused) {
  const auto writer = WriterWithDoc();
  ASSERT_EQ(writer->AddTerms(OneTerm(*writer, "a", 2)), absl::OkStatus());
  EXPECT_INVALID(writer->Finish(Stats()).status(), "statistics say average length 1");
}

TEST_F(WriterLimits, StatisticsThatDoNotFitAreRefused) {
  const auto finish = [this](const CollectionStats& stats) {
    const auto writer = WriterWithDoc();
    EXPECT_EQ(writer->AddTerms(OneTerm(*writer, "a")), absl::OkStatus());
    return writer->Finish(stats).status();
  };
  EXPECT_EQ(finish(Stats()), absl::OkStatus());
  CollectionStats stats = Stats();
  stats.num_shards = 2;
  EXPECT_INVALID(finish(stats), "statistics of 2 shards");
  stats = Stats();
  stats.k1 = -1;
  EXPECT_INVALID(finish(stats), "k1 is -1");
  stats = Stats();
  stats.b = 1.5;
  EXPECT_INVALID(finish(stats), "b is 1.5");
  stats = Stats();
  stats.length_histogram[1] = 2;
  EXPECT_INVALID(finish(stats), "histogram counts 2 documents of 1");
  stats = Stats();
  stats.fields.clear();
  EXPECT_INVALID(finish(stats), "field 0 of 0 fields");
  stats = Stats();
  stats.fields.push_back(stats.fields[0]);
  EXPECT_INVALID(finish(stats), "two fields are named \"text\"");
}

TEST_F(WriterLimits, TermsThatAreMissingAreNoticed) {
  EXPECT_INVALID(WriterWithDoc()->Finish(Stats()).status(),
                 "terms occur 0 times, documents have 1 tokens");
}

}  // namespace
}  // namespace canopy
