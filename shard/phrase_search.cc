#include "shard/phrase_search.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/status.h"
#include "shard/chunk_matcher.h"
#include "shard/word_kernels.h"
#include "shard/word_order.h"

namespace canopy {
namespace {

// Whether document i of the phrase's batch may score `least`, as far as the frequencies of its
// terms say.
bool CanReach(const PhraseLeaf& phrase, size_t i, FixedScore least) {
  // Rounding may put the part of a smaller frequency above that of a larger one, by much less than
  // this.
  const FixedScore bound = phrase.Part(i, static_cast<float>(phrase.smallest_tfs()[i]));
  return bound + (bound >> 18) + 1 >= least;
}

// Decides documents in batches of up to kScoreBatch, ascending, of one chunk each.
class BatchDecider final {
 public:
  BatchDecider(PhraseLeaf& phrase, TopK* best)
      : phrase_(phrase), best_(best), can_prune_(best != nullptr && CanPrunePhrase(phrase)) {}

  // Offers the matches that can be among the best; returns how many match at all.
  absl::StatusOr<uint32_t> Count(uint32_t chunk, absl::Span<const uint16_t> docs, Poll& poll) {
    RETURN_IF_ERROR(phrase_.Start(chunk, docs, poll));
    FindReaching();
    RETURN_IF_ERROR(phrase_.Decide(reaching_.data(), poll));
    return OfferMatches(chunk);
  }

  // Offers them, and looks at no others.
  absl::Status FindBest(uint32_t chunk, absl::Span<const uint16_t> docs, Poll& poll) {
    RETURN_IF_ERROR(phrase_.Start(chunk, docs, poll));
    FindReaching();
    phrase_.Keep(reaching_.data());
    RETURN_IF_ERROR(phrase_.Decide(/*wanted=*/nullptr, poll));
    reaching_.fill(true);
    OfferMatches(chunk);
    return absl::OkStatus();
  }

 private:
  void FindReaching() {
    if (!can_prune_) {
      reaching_.fill(best_ != nullptr);
      return;
    }
    phrase_.FindSmallestTfs();
    for (size_t i = 0; i < phrase_.size(); ++i) {
      reaching_[i] = CanReach(phrase_, i, best_->least());
    }
  }

  uint32_t OfferMatches(uint32_t chunk) {
    uint32_t matches = 0;
    for (size_t i = 0; i < phrase_.size(); ++i) {
      const float frequency = phrase_.frequencies()[i];
      if (frequency == 0) continue;
      ++matches;
      if (reaching_[i]) {
        best_->Offer(chunk * kChunkDocs + phrase_.doc(i), phrase_.Part(i, frequency));
      }
    }
    return matches;
  }

  PhraseLeaf& phrase_;
  TopK* const best_;
  const bool can_prune_;
  std::array<bool, kScoreBatch> reaching_;  // documents whose score may be among the best
};

// What the documents of a word can score at most: the smallest of the bounds of the phrase's terms,
// where the shard has stored any.
class WordBounds final {
 public:
  WordBounds(const ShardFile& shard, const PhraseLeaf& phrase)
      : weight_(phrase.weight()),
        scale_(absl::MakeConstSpan(&weight_, 1), BoundGrowth(shard, phrase.average_length())) {}

  void Start(const ChunkContainers& chunk) {
    smallest_.fill(255);
    for (size_t i = 0; i < chunk.num_required; ++i) {
      const uint8_t* const bounds = chunk.required[i]->word_bounds;
      if (bounds != nullptr) kernels_.min_bounds(bounds, smallest_.data());
    }
    largest_ = *std::max_element(smallest_.begin(), smallest_.end());
  }
  // Whether some word of the chunk, or this one, may hold a score of `least`.
  bool AnyReaches(FixedScore least) const { return largest_ >= LeastByte(least); }
  // smallest(w) >= LeastByte(least): word w may.
  uint8_t smallest(uint32_t word) const { return smallest_[word]; }
  uint64_t LeastByte(FixedScore least) const {
    const uint64_t units = scale_.Units(0);
    return (scale_.LeastSum(least) + units - 1) / units;
  }

