#include "base/byte_io.h"

#include <gmock/gmock.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/strings.h"
#include "gtest/gtest.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;

// Values around every power of two.
std::vector<uint64_t> EdgeValues() {
  std::vector<uint64_t> values;
  for (int bit = 0; bit < 64; ++bit) {
    for (int64_t delta = -1; delta <= 1; ++delta) {
      values.push_back((uint64_t{1} << bit) + static_cast<uint64_t>(delta));
    }
  }
  values.push_back(std::numeric_limits<uint64_t>::max());
  return values;
}

TEST(ByteIo, NumbersAreLittleEndian) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.U8(0x01);
  writer.U16(0x0302);
  writer.U32(0x07060504);
  writer.U64(0x0f0e0d0c0b0a0908);
  EXPECT_EQ(bytes, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f");
  bytes.clear();
  writer.F32(1.0f);
  writer.F64(-2.0);
  EXPECT_EQ(bytes, std::string("\0\0\x80\x3f\0\0\0\0\0\0\0\xc0", 12));
}

TEST(ByteIo, EverythingWrittenIsReadBack) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.U8(255);
  writer.F32(1.5f);
  writer.SizedBytes("posting");
  writer.AlignTo(64);
  EXPECT_EQ(writer.size(), 64u);
  writer.U16(65535);
  writer.F64(0.1);
  writer.Bytes("tail");
  ByteReader reader(bytes, "test");
  EXPECT_EQ(reader.U8(), 255);
  EXPECT_EQ(reader.F32(), 1.5f);
  EXPECT_EQ(reader.SizedBytes(), "posting");
  reader.AlignTo(64);
  EXPECT_EQ(reader.offset(), 64u);
  EXPECT_EQ(reader.U16(), 65535);
  EXPECT_EQ(reader.F64(), 0.1);
  EXPECT_EQ(reader.remaining(), 4u);
  EXPECT_EQ(reader.Bytes(4), "tail");
  EXPECT_TRUE(reader.Finish().ok()) << reader.status();
}

TEST(ByteIo, VarintsOfEveryLengthAreReadBackCheckedAndUnchecked) {
  for (const uint64_t value : EdgeValues()) {
    std::string bytes;
    ByteWriter(bytes).Varint(value);
    EXPECT_EQ(bytes.size(), VarintSize(value)) << value;
    ByteReader reader(bytes, "test");
    EXPECT_EQ(reader.Varint(), value);
    EXPECT_TRUE(reader.Finish().ok());
    const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
    uint64_t unchecked = 0;
    EXPECT_EQ(DecodeVarint(in, unchecked), in + bytes.size());
    EXPECT_EQ(unchecked, value);
    if (value > std::numeric_limits<uint32_t>::max()) continue;
    uint32_t narrow = 0;
    EXPECT_EQ(DecodeVarint32(in, narrow), in + bytes.size());
    EXPECT_EQ(narrow, value);
  }
}

TEST(ByteReader, TheFirstFailureSticksAndNamesWhatOffsetAndSize) {
  ByteReader reader("\x01\x02\x03", "section \"docs\"");
  EXPECT_EQ(reader.U16(), 0x0201);
  EXPECT_EQ(reader.U32(), 0u);
  EXPECT_EQ(reader.U8(), 0);  // there is a byte, but the reader has failed
  EXPECT_EQ(reader.SizedBytes(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Finish(),
            absl::DataLossError("section \"docs\": needs 4 bytes, 1 left at offset 2 of 3"));
}

TEST(ByteReader, ASizeBeyondTheEndIsRefusedHoweverLarge) {
  std::string bytes;
  ByteWriter(bytes).Varint(std::numeric_limits<uint64_t>::max());
  ByteReader reader(bytes, "test");
  EXPECT_EQ(reader.SizedBytes(), "");
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kDataLoss);
}

