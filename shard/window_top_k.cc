#include "shard/window_top_k.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/status.h"
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
// Windows that are searched together: what the next ones need is fetched into the cache meanwhile.
constexpr size_t kBatchWindows = 8;

// A window whose turn is near.
struct NextWindow {
  uint32_t window = 0;
  // Bounds of its words; 0 where no document matches.
  std::array<uint32_t, kWindowWords> sums{};
};

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

  // Searches the windows of one level; they are ascending.
  absl::Status SearchLevel(absl::Span<const uint32_t> windows, const WindowOrder& order,
                           Poll& poll) {
    PrefetchBounds(windows.first(std::min(kBatchWindows, windows.size())));
    while (!windows.empty()) {
      const size_t size = std::min(kBatchWindows, windows.size());
      const absl::Span<const uint32_t> batch = windows.first(size);
      windows.remove_prefix(size);
      PrefetchBounds(windows.first(std::min(kBatchWindows, windows.size())));
      std::array<NextWindow, kBatchWindows> next;
      size_t n = 0;
      for (const uint32_t window : batch) {
        if (scale_.Score(order.Sum(window)) < best_.least()) continue;
        if (Prepare(window, next[n])) ++n;
      }
      if (poll.ShouldStop(size * kWindowDocs)) return poll.status();
      for (size_t i = 0; i < n; ++i) Search(next[i]);
    }
    return absl::OkStatus();
  }

 private:
  void Enter(uint32_t global_window) {
    global_window_ = global_window;
    chunk_ = global_window / kWindowsPerChunk;
    window_ = global_window % kWindowsPerChunk;
    cells_ = table_.Chunk(chunk_);
  }

  void PrefetchBounds(absl::Span<const uint32_t> windows) const {
    for (const uint32_t global_window : windows) {
      const uint32_t window = global_window % kWindowsPerChunk;
      for (const WindowCell& cell : table_.Chunk(global_window / kWindowsPerChunk)) {
        if (cell.container == nullptr) continue;
        __builtin_prefetch(cell.ranks + window);
        if (cell.container->bitset == nullptr) continue;
        __builtin_prefetch(cell.container->word_bounds + size_t{window} * kWindowWords);
      }
    }
  }

  // Adds up the bounds of the window's words, and fetches what searching it needs. False: nothing
  // there to be found.
  bool Prepare(uint32_t global_window, NextWindow& next) {
    Enter(global_window);
    next.window = global_window;
    next.sums.fill(0);
    std::array<bool, kWindowWords> matches;
    matches.fill(true);
    for (size_t term = 0; term < query_.num_required + query_.num_optional; ++term) {
      if (!Present(term)) continue;
      const WindowCell& cell = cells_[term];
      const bool is_bitset = cell.container->bitset != nullptr;
      for (size_t w = 0; w < kWindowWords; ++w) {
        const uint8_t bound = is_bitset
                                  ? cell.container->word_bounds[size_t{window_} * kWindowWords + w]
                                  : cell.bounds[window_];
        next.sums[w] += scale_.Units(term) * bound;
        matches[w] &= term >= query_.num_required || bound != 0;
      }
    }
    bool any = false;
    for (size_t w = 0; w < kWindowWords; ++w) {
      if (!matches[w] || scale_.Score(next.sums[w]) < best_.least()) next.sums[w] = 0;
      if (next.sums[w] == 0) continue;
      __builtin_prefetch(Codes() + w * 64);
      any = true;
    }
    if (any) PrefetchPostings();
    return any;
  }

  void PrefetchPostings() const {
    for (size_t term = 0; term < query_.terms.size(); ++term) {
      if (!Present(term)) continue;
      const ContainerView& container = *cells_[term].container;
      const uint32_t rank = cells_[term].ranks[window_];
      if (container.bitset != nullptr) {
        __builtin_prefetch(container.bitset + size_t{window_} * kWindowWords);
      } else {
        __builtin_prefetch(container.array + rank);
      }
      const uint8_t* const frequencies = query_.terms[term].postings.frequencies().bytes;
      __builtin_prefetch(frequencies + container.first_rank + rank);
      __builtin_prefetch(frequencies + container.first_rank + rank + 64);
    }
  }

  void Search(const NextWindow& next) {
    Enter(next.window);
    WindowBits matches{};
    for (size_t w = 0; w < kWindowWords; ++w) {
      const bool can_match = next.sums[w] != 0 && scale_.Score(next.sums[w]) >= best_.least();
      if (can_match) matches[w] = ~uint64_t{0};
    }
    if (!FindMatches(matches)) return;
    AddTerms();
    for (uint32_t word = 0; word < kWindowWords; ++word) {
      if (matches[word] != 0) matches[word] = Candidates(word, matches[word]);
    }
    if (!Any(matches)) return;
    Restrict(matches);
    Offer(matches);
  }

  bool Present(size_t term) const {
    return cells_[term].container != nullptr && cells_[term].bounds[window_] != 0;
  }
  WindowPostings Postings(size_t term) const {
    return PostingsIn(query_.terms[term], cells_[term], window_);
  }
  const uint8_t* Codes() const { return length_codes_ + size_t{global_window_} * kWindowDocs; }

  // Keeps the documents that can match, as far as required and needed terms say. False: none.
  bool FindMatches(WindowBits& matches) const {
    if (!Any(matches)) return false;
    if (query_.num_required == 0) return true;
    if (!Intersect(query_.required(), cells_, window_, matches)) return false;
    if (!query_.needs_optional) return true;
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
    has_arrays_ = false;
    for (size_t term = 0; term < query_.num_required + query_.num_optional; ++term) {
      if (scale_.Units(term) == 0 || !Present(term)) continue;
      const ContainerView& container = *cells_[term].container;
      const float weight = query_.terms[term].weight;
      const WindowPostings postings = Postings(term);
      if (container.bitset != nullptr) {
        bitsets_[num_bitsets_++] = {postings.words, postings.frequencies, weight};
        for (size_t w = 0; w < kWindowWords; ++w) {
          word_sums_[w] +=
              scale_.Units(term) * container.word_bounds[size_t{window_} * kWindowWords + w];
        }
        continue;
      }
      if (!has_arrays_) array_scores_.fill(0);
      has_arrays_ = true;
      kernels_.add_array(postings.docs, postings.count, postings.frequencies, weight,
                         norms_.k.data(), Codes(), array_scores_.data());
    }
    if (has_arrays_) kernels_.max_scores(array_scores_.data(), array_maxima_.data());
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
    RETURN_IF_ERROR(search.SearchLevel(windows, order, poll));
  }
}

}  // namespace canopy
