#include "shard/word_table.h"

#include <algorithm>
#include <cstring>

namespace canopy {
namespace {

constexpr size_t kRankBytes = kWindowsPerChunk * sizeof(uint16_t);
constexpr size_t kDirectoryBytes = kRankBytes + kWordsPerChunk;
constexpr size_t kDirectoryWork = 64;  // of making one, in postings

// At least 255 * tf / (tf + k), whatever float arithmetic lost.
uint8_t BoundByte(float tf, float k) {
  const float bound = 255.0f * (tf / (tf + k)) * (1 + 1e-5f) + 1;
  return static_cast<uint8_t>(std::min(bound, 255.0f));
}

struct DirectoryMaker {
  const LengthNorms& norms;
  const uint8_t* length_codes;

  void Make(const ContainerView& container, WordCell& cell, uint8_t* memory) const {
    auto* const ranks = reinterpret_cast<uint16_t*>(memory);
    uint8_t* const bounds = memory + kRankBytes;
    std::memset(bounds, 0, kWordsPerChunk);
    const uint8_t* const codes = length_codes + size_t{container.chunk} * kChunkDocs;
    uint32_t next_window = 0;
    for (uint32_t i = 0; i < container.cardinality; ++i) {
      const uint16_t doc = container.array[i];
      const uint8_t tf = cell.frequencies[i];
      // A frequency that does not fit its byte has the largest bound.
      const uint8_t bound = tf == 255 ? 255 : BoundByte(tf, norms.k[codes[doc]]);
      bounds[doc / kWordDocs] = std::max(bounds[doc / kWordDocs], bound);
      const uint32_t window = doc / kWindowDocs;
      if (window >= next_window) ranks[window] = static_cast<uint16_t>(i);
      next_window = window + 1;
    }
    cell.ranks = ranks;
    cell.bounds = bounds;
  }
};

}  // namespace

absl::StatusOr<WordTable> WordTable::Make(const FlatQuery& query, uint32_t num_chunks,
                                          const LengthNorms& norms, const uint8_t* length_codes,
                                          Poll& poll, std::vector<uint8_t>& memory) {
  WordTable table(query, num_chunks);
  size_t to_make = 0;
  for (const FlatTerm& term : query.terms) {
    for (const ContainerView& container : term.postings.containers()) {
      to_make += container.word_bounds == nullptr ? 1 : 0;
    }
  }
  if (memory.size() < to_make * kDirectoryBytes) memory.resize(to_make * kDirectoryBytes);
  const DirectoryMaker maker{norms, length_codes};
  uint8_t* next = memory.data();
  for (size_t term = 0; term < query.terms.size(); ++term) {
    const PostingList& postings = query.terms[term].postings;
    for (const ContainerView& container : postings.containers()) {
      WordCell& cell = table.cells_[size_t{container.chunk} * table.num_terms_ + term];
      cell.bitset = container.bitset;
      cell.array = container.array;
      cell.frequencies = postings.frequencies().bytes + container.first_rank;
      cell.container = &container;
      if (container.word_bounds != nullptr) {
        cell.ranks = container.window_ranks;
        cell.bounds = container.word_bounds;
      } else {
        if (poll.ShouldStop(kDirectoryWork + container.cardinality)) return poll.status();
        maker.Make(container, cell, next);
        next += kDirectoryBytes;
      }
    }
  }
  return table;
}

}  // namespace canopy
