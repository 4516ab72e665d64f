#include "shard/word_top_k.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "absl/container/inlined_vector.h"
#include "base/status.h"
#include "shard/set_kernels.h"
#include "shard/word_kernels.h"
#include "shard/word_order.h"
#include "shard/word_table.h"

namespace canopy {
namespace {

// So many words ahead, the caches are told what will be read: first what is found through the
// word's number, then what is found through that.
constexpr size_t kPrefetchDirectory = 8;
constexpr size_t kPrefetchPostings = 4;

// Up to so many documents of a word, scoring them all exactly is cheaper than choosing.
constexpr int kFewDocs = 6;

class WordSearch final {
 public:
  WordSearch(const ShardFile& shard, const FlatQuery& query, const LengthNorms& exact_norms,
             const WordTable& table, const BoundScale& scale, TopK& best)
      : kernels_(CurrentWordKernels()),
        set_kernels_(CurrentSetKernels()),
        query_(query),
        scored_end_(query.num_required + query.num_optional),
        exact_norms_(exact_norms),
        norms_(exact_norms.k),
        table_(table),
        scale_(scale),
        best_(best),
        length_codes_(shard.length_codes()),
        live_docs_(shard.live_docs()) {
    for (uint32_t term = 0; term < scored_end_; ++term) {
      if (scale.Units(term) != 0) by_units_.push_back(term);
    }
    std::stable_sort(by_units_.begin(), by_units_.end(),
                     [&](uint32_t a, uint32_t b) { return scale.Units(a) > scale.Units(b); });
  }

  // Searches the words of one level; they are ascending.
  absl::Status SearchLevel(absl::Span<const uint32_t> words, const WordOrder& order, Poll& poll) {
    for (const uint32_t word : words.first(std::min(words.size(), kPrefetchDirectory))) {
      PrefetchDirectory(word);
    }
    for (const uint32_t word : words.first(std::min(words.size(), kPrefetchPostings))) {
      PrefetchPostings(word);
    }
    for (size_t i = 0; i < words.size(); ++i) {
      if (i + kPrefetchDirectory < words.size()) PrefetchDirectory(words[i + kPrefetchDirectory]);
      if (i + kPrefetchPostings < words.size()) PrefetchPostings(words[i + kPrefetchPostings]);
      if (scale_.Score(order.Sum(words[i])) < best_.least()) continue;
      if (poll.ShouldStop(kWordDocs * query_.terms.size())) return poll.status();
      Search(words[i]);
    }
    return absl::OkStatus();
  }

 private:
  // A scored term that the word being searched has.
  struct TermInWord {
    const FlatTerm* term;
    const WordCell* cell;
    uint64_t docs;
    uint32_t bound;  // of its parts
    uint32_t rest;   // of those of the terms after it

    uint32_t Bound(uint32_t place) const { return (docs >> place & 1) != 0 ? bound : 0; }
  };

  void PrefetchDirectory(uint32_t global_word) const {
    const uint32_t word = global_word % kWordsPerChunk;
    __builtin_prefetch(length_codes_ + size_t{global_word} * kWordDocs);
    for (const WordCell& cell : table_.Chunk(global_word / kWordsPerChunk)) {
      if (cell.ranks != nullptr) __builtin_prefetch(cell.ranks + word / kWordsPerWindow);
      if (cell.bitset != nullptr) __builtin_prefetch(cell.bitset + word);
    }
  }

  void PrefetchPostings(uint32_t global_word) const {
    const uint32_t word = global_word % kWordsPerChunk;
    for (const WordCell& cell : table_.Chunk(global_word / kWordsPerChunk)) {
      if (!cell.Has(word)) continue;
      const uint32_t rank = cell.ranks[word / kWordsPerWindow];
      if (cell.array != nullptr) __builtin_prefetch(cell.array + rank);
      __builtin_prefetch(cell.frequencies + rank);
    }
  }

