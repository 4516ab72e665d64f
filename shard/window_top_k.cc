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

// So many documents are scored exactly at once rather than narrowed down by scoring the whole
// window approximately.
constexpr uint32_t kFewDocuments = 8;

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

  // `sum`: the window's bound.
  void Search(uint32_t global_window, uint32_t sum) {
    chunk_ = global_window / kWindowsPerChunk;
    window_ = global_window % kWindowsPerChunk;
    cells_ = table_.Chunk(chunk_);
    norms_loaded_ = false;
    if (query_.num_required == 0) {
      SearchUnion(sum);
    } else {
      SearchIntersection();
    }
  }

 private:
  struct Contribution {
    uint32_t term;
    uint32_t bound;
  };

  bool Present(size_t term) const {
    return cells_[term].container != nullptr && cells_[term].bounds[window_] != 0;
  }

  // The terms with postings in the window, largest bound first.
  size_t OrderTerms() {
    size_t n = 0;
    for (size_t term = 0; term < query_.num_required + query_.num_optional; ++term) {
      if (scale_.Units(term) == 0 || !Present(term)) continue;
      const uint32_t bound = scale_.Units(term) * cells_[term].bounds[window_];
      size_t at = n++;
      for (; at > 0 && ordered_[at - 1].bound < bound; --at) ordered_[at] = ordered_[at - 1];
      ordered_[at] = {static_cast<uint32_t>(term), bound};
    }
    return n;
  }

  // Approximate scores from here on may belong to exact scores of `least` or more. Above 0, which
  // says "no posting".
  float LeastApproximate(FixedScore least) const {
    const auto slack = static_cast<FixedScore>(query_.terms.size());
    const double exact = ToDouble(least - slack) * (1 - 2 * static_cast<double>(kPartError));
    return std::max(static_cast<float>(exact * (1 - 1e-6)), 1e-30f);
  }

  void AddApproximate(size_t term) {
    const WindowPostings postings = PostingsIn(query_.terms[term], cells_[term], window_);
    const float weight = query_.terms[term].weight;
    const uint8_t* const codes =
        length_codes_ + (size_t{chunk_} * kWindowsPerChunk + window_) * kWindowDocs;
    if (postings.words == nullptr) {
      kernels_.add_array(postings.docs, postings.count, postings.frequencies, weight,
                         norms_.k.data(), codes, scores_.data());
      return;
    }
    if (!norms_loaded_) {
      kernels_.load_norms(norms_.k.data(), codes, window_norms_.data());
      norms_loaded_ = true;
    }
    kernels_.add_bits(postings.words, postings.frequencies, weight, window_norms_.data(),
                      scores_.data());
  }

  void SearchUnion(uint32_t sum) {
    const size_t n = OrderTerms();
    scores_.fill(0);
    uint32_t rest = sum;  // bound of the terms not yet added
    WindowBits candidates;
    for (size_t i = 0; i < n; ++i) {
      AddApproximate(ordered_[i].term);
      rest -= ordered_[i].bound;
      const FixedScore missing = best_.least() - scale_.Score(rest);
      if (missing <= 0 && rest != 0) continue;
      kernels_.find_at_least(scores_.data(), LeastApproximate(missing), candidates.data());
      if (!Any(candidates)) return;
      if (rest == 0 || Count(candidates) <= kFewDocuments) break;
    }
    Restrict(candidates);
    Offer(candidates);
  }

  void SearchIntersection() {
    WindowBits matches;
    if (!Intersect(query_.required(), cells_, window_, matches)) return;
    if (query_.needs_optional) {
      WindowBits bits{};
      for (size_t i = 0; i < query_.num_optional; ++i) {
        const size_t term = query_.num_required + i;
        if (Present(term)) AddTo(PostingsIn(query_.terms[term], cells_[term], window_), bits);
      }
      for (size_t w = 0; w < kWindowWords; ++w) matches[w] &= bits[w];
    }
    Restrict(matches);
    if (Count(matches) > kFewDocuments) {
      const size_t n = OrderTerms();
      scores_.fill(0);
      for (size_t i = 0; i < n; ++i) AddApproximate(ordered_[i].term);
      WindowBits candidates;
      kernels_.find_at_least(scores_.data(), LeastApproximate(best_.least()), candidates.data());
      for (size_t w = 0; w < kWindowWords; ++w) matches[w] &= candidates[w];
    }
    Offer(matches);
  }

  // Takes excluded and deleted documents out.
  void Restrict(WindowBits& bits) const {
    for (size_t term = query_.num_required + query_.num_optional; term < query_.terms.size();
         ++term) {
      if (!Present(term)) continue;
      WindowBits out{};
      AddTo(PostingsIn(query_.terms[term], cells_[term], window_), out);
      for (size_t w = 0; w < kWindowWords; ++w) bits[w] &= ~out[w];
    }
    if (live_docs_ == nullptr) return;
    const uint64_t* const live =
        live_docs_ + (size_t{chunk_} * kWindowsPerChunk + window_) * kWindowWords;
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
  uint32_t chunk_ = 0, window_ = 0;
  absl::Span<const WindowCell> cells_;
  std::array<Contribution, kMaxFlatTerms> ordered_;
  bool norms_loaded_ = false;
  alignas(64) std::array<float, kWindowDocs> window_norms_;
  alignas(64) std::array<float, kWindowDocs> scores_;
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
    for (const uint32_t window : windows) {
      if (scale.Score(order.Sum(window)) < best.least()) continue;
      if (poll.ShouldStop(kWindowDocs)) return poll.status();
      search.Search(window, order.Sum(window));
    }
  }
}

}  // namespace canopy
