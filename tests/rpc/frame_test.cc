#include "rpc/frame.h"

#include <gtest/gtest.h>

#include <string>

namespace canopy {
namespace {

std::string Encode(const FrameHeader& header) {
  const auto bytes = EncodeFrameHeader(header);
  return std::string(bytes.data(), bytes.size());
}

TEST(FrameTest, AHeaderComesBackAsItWas) {
  const FrameHeader header = {.kind = FrameKind::kReply,
                              .code = 200,
                              .flags = 0x8001,
                              .bytes = kMaxFrameBytes,
                              .call = 0xfedcba9876543210,
                              .number = 0x0123456789abcdef};
  const auto read = DecodeFrameHeader(Encode(header));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->kind, header.kind);
  EXPECT_EQ(read->code, header.code);
  EXPECT_EQ(read->flags, header.flags);
  EXPECT_EQ(read->bytes, header.bytes);
  EXPECT_EQ(read->call, header.call);
  EXPECT_EQ(read->number, header.number);
}

TEST(FrameTest, NumbersAreLittleEndianInTheOrderOfTheFormat) {
  const std::string bytes = Encode(
      {.kind = FrameKind::kRequest, .code = 1, .flags = 2, .bytes = 3, .call = 4, .number = 5});
  EXPECT_EQ(bytes, std::string("\2\1\2\0\3\0\0\0\4\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0", 24));
}

TEST(FrameTest, KindsThatDoNotExistAreRefused) {
  for (const uint8_t kind : {0, 7, 255}) {
    const std::string bytes = Encode({.kind = static_cast<FrameKind>(kind)});
    EXPECT_EQ(DecodeFrameHeader(bytes).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(FrameTest, AFrameThatIsTooLongIsRefused) {
  const std::string bytes = Encode({.kind = FrameKind::kReply, .bytes = kMaxFrameBytes + 1});
  EXPECT_EQ(DecodeFrameHeader(bytes).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace canopy
