// Exact scores of given documents, term by term: ranks, frequencies, scorer.h. In a query's flow:
// the last step of the fast ways, for the documents that they could not rule out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shard/flat_query.h"
#include "shard/scorer.h"
#include "shard/set_kernels.h"

namespace canopy {

// Documents are scored in batches of at most this many.
inline constexpr size_t kScoreBatch = 256;

// Thread safety: one thread. Lifetime: borrows the norms and the length codes.
class ExactScorer final {
 public:
  // `length_codes`: of all documents of the shard.
  ExactScorer(const LengthNorms& norms, const uint8_t* length_codes)
      : kernels_(CurrentSetKernels()), norms_(norms), length_codes_(length_codes) {}

  // The documents to score: n ascending entries of `chunk`, all scores 0. REQUIRES: n <=
  // kScoreBatch.
  void Start(uint32_t chunk, const uint16_t* docs, size_t n) {
    docs_ = docs;
    n_ = n;
    const uint8_t* const codes = length_codes_ + size_t{chunk} * kChunkDocs;
    for (size_t i = 0; i < n; ++i) {
      k_[i] = norms_.k[codes[docs[i]]];
      scores_[i] = 0;
    }
  }

  // Adds the term's parts. `window_ranks` as in ContainerView.
  void Add(const FlatTerm& term, const ContainerView& container, const uint16_t* window_ranks) {
    kernels_.find_ranks(container, window_ranks, docs_, n_, ranks_);
    const FrequencyView& frequencies = term.postings.frequencies();
    for (size_t i = 0; i < n_; ++i) {
      if (ranks_[i] == kNoRank) continue;
      const auto tf = static_cast<float>(frequencies.At(ranks_[i]));
      scores_[i] += RoundToFixed(ScorePart(term.weight, tf, k_[i]));
    }
  }

  const FixedScore* scores() const { return scores_; }

 private:
  const SetKernels& kernels_;
  const LengthNorms& norms_;
  const uint8_t* const length_codes_;
  const uint16_t* docs_ = nullptr;
  size_t n_ = 0;
  float k_[kScoreBatch];
  uint32_t ranks_[kScoreBatch];
  FixedScore scores_[kScoreBatch];
};

}  // namespace canopy
