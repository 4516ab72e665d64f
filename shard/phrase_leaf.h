// A leaf of a query that needs positions: a phrase, or a term inside a field. Its candidates are
// the documents that have all its terms; each is decided by the terms' positions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "shard/flat_query.h"
#include "shard/phrase_matcher.h"
#include "shard/query.h"
#include "shard/scorer.h"
#include "shard/set_kernels.h"
#include "shard/shard_file.h"

namespace canopy {

// Thread safety: one thread. Lifetime: borrows the shard.
class PhraseLeaf final {
 public:
  // `boost`: all boosts above and of the query. Null when the shard lacks a term, so that nothing
  // matches. DATA_LOSS: damaged postings. REQUIRES: a valid kTerm or kPhrase with at least one
  // term.
  static absl::StatusOr<std::unique_ptr<PhraseLeaf>> Make(const ShardFile& shard,
                                                          const ShardQuery& query, float boost);

  // The intersection of the leaf's distinct terms (the first kMaxFlatTerms of them), for ChunkWalk
  // and ChunkMatcher. Its weights are 0.
  const FlatQuery& candidates() const { return candidates_; }

  float weight() const { return weight_; }

  // For each of n candidates of a chunk, ascending: how often the phrase occurs (0: no match), and
  // K of the length that counts. DATA_LOSS: damaged positions.
  absl::Status Frequencies(uint32_t chunk, const uint16_t* docs, size_t n, float* frequencies,
                           float* k);

  FixedScore Part(float frequency, float k) const {
    return RoundToFixed(ScorePart(weight_, frequency, k));
  }

 private:
  struct Positions {
    PositionReader reader;
    std::vector<uint32_t> decoded;  // of the document being looked at
    std::vector<uint32_t> ranks;    // of the documents of one call
  };

  PhraseLeaf(const ShardFile& shard, PhraseMatcher::Options options)
      : shard_(shard), matcher_(options) {}
  absl::StatusOr<bool> AddTerms(const ShardQuery& query);
  // Only the positions inside [first, second).
  static TermPositions Inside(TermPositions positions, std::pair<uint32_t, uint32_t> span);
  const FlatTerm& Term(size_t distinct) const {
    return distinct < kMaxFlatTerms ? candidates_.terms[distinct]
                                    : more_terms_[distinct - kMaxFlatTerms];
  }
  // False: the document lacks a term.
  absl::StatusOr<bool> Decode(size_t i);

  const ShardFile& shard_;
  FlatQuery candidates_;                // a required term for each distinct term
  std::vector<FlatTerm> more_terms_;    // those above kMaxFlatTerms
  std::vector<Positions> positions_;    // by distinct term
  std::vector<uint32_t> slots_;         // by place in the phrase: which distinct term
  std::vector<TermPositions> aligned_;  // by place in the phrase
  PhraseMatcher matcher_;
  std::optional<uint32_t> field_;
  LengthNorms norms_;
  float weight_ = 0;
};

}  // namespace canopy
