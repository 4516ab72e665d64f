// Where a phrase occurs in a document, from the positions of its terms alone.
//
// The frequency of a phrase t_0 ... t_(m-1) in a document:
//   slop 0: how many positions p there are such that every t_i stands at p + i.
//   slop s > 0: the place of an occurrence of t_i at position p is p - i, so that all places are
//   equal where the phrase
//     stands word for word. One occurrence of each term is an alignment; its distance is its
//     largest place less its smallest, the moves that would bring the words into order. Alignments
//     are visited thus: start with the first occurrence of every term. Take the term with the
//     smallest place (of several, the first in the phrase), and move it to its last occurrence
//     whose place is not above the smallest place of the others. This alignment counts 1 / (1 +
//     distance) if its distance is at most s, unless a term that stands in the phrase twice uses
//     one position twice. Then move the same term to its next occurrence; if it has none, the
//     document is done.
//   For distinct terms this is what Lucene 8's SloppyPhraseMatcher computes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace canopy {

// The positions of t_i, ascending.
using TermPositions = absl::Span<const uint32_t>;

// Thread safety: one thread.
class PhraseMatcher final {
 public:
  struct Options {
    uint32_t slop = 0;
    bool has_repeats = false;  // some term stands in the phrase twice
  };
  explicit PhraseMatcher(Options options) : options_(options) {}

  // `terms[i]`: the positions of t_i. 0: the phrase does not occur.
  float Frequency(absl::Span<const TermPositions> terms);

 private:
  float Exact(absl::Span<const TermPositions> terms);
  float Sloppy(absl::Span<const TermPositions> terms);
  bool UsesAPositionTwice(absl::Span<const TermPositions> terms);

  const Options options_;
  std::vector<size_t> at_;                          // by term: the occurrence in the alignment
  std::vector<std::pair<int64_t, uint32_t>> heap_;  // place and term, smallest first
  std::vector<uint32_t> used_;
};

}  // namespace canopy
