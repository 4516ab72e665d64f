#include "shard/phrase_search.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/status.h"
#include "shard/chunk_matcher.h"
#include "shard/word_order.h"
#include "shard/word_table.h"

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

// Decides the documents of a chunk in batches.
class BatchDecider final {
 public:
  BatchDecider(PhraseLeaf& phrase, TopK* best)
      : phrase_(phrase), best_(best), can_prune_(CanPrunePhrase(phrase)) {}

  // How many of n <= kScoreBatch candidates match.
  absl::StatusOr<uint32_t> Decide(uint32_t chunk, absl::Span<const uint16_t> docs, Poll& poll) {
    RETURN_IF_ERROR(phrase_.Start(chunk, docs, poll));
    if (best_ != nullptr && can_prune_) phrase_.FindSmallestTfs();
    std::array<bool, kScoreBatch> wanted;
    for (size_t i = 0; i < docs.size(); ++i) {
      wanted[i] = best_ != nullptr && (!can_prune_ || CanReach(phrase_, i, best_->least()));
    }
    RETURN_IF_ERROR(phrase_.Decide(wanted.data(), poll));
    uint32_t matches = 0;
    const float* const frequencies = phrase_.frequencies();
    for (size_t i = 0; i < docs.size(); ++i) {
      if (frequencies[i] == 0) continue;
      ++matches;
      if (wanted[i]) best_->Offer(chunk * kChunkDocs + docs[i], phrase_.Part(i, frequencies[i]));
    }
    return matches;
  }

 private:
  PhraseLeaf& phrase_;
  TopK* const best_;
  const bool can_prune_;
};

// Offers the matches of single words. Candidates are gathered over several words of a chunk before
// their positions are looked at.
class WordDecider final {
 public:
  WordDecider(const ShardFile& shard, PhraseLeaf& phrase, const WordTable& table, TopK& best)
      : live_docs_(shard.live_docs()), phrase_(phrase), table_(table), best_(best) {}

  // Words of one level, ascending.
  absl::Status DecideLevel(absl::Span<const uint32_t> words, const WordOrder& order,
                           const BoundScale& scale, Poll& poll) {
    for (const uint32_t word : words) {
      if (scale.Score(order.Sum(word)) < best_.least()) continue;
      if (poll.ShouldStop(kWordDocs)) return poll.status();
      if (word / kWordsPerChunk != chunk_ || num_docs_ + kWordDocs > docs_.size()) {
        RETURN_IF_ERROR(DecideGathered(poll));
        chunk_ = word / kWordsPerChunk;
      }
      Gather(word);
    }
    return DecideGathered(poll);
  }

 private:
  void Gather(uint32_t global_word) {
    const uint32_t word = global_word % kWordsPerChunk;
    uint64_t matches = live_docs_ == nullptr ? ~uint64_t{0} : live_docs_[global_word];
    for (const WordCell& cell : table_.Chunk(chunk_)) {
      matches &= BitsOfWord(cell, word);
      if (matches == 0) return;
    }
    for (; matches != 0; matches &= matches - 1) {
      docs_[num_docs_++] = static_cast<uint16_t>(word * kWordDocs +
                                                 static_cast<uint32_t>(std::countr_zero(matches)));
    }
  }

  absl::Status DecideGathered(Poll& poll) {
    if (num_docs_ == 0) return absl::OkStatus();
    RETURN_IF_ERROR(phrase_.Start(chunk_, absl::MakeConstSpan(docs_).first(num_docs_), poll));
    num_docs_ = 0;
    phrase_.FindSmallestTfs();
    std::array<bool, kScoreBatch> keep;
    for (size_t i = 0; i < phrase_.size(); ++i) keep[i] = CanReach(phrase_, i, best_.least());
    phrase_.Keep(keep.data());
    RETURN_IF_ERROR(phrase_.Decide(/*wanted=*/nullptr, poll));
    for (size_t i = 0; i < phrase_.size(); ++i) {
      const float frequency = phrase_.frequencies()[i];
      if (frequency == 0) continue;
      best_.Offer(chunk_ * kChunkDocs + phrase_.doc(i), phrase_.Part(i, frequency));
    }
    return absl::OkStatus();
  }

  const uint64_t* const live_docs_;
  PhraseLeaf& phrase_;
  const WordTable& table_;
  TopK& best_;
  uint32_t chunk_ = 0;
  size_t num_docs_ = 0;
  // Few enough that the k-th score is never far behind.
  std::array<uint16_t, 2 * kWordDocs> docs_;
};

// A word's bound is the smallest of its terms' bounds, 0 where a term is missing.
absl::Status AddUpPhraseBounds(const WordTable& table, const BoundScale& scale, Poll& poll,
                               WordScratch& memory) {
  const WordKernels& kernels = CurrentWordKernels();
  memory.Start(table.num_chunks());
  for (uint32_t chunk = 0; chunk < table.num_chunks(); ++chunk) {
    if (poll.ShouldStop(kWordsPerChunk)) return poll.status();
    std::array<uint8_t, kWordsPerChunk> smallest;
    smallest.fill(255);
    for (const WordCell& cell : table.Chunk(chunk)) {
      if (cell.bounds == nullptr) {
        smallest.fill(0);
        break;
      }
      kernels.min_bounds(cell.bounds, smallest.data());
    }
    kernels.add_bounds(smallest.data(), scale.Units(0),
                       memory.sums.data() + size_t{chunk} * kWordsPerChunk);
  }
  return absl::OkStatus();
}

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
                       decider.Decide(chunk.chunk, absl::MakeConstSpan(docs + from, size), poll));
      total += found;
    }
  }
  return total;
}

absl::Status FindBestPhrases(const ShardFile& shard, PhraseLeaf& phrase, Poll& poll,
                             SearchScratch& scratch, TopK& best) {
  const CollectionStats& stats = shard.stats();
  const LengthNorms norms = LengthNorms::Make(stats.k1, stats.b, phrase.average_length());
  const uint32_t num_chunks = shard.num_chunks();
  ASSIGN_OR_RETURN(const WordTable table,
                   WordTable::Make(phrase.candidates(), num_chunks, norms, shard.length_codes(),
                                   poll, scratch.words.directories));
  const float weight = phrase.weight();
  const BoundScale scale(absl::MakeConstSpan(&weight, 1),
                         BoundGrowth(shard, phrase.average_length()));
  RETURN_IF_ERROR(AddUpPhraseBounds(table, scale, poll, scratch.words));
  WordOrder order(scale, scratch.words);
  WordDecider decider(shard, phrase, table, best);
  for (;;) {
    const absl::Span<const uint32_t> words = order.Next(best.least());
    if (words.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(decider.DecideLevel(words, order, scale, poll));
  }
}

}  // namespace canopy
