// Top-k search works on windows of kWindowDocs documents. These kernels add up the bounds of
// windows, order windows by them, and score the documents of a window approximately. One table of
// functions for every CpuLevel. In a query's flow: window_order.h and window_top_k.h call these;
// what they let through is scored exactly by scorer.h.
//
// Approximate scores are sums of weight * tf / (tf + K) in float, each part within kPartError
// (relative) of the exact one; a tf of 255 or more counts as infinite. They only decide which
// documents are scored exactly, so levels need not agree on their bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shard/posting_list.h"

namespace canopy {

inline constexpr size_t kWindowWords = kWindowDocs / 64;
inline constexpr float kPartError = 1.0f / 2048;
// find_level may write this many entries past those it reports.
inline constexpr size_t kLevelSlack = 64;

// A term's bitset in one window.
struct WordTerm {
  const uint64_t* words = nullptr;       // kWindowWords
  const uint8_t* frequencies = nullptr;  // of the window's postings
  float weight = 0;
};

struct WindowKernels {
  // Bounds of the kWindowsPerChunk windows of a chunk, in units. A sum of 0 says that no document
  // can match. sums[w] += unit * bounds[w].
  void (*add_bounds)(const uint8_t* bounds, uint32_t unit, uint32_t* sums);
  // The same where neither sums[w] nor bounds[w] is 0; elsewhere sums[w] = 0.
  void (*add_required_bounds)(const uint8_t* bounds, uint32_t unit, uint32_t* sums);
  // The same where sums[w] is not 0.
  void (*add_optional_bounds)(const uint8_t* bounds, uint32_t unit, uint32_t* sums);

  // The largest of n sums; n is a multiple of kWindowsPerChunk.
  uint32_t (*max_sum)(const uint32_t* sums, size_t n);
  // levels[w] = sums[w] == 0 ? 0 : 1 + (sums[w] >> shift). REQUIRES: max_sum >> shift <= 254.
  void (*make_levels)(const uint32_t* sums, size_t n, uint32_t shift, uint8_t* levels);
  // The places of `level` among n levels, ascending; returns how many.
  size_t (*find_level)(const uint8_t* levels, size_t n, uint8_t level, uint32_t* out);

  // Adds the parts of n postings of one window, given as array entries. `codes` are the window's
  // length codes, `table` has K by length code, `scores` kWindowDocs entries.
  void (*add_array)(const uint16_t* docs, size_t n, const uint8_t* frequencies, float weight,
                    const float* table, const uint8_t* codes, float* scores);
  // The documents of word `word` of a window that score at least `least`, as bits: those of the n
  // terms' postings, on top of `scores` (64 entries; null: all 0). `codes`: the length codes of the
  // word's documents.
  uint64_t (*score_word)(const WordTerm* terms, size_t n, size_t word, const float* table,
                         const uint8_t* codes, const float* scores, float least);
  // The largest of the scores of each word of a window.
  void (*max_scores)(const float* scores, float* maxima);
};

// The table of CurrentCpuLevel().
const WindowKernels& CurrentWindowKernels();

// One a level; the upper two are null where the build has no such code.
const WindowKernels* BaselineWindowKernels();
const WindowKernels* Avx2WindowKernels();
const WindowKernels* Avx512WindowKernels();

}  // namespace canopy
