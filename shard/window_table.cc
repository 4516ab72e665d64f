#include "shard/window_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace canopy {
namespace {

constexpr size_t kRankBytes = kWindowsPerChunk * sizeof(uint16_t);
constexpr size_t kDirectoryBytes = kRankBytes + kWindowsPerChunk;

// At least 255 * tf / (tf + k), whatever float arithmetic lost.
uint8_t BoundByte(float tf, float k) {
  const float bound = 255.0f * (tf / (tf + k)) * (1 + 1e-5f) + 1;
  return static_cast<uint8_t>(std::min(bound, 255.0f));
}

struct DirectoryMaker {
  const LengthNorms& norms;
  const uint8_t* length_codes;

  void Make(const ContainerView& container, const FrequencyView& frequencies, WindowCell& cell,
            uint8_t* memory) const {
    auto* const ranks = reinterpret_cast<uint16_t*>(memory);
    uint8_t* const bounds = memory + kRankBytes;
    std::memset(bounds, 0, kWindowsPerChunk);
    const uint8_t* const codes = length_codes + size_t{container.chunk} * kChunkDocs;
    const uint8_t* const tfs = frequencies.bytes + container.first_rank;
    for (uint32_t i = 0; i < container.cardinality; ++i) {
      const uint16_t doc = container.array[i];
      const size_t window = doc / kWindowDocs;
      // A frequency that does not fit its byte has the largest bound.
      const uint8_t bound = tfs[i] == 255 ? 255 : BoundByte(tfs[i], norms.k[codes[doc]]);
      if (bounds[window] == 0) ranks[window] = static_cast<uint16_t>(i);
      bounds[window] = std::max(bounds[window], bound);
    }
    cell.ranks = ranks;
    cell.bounds = bounds;
  }
};

}  // namespace

WindowTable::WindowTable(const FlatQuery& query, uint32_t num_chunks, const LengthNorms& norms,
                         const uint8_t* length_codes, std::vector<uint8_t>& memory)
    : num_chunks_(num_chunks),
      num_terms_(query.terms.size()),
      cells_(size_t{num_chunks} * query.terms.size()) {
  size_t to_make = 0;
  for (const FlatTerm& term : query.terms) {
    for (const ContainerView& container : term.postings.containers()) {
      to_make += container.window_bounds == nullptr ? 1 : 0;
    }
  }
  if (memory.size() < to_make * kDirectoryBytes) memory.resize(to_make * kDirectoryBytes);
  const DirectoryMaker maker{norms, length_codes};
  uint8_t* next = memory.data();
  for (size_t term = 0; term < query.terms.size(); ++term) {
    const PostingList& postings = query.terms[term].postings;
    for (const ContainerView& container : postings.containers()) {
      WindowCell& cell = cells_[size_t{container.chunk} * num_terms_ + term];
      cell.container = &container;
      if (container.window_bounds != nullptr) {
        cell.ranks = container.window_ranks;
        cell.bounds = container.window_bounds;
      } else {
        maker.Make(container, postings.frequencies(), cell, next);
        next += kDirectoryBytes;
      }
    }
  }
}

}  // namespace canopy
