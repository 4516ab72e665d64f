// Varints in the shard's hot paths: decoded with every access checked and without a status object,
// or skipped many at a time. base/byte_io.h has the writer and the reader for everything that is
// not hot.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace canopy {

// Unaligned load. REQUIRES: sizeof(T) bytes are readable at `from`.
template <typename T>
T LoadAs(const void* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// Takes one varint from [begin, end). Null when the bytes end early or the number does not fit 64
// bits, else the place after it.
inline const uint8_t* TakeVarint(const uint8_t* begin, const uint8_t* end, uint64_t& value) {
  uint64_t sum = 0;
  for (int shift = 0; begin < end && shift < 64; shift += 7) {
    const uint64_t byte = *begin++;
    if (shift == 63 && byte > 1) return nullptr;
    sum |= (byte & 0x7F) << shift;
    if (byte < 0x80) {
      value = sum;
      return begin;
    }
  }
  return nullptr;
}

// The place after the next `count` varints of [begin, end), or null when there are fewer. Looks
// only at the bytes' high bits, eight and more at a time.
const uint8_t* SkipVarints(const uint8_t* begin, const uint8_t* end, uint64_t count);

// Reads varints and bytes one after the other. The first read past the end makes ok() false for
// good and every later read gives 0 or nothing, so callers check once after several reads.
// Lifetime: borrows the bytes.
class VarintCursor final {
 public:
  explicit VarintCursor(std::string_view bytes)
      : begin_(reinterpret_cast<const uint8_t*>(bytes.data())),
        at_(begin_),
        end_(begin_ + bytes.size()) {}

  bool ok() const { return ok_; }
  bool done() const { return at_ == end_; }
  size_t offset() const { return static_cast<size_t>(at_ - begin_); }

  uint64_t Varint() {
    if (at_ < end_ && *at_ < 0x80) [[likely]]
      return *at_++;
    uint64_t value = 0;
    const uint8_t* next = TakeVarint(at_, end_, value);
    if (next == nullptr) return Fail();
    at_ = next;
    return value;
  }
  uint32_t Varint32() {
    const uint64_t value = Varint();
    return value <= UINT32_MAX ? static_cast<uint32_t>(value) : static_cast<uint32_t>(Fail());
  }
  uint8_t U8() { return at_ < end_ ? *at_++ : static_cast<uint8_t>(Fail()); }
  std::string_view Bytes(uint64_t size) {
    if (static_cast<uint64_t>(end_ - at_) < size) {
      Fail();
      return {};
    }
    const auto* bytes = reinterpret_cast<const char*>(at_);
    at_ += size;
    return {bytes, static_cast<size_t>(size)};
  }

 private:
  uint64_t Fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  const uint8_t* begin_;
  const uint8_t* at_;
  const uint8_t* end_;
  bool ok_ = true;
};

}  // namespace canopy
