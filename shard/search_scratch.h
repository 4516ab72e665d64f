// Memory that searches of one thread use again and again, so that a query allocates next to
// nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "shard/posting_list.h"
#include "shard/set_kernels.h"
#include "shard/word_kernels.h"

namespace canopy {

// The words of a chunk.
struct alignas(64) ChunkBits {
  std::array<uint64_t, kBitsetWords> words;
};

// Documents of one chunk as an array, with the slack that kernels want.
using ChunkArray = std::array<uint16_t, kChunkDocs + kArraySlack>;

// Buffers of matching one chunk.
struct MatchScratch {
  ChunkBits result, excluded, any;
  // Arrays that intersections pass through have at most kMaxArrayPostings entries.
  std::array<uint16_t, kMaxArrayPostings + kArraySlack> array[2];
};

// Buffers of choosing words.
struct WordScratch {
  std::vector<uint16_t> sums;
  std::vector<uint8_t> levels;
  std::vector<uint32_t> found, sorted;
  std::vector<uint8_t> directories;

  // For the words of so many chunks; all sums are 0.
  void Start(uint32_t num_chunks) {
    const size_t num_words = size_t{num_chunks} * kWordsPerChunk;
    sums.assign(num_words, 0);
    levels.resize(num_words);
    found.resize(num_words);
    sorted.resize(num_words);
  }
};

struct SearchScratch {
  MatchScratch match;
  WordScratch words;
  ChunkArray docs;
};

// This thread's. REQUIRES: at most one search of a thread uses it at a time.
inline SearchScratch& ThreadSearchScratch() {
  static thread_local const std::unique_ptr<SearchScratch> scratch(new SearchScratch);
  return *scratch;
}

}  // namespace canopy
