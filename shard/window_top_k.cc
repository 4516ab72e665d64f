#include "shard/window_top_k.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "shard/exact_scorer.h"
#include "shard/poll.h"
#include "shard/window_bits.h"
#include "shard/window_kernels.h"
#include "shard/window_order.h"
#include "shard/window_table.h"

namespace canopy {
namespace {

// So few matches of a word are scored exactly at once.
constexpr int kFewMatches = 2;
// Windows ahead of the one being searched whose bounds are fetched into the cache.
constexpr size_t kPrefetchDistance = 4;

class WindowSearch final {
 public:
  WindowSearch(const ShardFile& shard, const FlatQuery& query, const LengthNorms& norms,
               const WindowTable& table, const BoundScale& scale, TopK& best)
      : kernels_(CurrentWindowKernels()),
        query_(query),
        norms_(norms),
        table_(table),
        scale_(scale),
        best_(best),
        length_codes_(shard.length_codes()),
        live_docs_(shard.live_docs()),
        exact_(norms, shard.length_codes()) {}

  void Prefetch(uint32_t global_window) const {
    const uint32_t window = global_window % kWindowsPerChunk;
    for (const WindowCell& cell : table_.Chunk(global_window / kWindowsPerChunk)) {
      if (cell.container == nullptr || cell.container->bitset == nullptr) continue;
      __builtin_prefetch(cell.container->word_bounds + size_t{window} * kWindowWords);
      __builtin_prefetch(cell.container->bitset + size_t{window} * kWindowWords);
    }
  }

  void Search(uint32_t global_window) {
    global_window_ = global_window;
    chunk_ = global_window / kWindowsPerChunk;
    window_ = global_window % kWindowsPerChunk;
    cells_ = table_.Chunk(chunk_);
    WindowBits matches;
    if (!FindMatches(matches)) return;
    AddTerms();
    bool any = false;
    for (uint32_t word = 0; word < kWindowWords; ++word) {
      if (matches[word] != 0) matches[word] = Candidates(word, matches[word]);
      any |= matches[word] != 0;
    }
    if (!any) return;
    Restrict(matches);
    Offer(matches);
  }

 private:
  bool Present(size_t term) const {
    return cells_[term].container != nullptr && cells_[term].bounds[window_] != 0;
  }
  WindowPostings Postings(size_t term) const {
    return PostingsIn(query_.terms[term], cells_[term], window_);
  }
  const uint8_t* Codes() const { return length_codes_ + size_t{global_window_} * kWindowDocs; }

  // The documents that can match, as far as required terms say. False: none.
  bool FindMatches(WindowBits& matches) const {
    if (!Intersect(query_.required(), cells_, window_, matches)) return false;
    if (!query_.needs_optional || query_.num_required == 0) return true;
    WindowBits any{};
    for (size_t i = 0; i < query_.num_optional; ++i) {
      const size_t term = query_.num_required + i;
      if (Present(term)) AddTo(Postings(term), any);
    }
    for (size_t w = 0; w < kWindowWords; ++w) matches[w] &= any[w];
    return Any(matches);
  }

  // Gets the scored terms of the window ready: bitsets with the bounds of their words, arrays with
  // their scores.
  void AddTerms() {
    num_bitsets_ = 0;
    word_sums_.fill(0);
    bool any_array = false;
    for (size_t term = 0; term < query_.num_required + query_.num_optional; ++term) {
      if (scale_.Units(term) == 0 || !Present(term)) continue;
      const ContainerView& container = *cells_[term].container;
      const float weight = query_.terms[term].weight;
      const WindowPostings postings = Postings(term);
      if (container.bitset != nullptr) {
        bitsets_[num_bitsets_++] = {postings.words, postings.frequencies, weight};
        kernels_.add_word_bounds(container.word_bounds + size_t{window_} * kWindowWords,
                                 scale_.Units(term), word_sums_.data());
        continue;
      }
      if (!any_array) array_scores_.fill(0);
      any_array = true;
      kernels_.add_array(postings.docs, postings.count, postings.frequencies, weight,
                         norms_.k.data(), Codes(), array_scores_.data());
    }
    has_arrays_ = any_array;
    if (any_array) kernels_.max_scores(array_scores_.data(), array_maxima_.data());
  }

  // Approximate scores from here on may belong to exact scores of `least` or more. Above 0, which
  // says "no posting".
  float LeastApproximate(FixedScore least) const {
    const double exact = ToDouble(least - Slack()) * (1 - 2 * static_cast<double>(kPartError));
    return std::max(static_cast<float>(exact * (1 - 1e-6)), 1e-30f);
  }
  // The largest exact score of documents with this approximate score.
  FixedScore MostExact(float approximate) const {
    const double exact =
        static_cast<double>(approximate) * (1 + 2 * static_cast<double>(kPartError));
    return static_cast<FixedScore>(exact * (int64_t{1} << kScoreFractionBits)) + Slack();
  }
  // By how much the rounding of parts can change a score.
  FixedScore Slack() const { return static_cast<FixedScore>(query_.terms.size()); }

