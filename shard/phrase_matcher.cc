#include "shard/phrase_matcher.h"

#include <algorithm>
#include <functional>

namespace canopy {
namespace {

// A step of the heap costs as much as so many postings.
constexpr size_t kHeapStepWork = 16;

}  // namespace

absl::StatusOr<float> PhraseMatcher::Frequency(absl::Span<const TermPositions> slots,
                                               absl::Span<const uint32_t> terms, Poll& poll) {
  if (options_.slop > 0 && slots.size() > 1) return Sloppy(slots, terms, poll);
  size_t rarest = 0;
  for (size_t i = 1; i < slots.size(); ++i) {
    if (slots[i].count < slots[rarest].count) rarest = i;
  }
  return ExactFrequency(slots, rarest, /*count_all=*/true, poll);
}

void PhraseMatcher::Start(absl::Span<const TermPositions> slots, absl::Span<const uint32_t> terms) {
  at_.assign(slots.size(), 0);
  if (!options_.has_repeats) return;
  uses_.resize(slots.size());
  for (size_t i = 0; i < slots.size(); ++i) uses_[terms[i]].assign(slots[i].count, 0);
  used_again_ = 0;
  for (const uint32_t term : terms) used_again_ += uses_[term][0]++ > 0 ? 1 : 0;
}

void PhraseMatcher::Move(uint32_t term, size_t from, size_t to) {
  if (!options_.has_repeats || from == to) return;
  std::vector<uint32_t>& uses = uses_[term];
  used_again_ -= --uses[from] > 0 ? 1 : 0;
  used_again_ += uses[to]++ > 0 ? 1 : 0;
}

absl::StatusOr<float> PhraseMatcher::Sloppy(absl::Span<const TermPositions> slots,
                                            absl::Span<const uint32_t> terms, Poll& poll) {
  const auto place = [&](uint32_t slot, size_t occurrence) {
    return int64_t{slots[slot].positions[occurrence]} - int64_t{slot};
  };
  heap_.clear();
  int64_t end = INT64_MIN;  // the largest place; places only grow
  for (uint32_t slot = 0; slot < slots.size(); ++slot) {
    if (slots[slot].count == 0) return 0;
    heap_.emplace_back(place(slot, 0), slot);
    end = std::max(end, place(slot, 0));
  }
  Start(slots, terms);
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  float frequency = 0;
  for (;;) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const uint32_t slot = heap_.back().second;
    const int64_t next = heap_.front().first;
    const size_t before = at_[slot];
    size_t at = before;
    while (at + 1 < slots[slot].count && place(slot, at + 1) <= next) ++at;
    if (poll.ShouldStop(at - before + kHeapStepWork)) return poll.status();
    Move(terms[slot], before, at);
    const int64_t distance = end - place(slot, at);
    if (distance <= int64_t{options_.slop} && used_again_ == 0) {
      frequency += 1.0f / (1.0f + static_cast<float>(distance));
    }
    if (at + 1 == slots[slot].count) return frequency;
    at_[slot] = at + 1;
    Move(terms[slot], at, at + 1);
    heap_.back().first = place(slot, at + 1);
    end = std::max(end, heap_.back().first);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
}

}  // namespace canopy
