// Byte streams that grow side by side in one Arena: each is a chain of slices, every slice half as
// large again as the one before it, so that rare terms take few bytes and frequent ones few links.
// The idea is that of Lucene's ByteSlicePool.
//
// A slice that is full gives its last 4 bytes to the next one and keeps the next one's offset
// there. The last slice of a stream has no link, so a stream that fits its first slice has none at
// all.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "indexer/arena.h"

namespace canopy {

// Sizes by level; the size of level 0 is the caller's, at least 8. The last one repeats.
inline constexpr std::array<uint16_t, 12> kSliceBytes = {8,   16,  24,  40,  64,  96,
                                                         144, 216, 320, 480, 720, 1024};
inline constexpr uint32_t kSliceLinkBytes = 4;

// Where a stream ends. 7 bytes, to be put into a term's entry.
struct SliceTail {
  uint32_t next = 0;  // offset of the next byte
  uint16_t room = 0;  // bytes from there to the end of the slice
  uint8_t level = 0;
};

// Goes on to a new slice. REQUIRES: tail.room == 0; kSliceBytes.back() bytes free in the arena.
inline void GrowSlice(Arena& arena, SliceTail& tail) {
  if (tail.level + 1u < kSliceBytes.size()) ++tail.level;
  const uint16_t size = kSliceBytes[tail.level];
  const uint32_t slice = arena.Allocate(size);
  uint8_t* link = arena.At(tail.next - kSliceLinkBytes);
  std::memcpy(arena.At(slice), link, kSliceLinkBytes);
  std::memcpy(link, &slice, kSliceLinkBytes);
  tail.next = slice + kSliceLinkBytes;
  tail.room = static_cast<uint16_t>(size - kSliceLinkBytes);
}

// REQUIRES: kSliceBytes.back() bytes free in the arena.
inline void PutByte(Arena& arena, SliceTail& tail, uint8_t byte) {
  if (tail.room == 0) GrowSlice(arena, tail);
  *arena.At(tail.next) = byte;
  ++tail.next;
  --tail.room;
}

// Calls sink(bytes, size) for each piece, in order, of a stream that starts at `first` (a slice of
// `first_size` bytes). (A level repeats at the top, so the chain is followed by offsets: the last
// slice is the one that holds tail.next.)
template <typename Sink>
void ReadSlices(const Arena& arena, uint32_t first, uint32_t first_size, const SliceTail& tail,
                Sink&& sink) {
  uint32_t slice = first;
  uint32_t size = first_size;
  size_t level = 0;
  while (tail.next < slice || tail.next > slice + size) {
    const uint32_t payload = size - kSliceLinkBytes;
    sink(arena.At(slice), payload);
    std::memcpy(&slice, arena.At(slice + payload), kSliceLinkBytes);
    if (level + 1 < kSliceBytes.size()) ++level;
    size = kSliceBytes[level];
  }
  sink(arena.At(slice), tail.next - slice);
}

}  // namespace canopy
