// Top-k search works on words: 64 documents, a word of a bitset. These kernels add up the bounds of
// words, order words by them, and score the documents of a word approximately. One table of
// functions for every CpuLevel. In a query's flow: word_order.h and word_top_k.h call these; what
// they let through is scored exactly by scorer.h.
//
// Approximate scores are sums of weight * tf / (tf + K) in float, each part within kPartError
// (relative) of the exact one; a tf of 255 or more counts as infinite. They only decide which
// documents are scored exactly, so levels need not agree on their bits.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "shard/posting_list.h"

namespace canopy {

inline constexpr uint32_t kWordDocs = 64;
inline constexpr uint32_t kWordsPerChunk = kBitsetWords;
inline constexpr uint32_t kWordsPerWindow = kWindowDocs / kWordDocs;
inline constexpr float kPartError = 1.0f / 2048;
inline constexpr float kSmallestNorm = 1e-20f;  // changes no part, but can be divided by
// Stands for a frequency that does not fit its byte: its part is then the weight, the limit of all
// parts.
inline constexpr float kEndlessTf = 1e9f;

inline float ApproximateTf(uint8_t byte) { return byte == 255 ? kEndlessTf : byte; }

// K by length code, but at least kSmallestNorm; also as four planes of bytes (the lowest of each K
// first) that vector code looks up.
struct NormTable {
  alignas(64) std::array<float, 256> k;
  alignas(64) std::array<std::array<uint8_t, 256>, 4> planes;

  explicit NormTable(const std::array<float, 256>& norms) {
    for (size_t code = 0; code < k.size(); ++code) {
      k[code] = std::max(norms[code], kSmallestNorm);
      const auto bits = std::bit_cast<uint32_t>(k[code]);
      for (size_t plane = 0; plane < planes.size(); ++plane) {
        planes[plane][code] = static_cast<uint8_t>(bits >> (8 * plane));
      }
    }
  }
};

// A term's postings in the window of a word, when they are a bitset.
struct WordTerm {
  const uint64_t* window = nullptr;      // kWordsPerWindow words
  const uint8_t* frequencies = nullptr;  // of the window's postings
  float weight = 0;
  float rest = 0;  // at least what the terms after this one can add to a document
};

// Parts that come from elsewhere: one for document docs[i] % kWordDocs; a document may have
// several.
struct WordParts {
  const uint16_t* docs = nullptr;
  const float* parts = nullptr;
  size_t count = 0;
};

struct WordKernels {
  // Bounds of the words of a chunk, in units. A sum of 0 says that no document can match.
  // sums[w] += unit * bounds[w]. REQUIRES of this and the next two: no sum exceeds 65,535.
  void (*add_bounds)(const uint8_t* bounds, uint16_t unit, uint16_t* sums);
  // The same where neither sums[w] nor bounds[w] is 0; elsewhere sums[w] = 0.
  void (*add_required_bounds)(const uint8_t* bounds, uint16_t unit, uint16_t* sums);
  // The same where sums[w] is not 0.
  void (*add_optional_bounds)(const uint8_t* bounds, uint16_t unit, uint16_t* sums);
  // smallest[w] = min(smallest[w], bounds[w]).
  void (*min_bounds)(const uint8_t* bounds, uint8_t* smallest);

  // The largest of n sums; n is a multiple of kWordsPerChunk here and below.
  uint16_t (*max_sum)(const uint16_t* sums, size_t n);
  // levels[w] = sums[w] == 0 ? 0 : 1 + (sums[w] >> shift). REQUIRES: max_sum >> shift <= 254.
  void (*make_levels)(const uint16_t* sums, size_t n, uint32_t shift, uint8_t* levels);
  // The places of `level` among n levels, ascending; returns how many.
  size_t (*find_level)(const uint8_t* levels, size_t n, uint8_t level, uint32_t* out);
  // The places of the sums that are at least `least`, ascending; returns how many. REQUIRES: least
  // > 0.
  size_t (*find_sums)(const uint16_t* sums, size_t n, uint16_t least, uint32_t* out);

  // The documents of word `place` of a window that score at least `least`, as bits: the sums of
  // their parts from the n terms and from `more`. `codes`: the length codes of the word's
  // documents. REQUIRES: kWordDocs bytes can be read there, also when the shard ends before.
  uint64_t (*score_word)(const WordTerm* terms, size_t n, size_t place, const WordParts& more,
                         const NormTable& norms, const uint8_t* codes, float least);
};

// The table of CurrentCpuLevel().
const WordKernels& CurrentWordKernels();

// One a level; the upper two are null where the build has no such code.
const WordKernels* BaselineWordKernels();
const WordKernels* Avx2WordKernels();
const WordKernels* Avx512WordKernels();

}  // namespace canopy