TEST(ByteReader, VarintsThatAreTooLongOrPaddedAreRefused) {
  const std::string malformed[] = {
      std::string(9, '\xff') + "\x02",   // 65 bits
      std::string(10, '\xff') + "\x01",  // eleven bytes
      std::string("\x80\x00", 2),        // a zero that needs one byte
      std::string("\xff\x80\x00", 3),
  };
  for (const std::string& bytes : malformed) {
    ByteReader reader(bytes, "test");
    EXPECT_EQ(reader.Varint(), 0u);
    EXPECT_EQ(Message(reader.status()),
              Concat("test: malformed varint at offset 0 of ", bytes.size()));
  }
  ByteReader cut("\xff\xff", "test");
  EXPECT_EQ(cut.Varint(), 0u);
  EXPECT_EQ(Message(cut.status()), "test: needs 1 bytes, 0 left at offset 2 of 2");
}

TEST(ByteReader, Varint32RefusesWiderValues) {
  std::string bytes;
  ByteWriter(bytes).Varint(uint64_t{1} << 32);
  ByteReader reader(bytes, "test");
  EXPECT_EQ(reader.Varint32(), 0u);
  EXPECT_EQ(Message(reader.status()), "test: varint 4294967296 exceeds 32 bits at offset 0 of 5");
}

TEST(ByteReader, PaddingMustBeZero) {
  ByteReader reader(std::string_view("\x01\0\x01\0", 4), "test");
  reader.U8();
  reader.AlignTo(4);
  EXPECT_EQ(Message(reader.status()), "test: padding is not zero at offset 1 of 4");
}

TEST(ByteReader, LeftOverBytesAreAnError) {
  ByteReader reader("ab", "test");
  reader.U8();
  EXPECT_EQ(Message(reader.Finish()), "test: 1 unexpected bytes at offset 1 of 2");
}

TEST(ByteReader, RandomBytesNeverReadOutOfBounds) {
  constexpr uint32_t kSeed = 2;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    ByteReader reader(bytes, "random");
    while (reader.ok() && reader.remaining() > 0) {
      switch (random() % 5) {
        case 0:
          reader.U64();
          break;
        case 1:
          reader.Varint();
          break;
        case 2:
          reader.SizedBytes();
          break;
        case 3:
          reader.U8();
          break;
        default:
          reader.AlignTo(8);
      }
      ASSERT_LE(reader.offset(), bytes.size()) << "seed " << kSeed;
    }
  }
}

TEST(ViewAs, GivesAlignedElementsInPlace) {
  alignas(8) const uint32_t numbers[] = {1, 2, 3, 4};
  const std::string_view bytes(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  const auto view = ViewAs<uint32_t>(bytes, 4, 3, "test");
  ASSERT_TRUE(view.ok());
  EXPECT_THAT(*view, ElementsAre(2, 3, 4));
  EXPECT_EQ(view->data(), numbers + 1);
}

TEST(ViewAs, RefusesWhatIsOutOfBoundsOrUnaligned) {
  alignas(8) const char bytes[16] = {};
  const std::string_view all(bytes, sizeof(bytes));
  constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(ViewAs<uint32_t>(all, 8, 3, "lengths").status(),
            absl::DataLossError("lengths: 3 elements of 4 bytes at offset 8 exceed its 16 bytes"));
  for (const auto& [offset, count] : {std::pair<uint64_t, uint64_t>{kHuge, 1},
                                      {0, kHuge},
                                      {0, kHuge / 4 + 2},  // count * 4 overflows to a small number
                                      {17, 0},
                                      {16, 1}}) {
    EXPECT_EQ(ViewAs<uint32_t>(all, offset, count, "test").status().code(),
              absl::StatusCode::kDataLoss)
        << offset << " " << count;
  }
  EXPECT_EQ(ViewAs<uint64_t>(all, 4, 1, "test").status(),
            absl::DataLossError("test: offset 4 is not aligned to 8 bytes"));
  EXPECT_TRUE(ViewAs<uint64_t>(all, 16, 0, "test").ok());
  EXPECT_TRUE(ViewAs<uint64_t>(all, 3, 0, "test").ok());
}

}  // namespace
}  // namespace canopy
