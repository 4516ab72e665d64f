#include "corpus/byte_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/strings.h"
#include "tests/corpus/compress.h"
#include "tests/corpus/read_all.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

// Everything, in reads of `step` bytes.
absl::StatusOr<std::string> ReadWhole(const std::string& path, size_t step = 1000) {
  auto stream = ByteStream::Open(path);
  if (!stream.ok()) return stream.status();
  std::string all, buffer(step, '\0');
  while (true) {
    const auto count = (*stream)->Read(buffer.data(), buffer.size());
    if (!count.ok()) return count.status();
    if (*count == 0) return all;
    all.append(buffer, 0, *count);
  }
}

// Text that compresses a little, so that compressed files span several buffers.
std::string Text(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 16);
  return text;
}

class ByteStreamTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view bytes) {
    const std::string path = dir_.File(name);
    WriteTo(path, bytes);
    return path;
  }

  TempDir dir_;
};

TEST_F(ByteStreamTest, PlainBytesComeBackInReadsOfAnySize) {
  const std::string text = Text(300'000, 1);
  const std::string path = Write("plain", text);
  for (const size_t step : {1, 7, 4096, 131072, 1000000}) {
    EXPECT_EQ(ReadWhole(path, step).value(), text) << step;
  }
}

TEST_F(ByteStreamTest, AnEmptyFileIsEmpty) { EXPECT_EQ(ReadWhole(Write("empty", "")).value(), ""); }

TEST_F(ByteStreamTest, GzipMembersFollowEachOther) {
  const std::string a = Text(400'000, 2), b = Text(10, 3);
  const std::string path = Write("a.gz", Gzip(a) + Gzip("") + Gzip(b));
  for (const size_t step : {1, 4096, 1000000}) EXPECT_EQ(ReadWhole(path, step).value(), a + b);
}

TEST_F(ByteStreamTest, GzipMayBePaddedWithZeros) {
  const std::string path = Write("a.gz", Gzip("text") + std::string(300'000, '\0'));
  EXPECT_EQ(ReadWhole(path).value(), "text");
}

TEST_F(ByteStreamTest, BytesBehindGzipAreAnError) {
  EXPECT_EQ(ReadWhole(Write("a.gz", Gzip("text") + "x")).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadWhole(Write("b.gz", Gzip("text") + std::string(1, '\0') + "x")).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(ByteStreamTest, ZstdFramesFollowEachOther) {
  const std::string a = Text(400'000, 4), b = Text(10, 5);
  const std::string path =
      Write("a.zst", ZstdSkippableFrame() + Zstd(a) + Zstd("") + ZstdSkippableFrame() + Zstd(b));
  for (const size_t step : {1, 4096, 1000000}) EXPECT_EQ(ReadWhole(path, step).value(), a + b);
}

TEST_F(ByteStreamTest, CompressionShowsInTheFirstBytesWhateverTheName) {
  EXPECT_EQ(ReadWhole(Write("a.jsonl", Gzip("one"))).value(), "one");
  EXPECT_EQ(ReadWhole(Write("b.jsonl", Zstd("two"))).value(), "two");
}

TEST_F(ByteStreamTest, AFileMustBeWhatItsNameSays) {
  for (const std::string_view bytes : {"", "plain text"}) {
    for (const std::string name : {"x.gz", "x.zst"}) {
      const absl::Status status = ReadWhole(Write(name, bytes)).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(Message(status), HasSubstr(name));
    }
  }
}

TEST_F(ByteStreamTest, EveryCutOfACompressedFileIsDataLossThatNamesIt) {
  const std::string text = Text(2'000, 6);
  const std::string gzip = Gzip(text), zstd = Zstd(text);
  for (size_t size = 0; size < gzip.size(); ++size) {
    const absl::Status status = ReadWhole(Write("cut.gz", gzip.substr(0, size))).status();
    ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    ASSERT_THAT(Message(status), HasSubstr("cut.gz"));
  }
  for (size_t size = 0; size < zstd.size(); ++size) {
    const absl::Status status = ReadWhole(Write("cut.zst", zstd.substr(0, size))).status();
    ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    ASSERT_THAT(Message(status), HasSubstr("cut.zst"));
  }
}

TEST_F(ByteStreamTest, EveryFlippedByteOfCompressedDataIsAnErrorOrChangesNothing) {
  const std::string text = Text(500, 7);
  for (const bool gzip : {true, false}) {
    const std::string good = gzip ? Gzip(text) : Zstd(text);
    int errors = 0;
    for (size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x41);
      const auto read = ReadWhole(Write("flipped", bad));
      // Without the magic bytes the file is plain, and comes back as it is.
      if (read.ok()) {
        ASSERT_TRUE(*read == text || *read == bad) << "byte " << i;
      }
      errors += read.ok() ? 0 : 1;
    }
    EXPECT_GT(errors, static_cast<int>(good.size() / 2));
  }
}

TEST_F(ByteStreamTest, AZstdWindowBeyondTheLimitIsRefused) {
  // A frame header that asks for a window of 2^31 bytes: no single segment, exponent 21.
  const std::string path = Write("big.zst", std::string("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 9));
  EXPECT_EQ(ReadWhole(path).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ByteStreamTest, WhatWasPeekedAtIsReadAgain) {
  const std::string text = Text(200'000, 8);
  for (const std::string& path : {Write("p", text), Write("p.gz", Gzip(text))}) {
    auto stream = ByteStream::Open(path).value();
    EXPECT_EQ(stream->Peek().value(), text.substr(0, ByteStream::kPeekBytes));
    std::string all, buffer(777, '\0');
    while (const size_t count = stream->Read(buffer.data(), buffer.size()).value()) {
      all.append(buffer, 0, count);
    }
    EXPECT_EQ(all, text);
  }
}

TEST_F(ByteStreamTest, BytesReadAreThoseOfTheFile) {
  const std::string gzip = Gzip(Text(500'000, 9));
  auto stream = ByteStream::Open(Write("a.gz", gzip)).value();
  std::string buffer(4096, '\0');
  uint64_t before = 0;
  while (stream->Read(buffer.data(), buffer.size()).value() > 0) {
    EXPECT_GE(stream->bytes_read(), before);
    before = stream->bytes_read();
  }
  EXPECT_EQ(stream->bytes_read(), gzip.size());
}

TEST_F(ByteStreamTest, WhatCannotBeReadSaysWhy) {
  const absl::Status missing = ReadWhole(dir_.path() + "/none").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), HasSubstr("/none"));
  EXPECT_FALSE(ReadWhole(dir_.path()).ok());  // a directory
}

}  // namespace
}  // namespace canopy
