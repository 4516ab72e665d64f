// Writes a set of documents in the portable format of 32-bit Roaring bitmaps
// (github.com/RoaringBitmap/RoaringFormatSpec), container by container, straight from a shard's own
// containers. In a query's flow: the end of a leaf's part in a query that is scattered by term;
// root/roaring_format.h checks what it wrote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace canopy {

// Each container takes the form that is shortest. Thread safety: one thread.
class RoaringWriter final {
 public:
  // The format's own border: more documents of a chunk are never an array.
  static constexpr uint32_t kMaxArrayDocs = 4096;

  // The bitmap takes at most `max_bytes`.
  explicit RoaringWriter(size_t max_bytes) : max_bytes_(max_bytes) {}

  // The documents of the next chunk, ascending. RESOURCE_EXHAUSTED: over max_bytes; then the
  // writer is of no more use. REQUIRES: chunks ascend; at least one document; of AddArray at most
  // kMaxArrayDocs.
  absl::Status AddArray(uint16_t chunk, absl::Span<const uint16_t> docs);
  // The same as kBitsetWords words with `cardinality` bits set.
  absl::Status AddBitset(uint16_t chunk, const uint64_t* words, uint32_t cardinality);

  // The whole bitmap, once. RESOURCE_EXHAUSTED: even an empty one is over max_bytes.
  absl::StatusOr<std::string> Finish() &&;

 private:
  struct Container {
    uint16_t chunk;
    uint32_t cardinality;
    bool is_run;
    size_t offset;  // in body_
  };

  // Begins a container of `size` bytes.
  absl::Status Begin(Container container, size_t size);
  void AppendRun(uint16_t first, uint16_t last);
  absl::Status CheckSize(size_t bytes) const;
  size_t HeaderBytes(size_t containers) const;

  const size_t max_bytes_;
  std::vector<Container> containers_;
  bool any_run_ = false;
  std::string body_;
};

}  // namespace canopy