  void Search(uint32_t global_word) {
    chunk_ = global_word / kWordsPerChunk;
    word_ = global_word % kWordsPerChunk;
    cells_ = table_.Chunk(chunk_);
    codes_ = length_codes_ + size_t{global_word} * kWordDocs;
    uint64_t docs = Matches();
    if (docs == 0) return;
    FindTerms();
    if (query_.num_required == 0) docs = DocsOfHeavyTerms();
    if (std::popcount(docs) > kFewDocs) docs &= Candidates();
    if (docs == 0) return;
    if (live_docs_ != nullptr) docs &= live_docs_[global_word];
    for (size_t term = scored_end_; term < query_.terms.size(); ++term) {
      if (cells_[term].Has(word_)) docs &= ~BitsOfWord(cells_[term], word_);
    }
    for (; docs != 0; docs &= docs - 1) Offer(static_cast<uint32_t>(std::countr_zero(docs)));
  }

  // The documents that can match, as far as required and needed terms say.
  uint64_t Matches() const {
    uint64_t docs = ~uint64_t{0};
    for (size_t term = 0; term < query_.num_required; ++term) {
      docs &= BitsOfWord(cells_[term], word_);
      if (docs == 0) return 0;
    }
    if (!query_.needs_optional || query_.num_required == 0) return docs;
    uint64_t any = 0;
    for (size_t term = query_.num_required; term < scored_end_; ++term) {
      if (cells_[term].Has(word_)) any |= BitsOfWord(cells_[term], word_);
    }
    return docs & any;
  }

  // Fills terms_.
  void FindTerms() {
    num_terms_ = 0;
    for (const uint32_t term : by_units_) {
      const WordCell& cell = cells_[term];
      if (!cell.Has(word_)) continue;
      const uint32_t bound = scale_.Units(term) * cell.bounds[word_];
      terms_[num_terms_++] = {&query_.terms[term], &cell, BitsOfWord(cell, word_), bound, 0};
    }
    uint32_t rest = 0;
    for (size_t i = num_terms_; i-- > 0; rest += terms_[i].bound) terms_[i].rest = rest;
  }

  // The documents of all terms but the lightest, which cannot lift one among the best by
  // themselves.
  uint64_t DocsOfHeavyTerms() const {
    uint64_t docs = 0;
    for (size_t i = 0; i < num_terms_; ++i) {
      const TermInWord& term = terms_[i];
      if (scale_.Score(term.bound + term.rest) < best_.least()) break;
      docs |= term.docs;
    }
    return docs;
  }

  // The documents whose approximate scores say that they may be among the best.
  uint64_t Candidates() {
    size_t num_bitsets = 0, num_parts = 0;
    std::array<uint32_t, kMaxFlatTerms> bounds;  // of the bitsets
    const uint32_t window = word_ / kWordsPerWindow;
    for (const uint32_t term : by_units_) {
      const WordCell& cell = cells_[term];
      if (!cell.Has(word_)) continue;
      const float weight = query_.terms[term].weight;
      if (cell.bitset != nullptr) {
        bounds[num_bitsets] = scale_.Units(term) * cell.bounds[word_];
        bitsets_[num_bitsets++] = {cell.bitset + size_t{window} * kWordsPerWindow,
                                   cell.frequencies + cell.ranks[window], weight, 0};
        continue;
      }
      const ArrayRange range = RangeOfWord(cell, word_);
      for (uint32_t i = range.begin; i < range.end; ++i) {
        const uint16_t doc = cell.array[i];
        const float tf = ApproximateTf(cell.frequencies[i]);
        part_docs_[num_parts] = doc;
        parts_[num_parts++] = weight * tf / (tf + norms_.k[codes_[doc % kWordDocs]]);
      }
    }
    uint32_t rest = 0;
    for (size_t i = num_bitsets; i-- > 0; rest += bounds[i]) {
      bitsets_[i].rest = MostApproximate(rest);
    }
    const float least = LeastApproximate(best_.least());
    const WordParts parts{part_docs_.data(), parts_.data(), num_parts};
    return kernels_.score_word(bitsets_.data(), num_bitsets, word_ % kWordsPerWindow, parts, norms_,
                               codes_, least);
  }

