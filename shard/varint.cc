#include "shard/varint.h"

#include <bit>

namespace canopy {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080;
constexpr uint64_t kLowBits = 0x0101010101010101;

// A varint ends at each byte whose high bit is clear: gives a one in the lowest bit of such bytes.
uint64_t EndsOf(const uint8_t* bytes) { return (~LoadAs<uint64_t>(bytes) & kHighBits) >> 7; }

uint64_t SumOfBytes(uint64_t small_bytes) { return (small_bytes * kLowBits) >> 56; }

}  // namespace

const uint8_t* SkipVarints(const uint8_t* begin, const uint8_t* end, uint64_t count) {
  // n bytes hold at most n ends: while that many are wanted, the last one cannot be passed.
  while (count >= 64 && end - begin >= 64) {
    uint64_t ends = 0;
    for (int i = 0; i < 64; i += 8) ends += EndsOf(begin + i);
    count -= SumOfBytes(ends);
    begin += 64;
  }
  while (count > 0 && end - begin >= 8) {
    uint64_t ends = EndsOf(begin);
    const uint64_t found = SumOfBytes(ends);
    if (found >= count) {
      for (; count > 1; --count) ends &= ends - 1;
      return begin + std::countr_zero(ends) / 8 + 1;
    }
    count -= found;
    begin += 8;
  }
  for (; count > 0 && begin < end; ++begin) count -= *begin < 0x80 ? 1 : 0;
  return count == 0 ? begin : nullptr;
}

}  // namespace canopy
