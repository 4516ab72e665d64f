// Is this a bitmap? What comes over the network is checked here, byte by byte, before CRoaring
// reads it: the library looks at lengths only, and works on whatever an array, a run or a count
// says.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace canopy {

// Of a bitmap in the portable format of 32-bit Roaring bitmaps
// (github.com/RoaringBitmap/RoaringFormatSpec) over documents below `docs`. DATA_LOSS, with offset
// and what is wrong: unknown cookie, keys or documents that do not ascend, a cardinality that is
// not that of the container, runs that touch, an offset that does not lead to its container, a
// document that there is not, bytes that are missing or left over. Takes no memory.
absl::Status CheckRoaring(std::string_view bytes, uint64_t docs);

}  // namespace canopy
