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

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "shard/poll.h"

namespace canopy {

// The positions of t_i, ascending.
struct TermPositions {
  const uint32_t* positions = nullptr;
  uint32_t count = 0;

  uint32_t At(uint32_t i) const { return positions[i]; }
};

// The frequency with slop 0, or, without `count_all`, whether it is above 0. `slots`: the positions
// of t_i, as TermPositions or anything else with `count` and At(). Slot `lead` leads, the others
// follow its occurrences.
template <typename Positions>
absl::StatusOr<float> ExactFrequency(absl::Span<const Positions> slots, size_t lead, bool count_all,
                                     Poll& poll) {
  constexpr size_t kInlineSlots = 16;
  absl::InlinedVector<uint32_t, kInlineSlots> at(slots.size());
  uint32_t count = 0;
  for (uint32_t occurrence = 0; occurrence < slots[lead].count; ++occurrence) {
    const uint32_t position = slots[lead].At(occurrence);
    if (position < lead) continue;
    bool matches = true;
    for (size_t i = 0; i < slots.size() && matches; ++i) {
      const uint32_t wanted = position - static_cast<uint32_t>(lead) + static_cast<uint32_t>(i);
      const uint32_t before = at[i];
      while (at[i] < slots[i].count && slots[i].At(at[i]) < wanted) ++at[i];
      if (poll.ShouldStop(at[i] - before + 1)) return poll.status();
      if (at[i] == slots[i].count) return static_cast<float>(count);
      matches = slots[i].At(at[i]) == wanted;
    }
    count += matches ? 1 : 0;
    if (matches && !count_all) break;
  }
  return static_cast<float>(count);
}

// Thread safety: one thread.
class PhraseMatcher final {
 public:
  struct Options {
    uint32_t slop = 0;
    bool has_repeats = false;  // some term stands in the phrase twice
  };
  explicit PhraseMatcher(Options options) : options_(options) {}

  // 0: the phrase does not occur. `slots[i]`: the positions of t_i; `terms[i]`: a number below
  // slots.size() that t_i shares with its repetitions only. CANCELLED, DEADLINE_EXCEEDED.
  absl::StatusOr<float> Frequency(absl::Span<const TermPositions> slots,
                                  absl::Span<const uint32_t> terms, Poll& poll);

 private:
  absl::StatusOr<float> Sloppy(absl::Span<const TermPositions> slots,
                               absl::Span<const uint32_t> terms, Poll& poll);
  // Sets all slots to their first occurrences.
  void Start(absl::Span<const TermPositions> slots, absl::Span<const uint32_t> terms);
  // Moves a slot of `term` from one occurrence to another.
  void Move(uint32_t term, size_t from, size_t to);

  const Options options_;
  std::vector<size_t> at_;                          // by slot: the occurrence in the alignment
  std::vector<std::pair<int64_t, uint32_t>> heap_;  // place and slot, smallest first
  // With repeats: by term and occurrence, how many slots are there, and how many of all slots
  // are where another of the same term is.
  std::vector<std::vector<uint32_t>> uses_;
  size_t used_again_ = 0;
};

}  // namespace canopy