 private:
  const WordKernels& kernels_ = CurrentWordKernels();
  const float weight_;
  const BoundScale scale_;
  std::array<uint8_t, kWordsPerChunk> smallest_;
  uint8_t largest_ = 0;
};

// Gives the documents of `matches` whose word may hold a score of best.least(), as it is by then.
class PromisingDocs final {
 public:
  PromisingDocs(const ChunkSet& matches, const WordBounds& bounds, const TopK& best)
      : matches_(matches), bounds_(bounds), best_(best) {}

  // The next of them, at most kScoreBatch; empty: no more.
  absl::Span<const uint16_t> Next() {
    const uint64_t least = bounds_.LeastByte(best_.least());
    const size_t size = matches_.array != nullptr ? FillFromArray(least) : FillFromBitset(least);
    return absl::MakeConstSpan(docs_).first(size);
  }

 private:
  size_t FillFromArray(uint64_t least) {
    size_t size = 0;
    for (; at_ < matches_.count && size < kScoreBatch; ++at_) {
      const uint16_t doc = matches_.array[at_];
      docs_[size] = doc;
      size += bounds_.smallest(doc / kWordDocs) >= least ? 1 : 0;
    }
    return size;
  }

  size_t FillFromBitset(uint64_t least) {
    size_t size = 0;
    for (; at_ < kWordsPerChunk && size + kWordDocs <= kScoreBatch; ++at_) {
      if (bounds_.smallest(at_) < least) continue;
      for (uint64_t bits = matches_.bitset[at_]; bits != 0; bits &= bits - 1) {
        docs_[size++] =
            static_cast<uint16_t>(at_ * kWordDocs + static_cast<uint32_t>(std::countr_zero(bits)));
      }
    }
    return size;
  }

  const ChunkSet matches_;
  const WordBounds& bounds_;
  const TopK& best_;
  uint32_t at_ = 0;  // the next entry of the array, or word of the bitset
  std::array<uint16_t, kScoreBatch> docs_;
};

}  // namespace

bool CanPrunePhrase(const PhraseLeaf& phrase) {
  return phrase.rarest_term_limits() && phrase.whole_documents() &&
         phrase.weight() >= kMinFlatWeight;
}

absl::StatusOr<uint64_t> CountPhrase(const ShardFile& shard, PhraseLeaf& phrase, Poll& poll,
                                     SearchScratch& scratch, TopK* best) {
  const FlatQuery& query = phrase.candidates();
  ChunkWalk walk(query);
  ChunkMatcher matcher(query, shard.live_docs(), scratch.match);
  BatchDecider decider(phrase, best);
  ChunkContainers chunk;
  uint64_t total = 0;
  while (walk.Next(chunk)) {
    if (poll.ShouldStop(kBitsetWords * query.terms.size())) return poll.status();
    const ChunkSet matches = matcher.Match(chunk);
    if (matches.count == 0) continue;
    const uint16_t* docs = matches.array;
    if (docs == nullptr) {
      CurrentSetKernels().to_array(matches.bitset, scratch.docs.data());
      docs = scratch.docs.data();
    }
    for (size_t from = 0; from < matches.count; from += kScoreBatch) {
      const size_t size = std::min(kScoreBatch, matches.count - from);
      ASSIGN_OR_RETURN(const uint32_t found,
                       decider.Count(chunk.chunk, absl::MakeConstSpan(docs + from, size), poll));
      total += found;
    }
  }
  return total;
}

absl::Status FindBestPhrases(const ShardFile& shard, PhraseLeaf& phrase, Poll& poll,
                             SearchScratch& scratch, TopK& best) {
  const FlatQuery& query = phrase.candidates();
  ChunkWalk walk(query);
  ChunkMatcher matcher(query, shard.live_docs(), scratch.match);
  WordBounds bounds(shard, phrase);
  BatchDecider decider(phrase, &best);
  ChunkContainers chunk;
  while (walk.Next(chunk)) {
    if (poll.ShouldStop(kBitsetWords * query.terms.size())) return poll.status();
    bounds.Start(chunk);
    if (!bounds.AnyReaches(best.least())) continue;
    const ChunkSet matches = matcher.Match(chunk);
    if (matches.count == 0) continue;
    PromisingDocs promising(matches, bounds, best);
    for (;;) {
      const absl::Span<const uint16_t> docs = promising.Next();
      if (docs.empty()) break;
      RETURN_IF_ERROR(decider.FindBest(chunk.chunk, docs, poll));
    }
  }
  return absl::OkStatus();
}

}  // namespace canopy
