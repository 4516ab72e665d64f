// How numbers become bytes in every file and message of Canopy's own: little-endian, LEB128
// varints. ByteWriter appends to a string, ByteReader reads bytes that may be damaged, ViewAs looks
// at an array in place. The unchecked varint helpers are for inner loops over bytes whose checksum
// has been verified.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace canopy {

static_assert(std::endian::native == std::endian::little,
              "files are little-endian and are read in place");

inline constexpr size_t kMaxVarintBytes = 10;  // of a uint64

// Writes `value` at `out` and returns the byte after it.
// REQUIRES: kMaxVarintBytes bytes are writable at `out` (5 for values below 2^32).
inline uint8_t* EncodeVarint(uint64_t value, uint8_t* out) {
  while (value >= 0x80) {
    *out++ = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<uint8_t>(value);
  return out;
}

// Reads a varint at `in` into `value` and returns the byte after it. Nothing is checked.
// REQUIRES: a whole varint, as EncodeVarint writes them, stands at `in`.
inline const uint8_t* DecodeVarint(const uint8_t* in, uint64_t& value) {
  uint64_t byte = *in++;
  value = byte & 0x7f;
  for (int shift = 7; byte >= 0x80; shift += 7) {
    byte = *in++;
    value |= (byte & 0x7f) << shift;
  }
  return in;
}

// The same for values below 2^32.
inline const uint8_t* DecodeVarint32(const uint8_t* in, uint32_t& value) {
  uint32_t byte = *in++;
  value = byte & 0x7f;
  for (int shift = 7; byte >= 0x80; shift += 7) {
    byte = *in++;
    value |= (byte & 0x7f) << shift;
  }
  return in;
}

inline constexpr size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// Appends to a string. Lifetime: borrows the string. Thread safety: none.
class ByteWriter final {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void U8(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void U16(uint16_t value) { Raw(value); }
  void U32(uint32_t value) { Raw(value); }
  void U64(uint64_t value) { Raw(value); }
  void F32(float value) { Raw(value); }
  void F64(double value) { Raw(value); }
  void Varint(uint64_t value) {
    uint8_t buffer[kMaxVarintBytes];
    const uint8_t* end = EncodeVarint(value, buffer);
    out_.append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(end - buffer));
  }
  void Bytes(std::string_view bytes) { out_.append(bytes); }
  // Varint of the size, then the bytes.
  void SizedBytes(std::string_view bytes) {
    Varint(bytes.size());
    Bytes(bytes);
  }
  // Zero bytes until the string's size is a multiple of `alignment`. REQUIRES: a power of two.
  void AlignTo(size_t alignment) { out_.resize((out_.size() + alignment - 1) & ~(alignment - 1)); }

  size_t size() const { return out_.size(); }

 private:
  template <typename T>
  void Raw(T value) {
    char buffer[sizeof(T)];
    std::memcpy(buffer, &value, sizeof(T));
    out_.append(buffer, sizeof(T));
  }

  std::string& out_;
};

// Reads what ByteWriter wrote, checking every read. The first read that fails makes the reader fail
// for good: it and all later ones give zero or empty, and status() says which it was. So a caller
// reads a whole record and asks once. Thread safety: none. Lifetime: borrows the bytes.
class ByteReader final {
 public:
  // `what` names the bytes in messages (`section "docs"`) and must outlive the reader.
  ByteReader(std::string_view bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  uint8_t U8() { return Raw<uint8_t>(); }
  uint16_t U16() { return Raw<uint16_t>(); }
  uint32_t U32() { return Raw<uint32_t>(); }
  uint64_t U64() { return Raw<uint64_t>(); }
  float F32() { return Raw<float>(); }
  double F64() { return Raw<double>(); }
  // Fails on more than 64 bits and on needless trailing zero groups, so that a value has one
  // encoding.
  uint64_t Varint();
  // Fails on values of 2^32 and more.
  uint32_t Varint32();
  // The next `size` bytes in place.
  std::string_view Bytes(size_t size);
  std::string_view SizedBytes();
  // Skips the zero bytes that ByteWriter::AlignTo wrote, counted from the start of the bytes; fails
  // on other bytes.
  void AlignTo(size_t alignment);

  // Makes the reader fail with `problem`, unless it has failed before: for values that were read
  // but make no sense.
  void Fail(std::string_view problem);

  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }
  bool ok() const { return status_.ok(); }
  // OK or DATA_LOSS with what, offset and size.
  const absl::Status& status() const { return status_; }
  // status(), or DATA_LOSS when bytes are left over.
  absl::Status Finish();

 private:
  template <typename T>
  T Raw() {
    T value{};
    const std::string_view bytes = Bytes(sizeof(T));
    if (bytes.size() == sizeof(T)) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  const std::string_view bytes_;
  const std::string_view what_;
  size_t offset_ = 0;
  absl::Status status_;
};

namespace byte_io_internal {

struct ArrayBounds {
  uint64_t offset;
  uint64_t count;
  size_t element_size;
  size_t alignment;
};
absl::Status CheckArray(std::string_view bytes, const ArrayBounds& array, std::string_view what);

}  // namespace byte_io_internal

// The `count` elements of type T that stand at `offset` of `bytes`, in place.
// DATA_LOSS (naming `what`): they do not lie inside `bytes`, or their address is not aligned for T.
// Lifetime: the view lives as long as the bytes.
template <typename T>
absl::StatusOr<absl::Span<const T>> ViewAs(std::string_view bytes, uint64_t offset, uint64_t count,
                                           std::string_view what) {
  static_assert(std::is_trivially_copyable_v<T>);
  const absl::Status status =
      byte_io_internal::CheckArray(bytes, {offset, count, sizeof(T), alignof(T)}, what);
  if (!status.ok()) return status;
  return absl::Span<const T>(reinterpret_cast<const T*>(bytes.data() + offset), count);
}

}  // namespace canopy
