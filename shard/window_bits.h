// The documents of one window as bits, and the postings of a term in it.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "shard/flat_query.h"
#include "shard/posting_list.h"
#include "shard/window_kernels.h"
#include "shard/window_table.h"

namespace canopy {

using WindowBits = std::array<uint64_t, kWindowWords>;

inline bool Any(const WindowBits& bits) { return (bits[0] | bits[1] | bits[2] | bits[3]) != 0; }

// The window's postings of one term.
struct WindowPostings {
  const uint64_t* words = nullptr;  // of a bitset, or
  const uint16_t* docs = nullptr;   // `count` entries of an array
  size_t count = 0;
  const uint8_t* frequencies = nullptr;
};

// REQUIRES: the cell has a container, and a posting in the window.
inline WindowPostings PostingsIn(const FlatTerm& term, const WindowCell& cell, uint32_t window) {
  const ContainerView& container = *cell.container;
  WindowPostings postings;
  const uint32_t first = cell.ranks[window];
  postings.frequencies = term.postings.frequencies().bytes + container.first_rank + first;
  if (container.bitset != nullptr) {
    postings.words = container.bitset + size_t{window} * kWindowWords;
    return postings;
  }
  postings.docs = container.array + first;
  uint32_t end = first;
  while (end < container.cardinality && container.array[end] / kWindowDocs == window) ++end;
  postings.count = end - first;
  return postings;
}

// Adds the documents of the postings.
inline void AddTo(const WindowPostings& postings, WindowBits& bits) {
  for (size_t w = 0; w < kWindowWords && postings.words != nullptr; ++w) {
    bits[w] |= postings.words[w];
  }
  for (size_t i = 0; i < postings.count; ++i) {
    const uint32_t doc = postings.docs[i] % kWindowDocs;
    bits[doc / 64] |= uint64_t{1} << doc % 64;
  }
}

// The documents that have all the terms, of which cells[i] belongs to terms[i]. False: none.
// REQUIRES: all cells have a posting in the window.
inline bool Intersect(absl::Span<const FlatTerm> terms, absl::Span<const WindowCell> cells,
                      uint32_t window, WindowBits& matches) {
  for (size_t term = 0; term < terms.size(); ++term) {
    const WindowPostings postings = PostingsIn(terms[term], cells[term], window);
    if (postings.words != nullptr) {
      for (size_t w = 0; w < kWindowWords; ++w) matches[w] &= postings.words[w];
    } else {
      WindowBits bits{};
      AddTo(postings, bits);
      for (size_t w = 0; w < kWindowWords; ++w) matches[w] &= bits[w];
    }
    if (!Any(matches)) return false;
  }
  return true;
}

// Lists the documents as entries of their chunk; returns how many. `docs` has room for kWindowDocs.
inline size_t ListDocs(const WindowBits& bits, uint32_t window, uint16_t* docs) {
  size_t n = 0;
  for (uint32_t w = 0; w < kWindowWords; ++w) {
    for (uint64_t word = bits[w]; word != 0; word &= word - 1) {
      docs[n++] = static_cast<uint16_t>(window * kWindowDocs + w * 64 +
                                        static_cast<uint32_t>(std::countr_zero(word)));
    }
  }
  return n;
}

}  // namespace canopy
