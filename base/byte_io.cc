#include "base/byte_io.h"

#include <algorithm>

#include "base/strings.h"

namespace canopy {

uint64_t ByteReader::Varint() {
  const size_t start = offset_;
  uint64_t value = 0;
  for (size_t i = 0; i < kMaxVarintBytes; ++i) {
    const uint64_t byte = U8();
    if (!ok()) return 0;
    const uint64_t group = byte & 0x7f;
    const bool overflows = i == kMaxVarintBytes - 1 && group > 1;
    const bool padded = i > 0 && byte == 0;
    if (overflows || padded) break;
    value |= group << (7 * i);
    if (byte < 0x80) return value;
  }
  offset_ = start;
  Fail("malformed varint");
  return 0;
}

uint32_t ByteReader::Varint32() {
  const size_t start = offset_;
  const uint64_t value = Varint();
  if (value <= UINT32_MAX) return static_cast<uint32_t>(value);
  offset_ = start;
  Fail(Concat("varint ", value, " exceeds 32 bits"));
  return 0;
}

std::string_view ByteReader::Bytes(size_t size) {
  if (!ok()) return {};
  if (size > remaining()) {
    Fail(Concat("needs ", size, " bytes, ", remaining(), " left"));
    return {};
  }
  const std::string_view bytes = bytes_.substr(offset_, size);
  offset_ += size;
  return bytes;
}

std::string_view ByteReader::SizedBytes() { return Bytes(Varint()); }

void ByteReader::AlignTo(size_t alignment) {
  const size_t padding = (alignment - offset_ % alignment) % alignment;
  const std::string_view bytes = Bytes(padding);
  if (bytes.find_first_not_of('\0') == std::string_view::npos) return;
  offset_ -= padding;
  Fail("padding is not zero");
}

void ByteReader::Fail(std::string_view problem) {
  if (!ok()) return;
  status_ = absl::DataLossError(
      Concat(what_, ": ", problem, " at offset ", offset_, " of ", bytes_.size()));
}

absl::Status ByteReader::Finish() {
  if (remaining() > 0) Fail(Concat(remaining(), " unexpected bytes"));
  return status_;
}

namespace byte_io_internal {

absl::Status CheckArray(std::string_view bytes, const ArrayBounds& array, std::string_view what) {
  const uint64_t size = bytes.size();
  if (array.offset > size || array.count > (size - array.offset) / array.element_size) {
    return absl::DataLossError(Concat(what, ": ", array.count, " elements of ", array.element_size,
                                      " bytes at offset ", array.offset, " exceed its ", size,
                                      " bytes"));
  }
  const auto address = reinterpret_cast<uintptr_t>(bytes.data()) + array.offset;
  if (array.count > 0 && address % array.alignment != 0) {
    return absl::DataLossError(
        Concat(what, ": offset ", array.offset, " is not aligned to ", array.alignment, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace byte_io_internal
}  // namespace canopy
