// The containers of a flat query's terms by chunk, each with what it takes to look at single words
// of it: the window directories that the shard stores, and for containers too small to have one,
// directories made here from their postings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "shard/flat_query.h"
#include "shard/poll.h"
#include "shard/posting_list.h"
#include "shard/scorer.h"
#include "shard/word_kernels.h"

namespace canopy {

// One term in one chunk.
struct WordCell {
  const uint8_t* bounds = nullptr;       // of each word's parts, as ContainerView; null: no posting
  const uint16_t* ranks = nullptr;       // as ContainerView::window_ranks, but may be undefined
                                         // for windows without posting
  const uint64_t* bitset = nullptr;      // this
  const uint16_t* array = nullptr;       // or that
  const uint8_t* frequencies = nullptr;  // of the container's postings
  const ContainerView* container = nullptr;

  bool Has(uint32_t word) const { return bounds != nullptr && bounds[word] != 0; }
};

// Entries [begin, end) of an array container.
struct ArrayRange {
  uint32_t begin = 0, end = 0;
};

// The postings of a word. REQUIRES: the cell is an array and has the word.
inline ArrayRange RangeOfWord(const WordCell& cell, uint32_t word) {
  ArrayRange range;
  range.begin = cell.ranks[word / kWordsPerWindow];
  while (cell.array[range.begin] / kWordDocs < word) ++range.begin;
  range.end = range.begin + 1;
  const uint32_t cardinality = cell.container->cardinality;
  while (range.end < cardinality && cell.array[range.end] / kWordDocs == word) ++range.end;
  return range;
}

// The documents of a word. REQUIRES: the cell has the word.
inline uint64_t BitsOfWord(const WordCell& cell, uint32_t word) {
  if (cell.bitset != nullptr) return cell.bitset[word];
  // One loop, of which only the end is hard to predict, instead of RangeOfWord.
  uint64_t bits = 0;
  const uint32_t cardinality = cell.container->cardinality;
  for (uint32_t i = cell.ranks[word / kWordsPerWindow];
       i < cardinality && cell.array[i] / kWordDocs <= word; ++i) {
    bits |= uint64_t{cell.array[i] / kWordDocs == word} << cell.array[i] % kWordDocs;
  }
  return bits;
}

// Lifetime: borrows the query and the memory it is given.
class WordTable final {
 public:
  // `memory` holds the directories that are made. `length_codes`: of all documents of the shard.
  // CANCELLED, DEADLINE_EXCEEDED.
  static absl::StatusOr<WordTable> Make(const FlatQuery& query, uint32_t num_chunks,
                                        const LengthNorms& norms, const uint8_t* length_codes,
                                        Poll& poll, std::vector<uint8_t>& memory);

  uint32_t num_chunks() const { return num_chunks_; }
  // A cell for every term of the query, in its order.
  absl::Span<const WordCell> Chunk(uint32_t chunk) const {
    return absl::MakeConstSpan(cells_).subspan(size_t{chunk} * num_terms_, num_terms_);
  }

 private:
  WordTable(const FlatQuery& query, uint32_t num_chunks)
      : num_chunks_(num_chunks),
        num_terms_(query.terms.size()),
        cells_(size_t{num_chunks} * query.terms.size()) {}

  uint32_t num_chunks_;
  size_t num_terms_;
  std::vector<WordCell> cells_;
};

}  // namespace canopy
