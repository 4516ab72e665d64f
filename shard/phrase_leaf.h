// A leaf of a query that needs positions: a phrase, or a term inside a field. Its candidates are
// the documents that have all its terms; each is decided by the terms' positions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "shard/exact_scorer.h"
#include "shard/flat_query.h"
#include "shard/phrase_matcher.h"
#include "shard/poll.h"
#include "shard/position_source.h"
#include "shard/query.h"
#include "shard/scorer.h"
#include "shard/shard_file.h"

namespace canopy {

// Thread safety: one thread. Lifetime: borrows the shard.
class PhraseLeaf final {
 public:
  // `boost`: all boosts above and of the query. Null when the shard lacks a term, so that nothing
  // matches. DATA_LOSS (damaged postings), CANCELLED, DEADLINE_EXCEEDED. REQUIRES: a valid kTerm or
  // kPhrase with at least one term.
  static absl::StatusOr<std::unique_ptr<PhraseLeaf>> Make(const ShardFile& shard,
                                                          const ShardQuery& query, float boost,
                                                          Poll& poll);

  // The intersection of the leaf's distinct terms (the first kMaxFlatTerms of them), for ChunkWalk
  // and ChunkMatcher. Its weights are 0.
  const FlatQuery& candidates() const { return candidates_; }
  // Of all distinct terms, in the shard.
  uint64_t postings() const;
  float weight() const { return weight_; }
  // Of the scope that is scored: all fields, or one.
  float average_length() const { return average_length_; }
  // The phrase does not occur more often than its rarest term. (With slop it may.)
  bool rarest_term_limits() const { return options_.slop == 0; }
  // Whole documents count, not a field of theirs.
  bool whole_documents() const { return !field_; }

  // Looks at up to kScoreBatch documents of a chunk, ascending. CANCELLED, DEADLINE_EXCEEDED.
  absl::Status Start(uint32_t chunk, absl::Span<const uint16_t> docs, Poll& poll);
  // Then, if asked for: the smallest frequency of a term in each.
  void FindSmallestTfs();
  const TermFrequency* smallest_tfs() const { return smallest_tfs_.data(); }
  // What a document scores with a frequency. REQUIRES, for a leaf inside a field: Decide().
  FixedScore Part(size_t i, float frequency) const {
    return RoundToFixed(ScorePart(weight_, frequency, k_[i]));
  }
  // Then, if asked for: goes on with those documents only for which keep[i] is true.
  void Keep(const bool* keep);
  size_t size() const { return num_docs_; }
  uint16_t doc(size_t i) const { return docs_[i]; }
  // At last: how often the phrase occurs in each (0: no match); for those with wanted[i] false,
  // only whether it is 0. A null `wanted` wants all. DATA_LOSS (damaged positions), CANCELLED,
  // DEADLINE_EXCEEDED.
  absl::Status Decide(const bool* wanted, Poll& poll);
  const float* frequencies() const { return frequencies_.data(); }

 private:
  // A distinct term of the phrase.
  struct Term {
    PositionSource positions;
    std::vector<uint32_t> ranks;  // of the documents being looked at
    std::vector<PositionSlice> slices;
    std::vector<uint32_t> decoded;  // positions in one document
  };

  PhraseLeaf(const ShardFile& shard, PhraseMatcher::Options options)
      : shard_(shard), options_(options), kernels_(CurrentPositionKernels()), matcher_(options) {}
  // False: the shard lacks one.
  absl::StatusOr<bool> AddTerms(const ShardQuery& query, Poll& poll);
  absl::StatusOr<bool> AddTerms(absl::Span<const std::string_view> distinct, Poll& poll,
                                std::vector<float>& idfs);
  const FlatTerm& Postings(size_t term) const {
    return term < kMaxFlatTerms ? candidates_.terms[term] : more_terms_[term - kMaxFlatTerms];
  }
  absl::Status DecideBySlices(const bool* wanted, Poll& poll);
  absl::Status CountRarestPairs(const bool* count_all, Poll& poll);
  absl::Status DecideByAllSlices(const bool* wanted, Poll& poll);
  std::pair<size_t, size_t> RarestSlots() const;
  absl::Status DecideByPositions(size_t i, Poll& poll);

  const ShardFile& shard_;
  const PhraseMatcher::Options options_;
  const PositionKernels& kernels_;
  FlatQuery candidates_;              // a required term for each distinct term
  std::vector<FlatTerm> more_terms_;  // those above kMaxFlatTerms
  std::vector<Term> terms_;
  std::vector<uint32_t> slots_;  // by place in the phrase: which distinct term
  // The two whose terms have the fewest postings, ascending: they decide most documents.
  std::pair<size_t, size_t> rarest_slots_;
  PhraseMatcher matcher_;
  std::optional<uint32_t> field_;
  float average_length_ = 0;
  LengthNorms norms_;
  float weight_ = 0;

  // The documents being looked at.
  uint32_t chunk_ = 0;
  size_t num_docs_ = 0;
  std::array<uint16_t, kScoreBatch> docs_;
  std::array<TermFrequency, kScoreBatch> smallest_tfs_;
  std::array<float, kScoreBatch> frequencies_;
  std::array<float, kScoreBatch> k_;
  std::vector<uint32_t> needed_ranks_;         // of one term
  std::vector<PositionSlice> aligned_slices_;  // by place in the phrase
  std::vector<TermPositions> aligned_positions_;
};

}  // namespace canopy
