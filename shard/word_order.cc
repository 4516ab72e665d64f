#include "shard/word_order.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace canopy {
namespace {

constexpr uint32_t kMaxSum = std::numeric_limits<uint16_t>::max();
constexpr uint32_t kMaxUnits = kMaxSum / 255;  // of all terms together

}  // namespace

BoundScale::BoundScale(absl::Span<const float> weights, double growth) {
  CHECK(weights.size() <= kMaxFlatTerms);
  // In FixedScore per step of a bound byte. The factor covers float rounding in weights and parts;
  // one more, because a part is rounded to the nearest FixedScore.
  std::array<double, kMaxFlatTerms> steps;
  double total = 0;
  for (size_t term = 0; term < weights.size(); ++term) {
    steps[term] = weights[term] == 0 ? 0
                                     : static_cast<double>(weights[term]) * growth * (1 + 1e-5) *
                                               (int64_t{1} << kScoreFractionBits) / 255 +
                                           1;
    total += steps[term];
  }
  // Each term's units are rounded up, by less than one.
  const double units = static_cast<double>(kMaxUnits - weights.size());
  unit_ = std::max<FixedScore>(1, static_cast<FixedScore>(std::ceil(total / units)));
  for (size_t term = 0; term < weights.size(); ++term) {
    units_[term] = static_cast<uint16_t>(std::ceil(steps[term] / static_cast<double>(unit_)));
  }
}

absl::InlinedVector<float, kMaxFlatTerms> Weights(const FlatQuery& query) {
  absl::InlinedVector<float, kMaxFlatTerms> weights;
  for (const FlatTerm& term : query.terms) weights.push_back(term.weight);
  return weights;
}

double BoundGrowth(const ShardFile& shard, float average_length) {
  const double at_build = shard.shard_statistics().average_length;
  if (at_build <= 0) return 1;
  return std::max(1.0, static_cast<double>(average_length) / at_build) * (1 + 1e-6);
}

namespace {

// Optional terms that are needed come first, then required ones cut off the words that lack one,
// then the optional terms that are not needed add to what is left.
void AddUpChunk(const FlatQuery& query, absl::Span<const WordCell> cells, const BoundScale& scale,
                uint16_t* sums) {
  static constexpr uint8_t kAbsent[kWordsPerChunk] = {};
  const WordKernels& kernels = CurrentWordKernels();
  const size_t optional_end = query.num_required + query.num_optional;
  bool started = false;
  if (query.needs_optional) {
    for (size_t term = query.num_required; term < optional_end; ++term) {
      if (cells[term].bounds == nullptr) continue;
      kernels.add_bounds(cells[term].bounds, scale.Units(term), sums);
    }
    started = true;
  }
  // Scored terms first: a sum starts with one of them, since filters add nothing.
  for (const bool scored : {true, false}) {
    for (size_t term = 0; term < query.num_required; ++term) {
      if ((scale.Units(term) != 0) != scored) continue;
      const uint8_t* const bounds = cells[term].bounds == nullptr ? kAbsent : cells[term].bounds;
      if (started) {
        kernels.add_required_bounds(bounds, scale.Units(term), sums);
      } else {
        kernels.add_bounds(bounds, scale.Units(term), sums);
        started = true;
      }
    }
  }
  if (query.needs_optional) return;
  for (size_t term = query.num_required; term < optional_end; ++term) {
    if (cells[term].bounds == nullptr) continue;
    kernels.add_optional_bounds(cells[term].bounds, scale.Units(term), sums);
  }
}

}  // namespace

absl::Status AddUpBounds(const FlatQuery& query, const WordTable& table, const BoundScale& scale,
                         Poll& poll, uint16_t* sums) {
  for (uint32_t chunk = 0; chunk < table.num_chunks(); ++chunk, sums += kWordsPerChunk) {
    if (poll.ShouldStop(kWordsPerChunk)) return poll.status();
    AddUpChunk(query, table.Chunk(chunk), scale, sums);
  }
  return absl::OkStatus();
}

WordOrder::WordOrder(const BoundScale& scale, WordScratch& scratch)
    : kernels_(CurrentWordKernels()),
      scale_(scale),
      scratch_(scratch),
      num_words_(scratch.sums.size()) {
  const uint32_t max = kernels_.max_sum(scratch_.sums.data(), num_words_);
  while ((max >> shift_) >= kMaxLevel) ++shift_;
  kernels_.make_levels(scratch_.sums.data(), num_words_, shift_, scratch_.levels.data());
  level_ = (max == 0 ? 0 : 1 + (max >> shift_)) + 1;
}

absl::Span<const uint32_t> WordOrder::Next(FixedScore least) {
  const uint64_t least_sum = scale_.LeastSum(least);
  const auto can_reach = [&](uint32_t level) {
    return std::min(level << shift_, kMaxSum + 1) - 1 >= least_sum;  // the level's largest sum
  };
  while (level_ > 1 && can_reach(level_ - 1)) {
    if (!is_sorted_ && scanned_ == kScannedLevels) Sort(static_cast<uint16_t>(least_sum));
    --level_;
    const absl::Span<const uint32_t> found = is_sorted_ ? NextSorted() : NextScanned();
    if (!found.empty()) return found;
  }
  level_ = 1;
  return {};
}

absl::Span<const uint32_t> WordOrder::NextScanned() {
  ++scanned_;
  const size_t found = kernels_.find_level(scratch_.levels.data(), num_words_,
                                           static_cast<uint8_t>(level_), scratch_.found.data());
  return absl::MakeConstSpan(scratch_.found).first(found);
}

absl::Span<const uint32_t> WordOrder::NextSorted() {
  return absl::MakeConstSpan(scratch_.sorted)
      .subspan(starts_[level_], starts_[level_ + 1] - starts_[level_]);
}

// Counting sort, by level, of the words below level_ whose sums are large enough.
void WordOrder::Sort(uint16_t least_sum) {
  is_sorted_ = true;
  const size_t found =
      kernels_.find_sums(scratch_.sums.data(), num_words_, least_sum, scratch_.found.data());
  const absl::Span<const uint32_t> words = absl::MakeConstSpan(scratch_.found).first(found);
  starts_.fill(0);
  for (const uint32_t word : words) ++starts_[scratch_.levels[word] + 1];
  for (size_t level = 1; level < starts_.size(); ++level) starts_[level] += starts_[level - 1];
  std::array<uint32_t, kMaxLevel + 2> next = starts_;
  for (const uint32_t word : words) scratch_.sorted[next[scratch_.levels[word]]++] = word;
}

}  // namespace canopy
