#include "shard/phrase_search.h"

#include <algorithm>
#include <array>

#include "base/status.h"
#include "shard/chunk_matcher.h"
#include "shard/poll.h"
#include "shard/window_bits.h"
#include "shard/window_order.h"
#include "shard/window_table.h"

namespace canopy {
namespace {

// Positions cost so much more than postings.
constexpr size_t kPollFactor = 16;

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
  absl::StatusOr<uint32_t> Decide(uint32_t chunk, absl::Span<const uint16_t> docs) {
    phrase_.Start(chunk, docs);
    if (best_ != nullptr && can_prune_) phrase_.FindSmallestTfs();
    std::array<bool, kScoreBatch> wanted;
    for (size_t i = 0; i < docs.size(); ++i) {
      wanted[i] = best_ != nullptr && (!can_prune_ || CanReach(phrase_, i, best_->least()));
    }
    RETURN_IF_ERROR(phrase_.Decide(wanted.data()));
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

// Offers the matches of single windows.
class WindowDecider final {
 public:
  WindowDecider(const ShardFile& shard, PhraseLeaf& phrase, const WindowTable& table,
                const BoundScale& scale, TopK& best)
      : live_docs_(shard.live_docs()), phrase_(phrase), table_(table), scale_(scale), best_(best) {}

  absl::Status Decide(uint32_t global_window) {
    const uint32_t chunk = global_window / kWindowsPerChunk;
    const uint32_t window = global_window % kWindowsPerChunk;
    WindowBits matches = WordsWithin(chunk, window);
    if (!Any(matches) ||
        !Intersect(phrase_.candidates().required(), table_.Chunk(chunk), window, matches)) {
      return absl::OkStatus();
    }
    if (live_docs_ != nullptr) {
      const uint64_t* const live = live_docs_ + size_t{global_window} * kWindowWords;
      for (size_t w = 0; w < kWindowWords; ++w) matches[w] &= live[w];
    }
    uint16_t docs[kWindowDocs];
    phrase_.Start(chunk, absl::MakeConstSpan(docs, ListDocs(matches, window, docs)));
    phrase_.FindSmallestTfs();
    std::array<bool, kScoreBatch> keep;
    for (size_t i = 0; i < phrase_.size(); ++i) keep[i] = CanReach(phrase_, i, best_.least());
    phrase_.Keep(keep.data());
    RETURN_IF_ERROR(phrase_.Decide(/*wanted=*/nullptr));
    for (size_t i = 0; i < phrase_.size(); ++i) {
      const float frequency = phrase_.frequencies()[i];
      if (frequency == 0) continue;
      best_.Offer(chunk * kChunkDocs + phrase_.doc(i), phrase_.Part(i, frequency));
    }
    return absl::OkStatus();
  }

 private:
  // All documents of those words of a window whose bound, the smallest of the terms' bounds, is
  // high enough.
  WindowBits WordsWithin(uint32_t chunk, uint32_t window) const {
    std::array<uint8_t, kWindowWords> bounds;
    bounds.fill(255);
    for (const WindowCell& cell : table_.Chunk(chunk)) {
      for (size_t w = 0; w < kWindowWords; ++w) {
        const uint8_t bound = cell.container->bitset != nullptr
                                  ? cell.container->word_bounds[size_t{window} * kWindowWords + w]
                                  : cell.bounds[window];
        bounds[w] = std::min(bounds[w], bound);
      }
    }
    WindowBits words{};
    for (size_t w = 0; w < kWindowWords; ++w) {
      const bool enough =
          bounds[w] != 0 && scale_.Score(scale_.Units(0) * bounds[w]) >= best_.least();
      words[w] = enough ? ~uint64_t{0} : 0;
    }
    return words;
  }

  const uint64_t* const live_docs_;
  PhraseLeaf& phrase_;
  const WindowTable& table_;
  const BoundScale& scale_;
  TopK& best_;
};

// A window's bound is the smallest of its terms' bounds, 0 where a term is missing.
void AddUpPhraseBounds(const WindowTable& table, const BoundScale& scale, WindowScratch& memory) {
  memory.Start(table.num_chunks());
  for (uint32_t chunk = 0; chunk < table.num_chunks(); ++chunk) {
    std::array<uint8_t, kWindowsPerChunk> smallest;
    smallest.fill(255);
    for (const WindowCell& cell : table.Chunk(chunk)) {
      if (cell.container == nullptr) {
        smallest.fill(0);
        break;
      }
      for (size_t w = 0; w < kWindowsPerChunk; ++w) {
        smallest[w] = std::min(smallest[w], cell.bounds[w]);
      }
    }
    CurrentWindowKernels().add_bounds(smallest.data(), scale.Units(0),
                                      memory.sums.data() + size_t{chunk} * kWindowsPerChunk);
  }
}

}  // namespace

bool CanPrunePhrase(const PhraseLeaf& phrase) {
  return phrase.rarest_term_limits() && phrase.whole_documents() &&
         phrase.weight() >= kMinFlatWeight;
}

absl::StatusOr<uint64_t> CountPhrase(const ShardFile& shard, PhraseLeaf& phrase,
                                     const Cancellation* cancellation, SearchScratch& scratch,
                                     TopK* best) {
  const FlatQuery& query = phrase.candidates();
  ChunkWalk walk(query);
  ChunkMatcher matcher(query, shard.live_docs(), scratch.match);
  BatchDecider decider(phrase, best);
  ChunkContainers chunk;
  Poll poll(cancellation);
  uint64_t total = 0;
  while (walk.Next(chunk)) {
    if (poll.ShouldStop(kChunkDocs)) return poll.status();
    const ChunkSet matches = matcher.Match(chunk);
    if (matches.count == 0) continue;
    const uint16_t* docs = matches.array;
    if (docs == nullptr) {
      CurrentSetKernels().to_array(matches.bitset, scratch.docs.data());
      docs = scratch.docs.data();
    }
    for (size_t from = 0; from < matches.count; from += kScoreBatch) {
      const size_t size = std::min(kScoreBatch, matches.count - from);
      if (poll.ShouldStop(size * kPollFactor)) return poll.status();
      ASSIGN_OR_RETURN(const uint32_t found,
                       decider.Decide(chunk.chunk, absl::MakeConstSpan(docs + from, size)));
      total += found;
    }
  }
  return total;
}

absl::Status FindBestPhrases(const ShardFile& shard, PhraseLeaf& phrase,
                             const Cancellation* cancellation, SearchScratch& scratch, TopK& best) {
  const CollectionStats& stats = shard.stats();
  const LengthNorms norms = LengthNorms::Make(stats.k1, stats.b, phrase.average_length());
  const uint32_t num_chunks = (shard.docs() + kChunkDocs - 1) / kChunkDocs;
  const WindowTable table(phrase.candidates(), num_chunks, norms, shard.length_codes(),
                          scratch.windows.directories);
  const float weight = phrase.weight();
  const BoundScale scale(absl::MakeConstSpan(&weight, 1),
                         BoundGrowth(shard, phrase.average_length()));
  AddUpPhraseBounds(table, scale, scratch.windows);
  WindowOrder order(scale, scratch.windows);
  WindowDecider decider(shard, phrase, table, scale, best);
  Poll poll(cancellation);
  for (;;) {
    const absl::Span<const uint32_t> windows = order.Next(best.least());
    if (windows.empty()) return absl::OkStatus();
    for (const uint32_t window : windows) {
      if (scale.Score(order.Sum(window)) < best.least()) continue;
      if (poll.ShouldStop(kWindowDocs * kPollFactor)) return poll.status();
      RETURN_IF_ERROR(decider.Decide(window));
    }
  }
}

}  // namespace canopy