  // At least what parts of this bound can add to an approximate score.
  float MostApproximate(uint32_t sum) const {
    return static_cast<float>(ToDouble(scale_.Score(sum)) *
                              (1 + 2 * static_cast<double>(kPartError)));
  }

  // Approximate scores from here on may belong to exact scores of `least` or more. Above 0, which
  // says "no posting".
  float LeastApproximate(FixedScore least) const {
    // Rounding changes each part by less than one.
    const auto slack = static_cast<FixedScore>(query_.terms.size());
    const double exact = ToDouble(least - slack) * (1 - 2 * static_cast<double>(kPartError));
    return std::max(static_cast<float>(exact * (1 - 1e-6)), 1e-30f);
  }

  // Scores a document of the word exactly, unless it turns out that it cannot be among the best.
  void Offer(uint32_t place) {
    uint32_t rest = 0;  // the bounds of its parts that are not added yet
    for (size_t i = 0; i < num_terms_; ++i) rest += terms_[i].Bound(place);
    const auto doc = static_cast<uint16_t>(word_ * kWordDocs + place);
    const float k = exact_norms_.k[codes_[place]];
    FixedScore score = 0;
    for (size_t i = 0; score + scale_.Score(rest) >= best_.least(); ++i) {
      if (i == num_terms_) {
        best_.Offer(chunk_ * kChunkDocs + doc, score);
        return;
      }
      const TermInWord& term = terms_[i];
      if (term.Bound(place) == 0) continue;
      rest -= term.bound;
      uint32_t rank;
      set_kernels_.find_ranks(*term.cell->container, term.cell->ranks, &doc, 1, &rank);
      const auto tf = static_cast<float>(term.term->postings.frequencies().At(rank));
      score += RoundToFixed(ScorePart(term.term->weight, tf, k));
    }
  }

  const WordKernels& kernels_;
  const SetKernels& set_kernels_;
  const FlatQuery& query_;
  const size_t scored_end_;
  const LengthNorms& exact_norms_;
  const NormTable norms_;
  const WordTable& table_;
  const BoundScale& scale_;
  TopK& best_;
  const uint8_t* const length_codes_;
  const uint64_t* const live_docs_;
  absl::InlinedVector<uint32_t, kMaxFlatTerms> by_units_;  // scored terms, the heaviest first

  // The word being searched.
  uint32_t chunk_ = 0, word_ = 0;
  absl::Span<const WordCell> cells_;
  const uint8_t* codes_ = nullptr;
  size_t num_terms_ = 0;
  std::array<TermInWord, kMaxFlatTerms> terms_;  // the heaviest first
  std::array<WordTerm, kMaxFlatTerms> bitsets_;
  std::array<uint16_t, kMaxFlatTerms * kWordDocs> part_docs_;
  std::array<float, kMaxFlatTerms * kWordDocs> parts_;
};

}  // namespace

absl::Status FindBestByWords(const ShardFile& shard, const FlatQuery& query, Poll& poll,
                             SearchScratch& scratch, TopK& best) {
  const CollectionStats& stats = shard.stats();
  const LengthNorms norms = LengthNorms::Make(stats.k1, stats.b, query.average_length);
  ASSIGN_OR_RETURN(const WordTable table,
                   WordTable::Make(query, shard.num_chunks(), norms, shard.length_codes(), poll,
                                   scratch.words.directories));
  const BoundScale scale(Weights(query), BoundGrowth(shard, query.average_length));
  scratch.words.Start(table.num_chunks());
  RETURN_IF_ERROR(AddUpBounds(query, table, scale, poll, scratch.words.sums.data()));
  WordOrder order(scale, scratch.words);
  WordSearch search(shard, query, norms, table, scale, best);
  for (;;) {
    const absl::Span<const uint32_t> words = order.Next(best.least());
    if (words.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(search.SearchLevel(words, order, poll));
  }
}

}  // namespace canopy
