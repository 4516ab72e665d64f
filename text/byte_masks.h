// 64 bytes at a time to bit masks: bit i of a mask says whether byte i is of a class. Tokenizing
// then is arithmetic on words of 64 bits instead of a branch for every byte.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace canopy {

inline constexpr size_t kBlockBytes = 64;

// One byte for each byte of a block: 0xff where it is of the class, else 0. Loops that fill it are
// vectorized by the compiler.
struct ByteFlags {
  alignas(16) uint8_t flags[kBlockBytes];
};

// The flags as bits, byte 0 in the lowest one. For processors without an instruction for it.
inline uint64_t ToMaskPortably(const ByteFlags& bytes) {
  uint64_t mask = 0;
  for (size_t i = 0; i < kBlockBytes; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, bytes.flags + i, 8);
    // The multiplication moves bit 8 * k to bit 56 + k.
    mask |= ((eight & 0x0101010101010101) * 0x0102040810204080 >> 56) << i;
  }
  return mask;
}

// The same.
inline uint64_t ToMask(const ByteFlags& bytes) {
#if defined(__SSE2__)
  uint64_t mask = 0;
  for (size_t i = 0; i < kBlockBytes; i += 16) {
    const __m128i flags = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes.flags + i));
    mask |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(flags))) << i;
  }
  return mask;
#else
  return ToMaskPortably(bytes);
#endif
}

// Finds maximal runs of set bits over a sequence of masks.
// Thread safety: none.
class RunFinder final {
 public:
  // Calls run(begin, end) for every run that ends in `mask`, whose bit 0 stands for position
  // `base`. REQUIRES: masks come in order, `base` growing by 64.
  template <typename Run>
  void Feed(uint64_t mask, size_t base, Run run) {
    uint64_t edges = mask ^ (mask << 1 | carry_);
    carry_ = mask >> 63;
    while (edges != 0) {
      const size_t position = base + static_cast<size_t>(std::countr_zero(edges));
      edges &= edges - 1;
      if (inside_) {
        run(begin_, position);
      } else {
        begin_ = position;
      }
      inside_ = !inside_;
    }
  }

  // The run that is open at `end` of all bits, if there is one.
  template <typename Run>
  void Finish(size_t end, Run run) const {
    if (inside_) run(begin_, end);
  }

 private:
  uint64_t carry_ = 0;  // the last bit of the mask before
  bool inside_ = false;
  size_t begin_ = 0;
};

}  // namespace canopy
