// The containers of a flat query's terms by chunk, each with a window directory: those that the
// shard stores, and for containers too small to have one, directories made here from their
// postings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "shard/flat_query.h"
#include "shard/posting_list.h"
#include "shard/scorer.h"

namespace canopy {

// One term in one chunk. No container: no posting.
struct WindowCell {
  const ContainerView* container = nullptr;
  const uint16_t* ranks = nullptr;  // of each window's first posting; undefined where bounds is 0
  const uint8_t* bounds = nullptr;  // of each window's score parts, as in ContainerView
};

// Lifetime: borrows the query and the memory it is given.
class WindowTable final {
 public:
  // `memory` holds the directories that are made. `length_codes`: of all documents of the shard.
  WindowTable(const FlatQuery& query, uint32_t num_chunks, const LengthNorms& norms,
              const uint8_t* length_codes, std::vector<uint8_t>& memory);

  uint32_t num_chunks() const { return num_chunks_; }
  // A cell for every term of the query, in its order.
  absl::Span<const WindowCell> Chunk(uint32_t chunk) const {
    return absl::MakeConstSpan(cells_).subspan(size_t{chunk} * num_terms_, num_terms_);
  }

 private:
  const uint32_t num_chunks_;
  const size_t num_terms_;
  std::vector<WindowCell> cells_;
};

}  // namespace canopy