  // The documents among `matches`, of one word, that may be among the best.
  uint64_t Candidates(uint32_t word, uint64_t matches) const {
    FixedScore bound = scale_.Score(word_sums_[word]);
    if (has_arrays_) bound += MostExact(array_maxima_[word]);
    if (bound < best_.least()) return 0;
    if (std::popcount(matches) <= kFewMatches) return matches;
    const float* const scores = has_arrays_ ? array_scores_.data() + word * 64 : nullptr;
    return matches & kernels_.score_word(bitsets_.data(), num_bitsets_, word, norms_.k.data(),
                                         Codes() + word * 64, scores,
                                         LeastApproximate(best_.least()));
  }

  // Takes excluded and deleted documents out.
  void Restrict(WindowBits& bits) const {
    for (size_t term = query_.num_required + query_.num_optional; term < query_.terms.size();
         ++term) {
      if (!Present(term)) continue;
      WindowBits out{};
      AddTo(Postings(term), out);
      for (size_t w = 0; w < kWindowWords; ++w) bits[w] &= ~out[w];
    }
    if (live_docs_ == nullptr) return;
    const uint64_t* const live = live_docs_ + size_t{global_window_} * kWindowWords;
    for (size_t w = 0; w < kWindowWords; ++w) bits[w] &= live[w];
  }

  void Offer(const WindowBits& bits) {
    uint16_t docs[kWindowDocs];
    const size_t n = ListDocs(bits, window_, docs);
    if (n == 0) return;
    exact_.Start(chunk_, docs, n);
    for (size_t term = 0; term < query_.num_required + query_.num_optional; ++term) {
      if (scale_.Units(term) == 0 || !Present(term)) continue;
      exact_.Add(query_.terms[term], *cells_[term].container, cells_[term].ranks);
    }
    for (size_t i = 0; i < n; ++i) {
      best_.Offer(chunk_ * kChunkDocs + docs[i], exact_.scores()[i]);
    }
  }

  const WindowKernels& kernels_;
  const FlatQuery& query_;
  const LengthNorms& norms_;
  const WindowTable& table_;
  const BoundScale& scale_;
  TopK& best_;
  const uint8_t* const length_codes_;
  const uint64_t* const live_docs_;
  ExactScorer exact_;

  // The window being searched.
  uint32_t global_window_ = 0, chunk_ = 0, window_ = 0;
  absl::Span<const WindowCell> cells_;
  // Its scored terms with bitsets, and their bounds for each word.
  std::array<WordTerm, kMaxFlatTerms> bitsets_;
  size_t num_bitsets_ = 0;
  std::array<uint32_t, kWindowWords> word_sums_;
  // Approximate scores of its documents from scored terms with arrays, and the largest of each
  // word.
  bool has_arrays_ = false;
  alignas(64) std::array<float, kWindowDocs> array_scores_;
  std::array<float, kWindowWords> array_maxima_;
};

}  // namespace

absl::Status FindBestByWindows(const ShardFile& shard, const FlatQuery& query,
                               const Cancellation* cancellation, SearchScratch& scratch,
                               TopK& best) {
  const CollectionStats& stats = shard.stats();
  const LengthNorms norms = LengthNorms::Make(stats.k1, stats.b, query.average_length);
  const uint32_t num_chunks = (shard.docs() + kChunkDocs - 1) / kChunkDocs;
  const WindowTable table(query, num_chunks, norms, shard.length_codes(),
                          scratch.windows.directories);
  const BoundScale scale(Weights(query), BoundGrowth(shard, query.average_length));
  WindowScratch& memory = scratch.windows;
  memory.Start(num_chunks);
  AddUpBounds(query, table, scale, memory.sums.data());
  WindowOrder order(scale, memory);
  WindowSearch search(shard, query, norms, table, scale, best);
  Poll poll(cancellation);
  for (;;) {
    const absl::Span<const uint32_t> windows = order.Next(best.least());
    if (windows.empty()) return absl::OkStatus();
    for (size_t i = 0; i < windows.size(); ++i) {
      if (i + kPrefetchDistance < windows.size()) search.Prefetch(windows[i + kPrefetchDistance]);
      if (scale.Score(order.Sum(windows[i])) < best.least()) continue;
      if (poll.ShouldStop(kWindowDocs)) return poll.status();
      search.Search(windows[i]);
    }
  }
}

}  // namespace canopy
