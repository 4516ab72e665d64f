#include "corpus/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"
#include "tests/corpus/read_all.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;

class LineReaderTest : public ::testing::Test {
 protected:
  LineReader Open(std::string_view bytes, uint64_t max_line_bytes = 1 << 20) {
    const std::string path = dir_.File("lines");
    WriteTo(path, bytes);
    return LineReader(ByteStream::Open(path).value(), max_line_bytes);
  }

  // Each line's text; "<N>" for a line of N bytes that is too long.
  std::vector<std::string> Lines(std::string_view bytes, uint64_t max_line_bytes = 1 << 20) {
    LineReader reader = Open(bytes, max_line_bytes);
    std::vector<std::string> lines;
    Line line;
    uint64_t taken = bytes.starts_with("\xef\xbb\xbf") ? 3 : 0;
    while (reader.Next(line).value()) {
      lines.push_back(line.too_long ? Concat("<", line.bytes, ">") : std::string(line.text));
      taken += line.bytes;
      EXPECT_EQ(line.number, lines.size());
    }
    EXPECT_EQ(taken, bytes.size());
    return lines;
  }

  TempDir dir_;
};

TEST_F(LineReaderTest, TheLastLineNeedsNoEnd) {
  EXPECT_THAT(Lines(""), ElementsAre());
  EXPECT_THAT(Lines("a"), ElementsAre("a"));
  EXPECT_THAT(Lines("a\n"), ElementsAre("a"));
  EXPECT_THAT(Lines("a\n\nb"), ElementsAre("a", "", "b"));
  EXPECT_THAT(Lines("\n\n"), ElementsAre("", ""));
}

TEST_F(LineReaderTest, AByteOrderMarkIsLeftOutOnlyAtTheBeginning) {
  EXPECT_THAT(Lines("\xef\xbb\xbf"
                    "a\n\xef\xbb\xbf"
                    "b"),
              ElementsAre("a",
                          "\xef\xbb\xbf"
                          "b"));
  EXPECT_THAT(Lines("\xef\xbb\xbf"), ElementsAre());
  EXPECT_THAT(Lines("\xef\xbb"), ElementsAre("\xef\xbb"));
}

TEST_F(LineReaderTest, ALineAtTheLimitIsReadAndOneAboveIsPassedOver) {
  EXPECT_THAT(Lines("12345\n123456\nabc\n", 5), ElementsAre("12345", "<7>", "abc"));
  EXPECT_THAT(Lines("123456", 5), ElementsAre("<6>"));
}

TEST_F(LineReaderTest, LinesAcrossBufferEndsComeOutWhole) {
  // Lengths around the buffer's 256 KiB, and a line of many buffers.
  std::string bytes;
  std::vector<std::string> expected;
  for (const size_t size : {262143, 1, 262144, 262145, 0, 3'000'000, 5, 700'000}) {
    expected.emplace_back(size, static_cast<char>('a' + expected.size()));
    bytes += expected.back() + "\n";
  }
  EXPECT_EQ(Lines(bytes, 4'000'000), expected);
}

TEST_F(LineReaderTest, LongLinesAreCountedAndNotHeld) {
  const std::string longest(5'000'000, 'x');
  EXPECT_THAT(Lines(longest + "\nshort\n" + longest, 300'000),
              ElementsAre("<5000001>", "short", "<5000000>"));
}

}  // namespace
}  // namespace canopy
