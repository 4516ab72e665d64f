#include "shard/phrase_matcher.h"

#include <algorithm>
#include <functional>

namespace canopy {
namespace {

// Phrases of two terms: one merge.
uint32_t CountPairs(TermPositions first, TermPositions second) {
  uint32_t count = 0;
  size_t i = 0, j = 0;
  while (i < first.size() && j < second.size()) {
    const uint32_t wanted = first[i] + 1, found = second[j];
    count += wanted == found ? 1 : 0;
    i += wanted <= found ? 1 : 0;
    j += found <= wanted ? 1 : 0;
  }
  return count;
}

}  // namespace

float PhraseMatcher::Frequency(absl::Span<const TermPositions> terms) {
  if (options_.slop > 0 && terms.size() > 1) return Sloppy(terms);
  if (terms.size() == 2) return static_cast<float>(CountPairs(terms[0], terms[1]));
  return Exact(terms);
}

// The rarest term leads; the others follow its occurrences.
float PhraseMatcher::Exact(absl::Span<const TermPositions> terms) {
  size_t lead = 0;
  for (size_t i = 1; i < terms.size(); ++i) {
    if (terms[i].size() < terms[lead].size()) lead = i;
  }
  at_.assign(terms.size(), 0);
  uint32_t count = 0;
  for (const uint32_t position : terms[lead]) {
    if (position < lead) continue;
    const uint64_t start = position - lead;
    bool matches = true;
    for (size_t i = 0; i < terms.size() && matches; ++i) {
      if (i == lead) continue;
      size_t& at = at_[i];
      while (at < terms[i].size() && terms[i][at] < start + i) ++at;
      if (at == terms[i].size()) return static_cast<float>(count);
      matches = terms[i][at] == start + i;
    }
    count += matches ? 1 : 0;
  }
  return static_cast<float>(count);
}

bool PhraseMatcher::UsesAPositionTwice(absl::Span<const TermPositions> terms) {
  used_.clear();
  for (size_t i = 0; i < terms.size(); ++i) used_.push_back(terms[i][at_[i]]);
  std::sort(used_.begin(), used_.end());
  return std::adjacent_find(used_.begin(), used_.end()) != used_.end();
}

float PhraseMatcher::Sloppy(absl::Span<const TermPositions> terms) {
  const auto place = [&](uint32_t term, size_t occurrence) {
    return int64_t{terms[term][occurrence]} - int64_t{term};
  };
  at_.assign(terms.size(), 0);
  heap_.clear();
  int64_t end = INT64_MIN;  // the largest place; places only grow
  for (uint32_t term = 0; term < terms.size(); ++term) {
    if (terms[term].empty()) return 0;
    heap_.emplace_back(place(term, 0), term);
    end = std::max(end, place(term, 0));
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  float frequency = 0;
  for (;;) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const uint32_t term = heap_.back().second;
    const int64_t next = heap_.front().first;
    size_t& at = at_[term];
    while (at + 1 < terms[term].size() && place(term, at + 1) <= next) ++at;
    const int64_t distance = end - place(term, at);
    if (distance <= int64_t{options_.slop} &&
        !(options_.has_repeats && UsesAPositionTwice(terms))) {
      frequency += 1.0f / (1.0f + static_cast<float>(distance));
    }
    if (++at == terms[term].size()) return frequency;
    heap_.back().first = place(term, at);
    end = std::max(end, heap_.back().first);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
}

}  // namespace canopy
