// The k best documents seen so far, by RanksBefore. Documents may be offered in any order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/types.h"
#include "shard/shard_searcher.h"

namespace canopy {

// Offering a document costs as much as looking at so many, when it enters.
inline constexpr size_t kOfferWork = 8;

// Thread safety: one thread.
class TopK final {
 public:
  // `floor`: documents that score below it are not wanted. REQUIRES: k >= 1.
  TopK(size_t k, FixedScore floor) : k_(k), least_(floor) {
    heap_.reserve(std::min<size_t>(k, kMaxReserve));
  }

  // A document that scores below it cannot enter; one that scores as much may.
  FixedScore least() const { return least_; }
  bool full() const { return heap_.size() == k_; }

  void Offer(LocalDoc doc, FixedScore score) {
    if (score < least_) return;
    const ScoredDoc offered{doc, score};
    if (!full()) {
      heap_.push_back(offered);
      std::push_heap(heap_.begin(), heap_.end(), RanksBefore);
      if (full()) least_ = heap_.front().score;
    } else if (RanksBefore(offered, heap_.front())) {
      ReplaceWorst(offered);
      least_ = heap_.front().score;
    }
  }

  // Best first. The object is empty afterwards.
  std::vector<ScoredDoc> Take() {
    std::sort_heap(heap_.begin(), heap_.end(), RanksBefore);
    return std::move(heap_);
  }

 private:
  static constexpr size_t kMaxReserve = 1024;

  // The heap's root is its worst document; a parent never ranks before its children.
  void ReplaceWorst(const ScoredDoc& doc) {
    size_t at = 0;
    for (size_t child = 1; child < k_; child = 2 * at + 1) {
      if (child + 1 < k_ && RanksBefore(heap_[child], heap_[child + 1])) ++child;
      if (!RanksBefore(doc, heap_[child])) break;
      heap_[at] = heap_[child];
      at = child;
    }
    heap_[at] = doc;
  }

  const size_t k_;
  FixedScore least_;
  std::vector<ScoredDoc> heap_;
};

}  // namespace canopy
