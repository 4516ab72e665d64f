#include "rpc/frame.h"

#include "base/check.h"
#include "base/strings.h"

namespace canopy {
namespace {

template <typename T>
void Put(T value, char*& to) {
  for (size_t i = 0; i < sizeof(T); ++i) *to++ = static_cast<char>(value >> (8 * i) & 0xFF);
}

template <typename T>
T Take(const char*& from) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<T>(static_cast<uint8_t>(*from++)) << (8 * i));
  }
  return value;
}

}  // namespace

std::array<char, kFrameHeaderBytes> EncodeFrameHeader(const FrameHeader& header) {
  std::array<char, kFrameHeaderBytes> bytes;
  char* to = bytes.data();
  Put(static_cast<uint8_t>(header.kind), to);
  Put(header.code, to);
  Put(header.flags, to);
  Put(header.bytes, to);
  Put(header.call, to);
  Put(header.number, to);
  return bytes;
}

absl::StatusOr<FrameHeader> DecodeFrameHeader(std::string_view bytes) {
  CHECK(bytes.size() >= kFrameHeaderBytes);
  const char* from = bytes.data();
  FrameHeader header;
  const auto kind = Take<uint8_t>(from);
  if (kind < static_cast<uint8_t>(FrameKind::kHello) ||
      kind > static_cast<uint8_t>(FrameKind::kPong)) {
    return absl::InvalidArgumentError(Concat("there is no frame of kind ", int{kind}));
  }
  header.kind = static_cast<FrameKind>(kind);
  header.code = Take<uint8_t>(from);
  header.flags = Take<uint16_t>(from);
  header.bytes = Take<uint32_t>(from);
  header.call = Take<uint64_t>(from);
  header.number = Take<uint64_t>(from);
  if (header.bytes <= kMaxFrameBytes) return header;
  return absl::InvalidArgumentError(
      Concat("a frame of ", header.bytes, " bytes, at most ", kMaxFrameBytes));
}

}  // namespace canopy
