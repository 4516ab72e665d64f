#include "shard/window_order.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace canopy {
namespace {

constexpr uint32_t kMaxLevel = 254;

}  // namespace

BoundScale::BoundScale(absl::Span<const float> weights, double growth) {
  CHECK(weights.size() <= kMaxFlatTerms);
  // In FixedScore per step of a bound byte; the factor covers float rounding in weights and parts.
  std::array<double, kMaxFlatTerms> steps;
  double total = 0;
  for (size_t term = 0; term < weights.size(); ++term) {
    steps[term] = static_cast<double>(weights[term]) * growth * (1 + 1e-5) *
                  (int64_t{1} << kScoreFractionBits) / 255;
    total += steps[term];
  }
  constexpr double kLimit =
      std::numeric_limits<uint32_t>::max() / 255.0 - 2.0 * static_cast<double>(kMaxFlatTerms);
  while (std::ldexp(total, -shift_) > kLimit) ++shift_;
  for (size_t term = 0; term < weights.size(); ++term) {
    // One more than the step, because a part is rounded to the nearest FixedScore.
    const double step = std::ceil(std::ldexp(steps[term], -shift_)) + 1;
    units_[term] = weights[term] == 0 ? 0 : static_cast<uint32_t>(step);
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

// Optional terms that are needed come first, then required ones cut off the windows that lack one,
// then the optional terms that are not needed add to what is left.
void AddUpBounds(const FlatQuery& query, const WindowTable& table, const BoundScale& scale,
                 uint32_t* all_sums) {
  const WindowKernels& kernels = CurrentWindowKernels();
  static constexpr uint8_t kAbsent[kWindowsPerChunk] = {};
  const size_t optional_end = query.num_required + query.num_optional;
  for (uint32_t chunk = 0; chunk < table.num_chunks(); ++chunk) {
    const absl::Span<const WindowCell> cells = table.Chunk(chunk);
    uint32_t* const sums = all_sums + size_t{chunk} * kWindowsPerChunk;
    bool started = false;
    if (query.needs_optional) {
      for (size_t term = query.num_required; term < optional_end; ++term) {
        if (cells[term].container == nullptr) continue;
        kernels.add_bounds(cells[term].bounds, scale.Units(term), sums);
      }
      started = true;
    }
    // Scored terms first: a sum starts with one of them, since filters add nothing.
    for (const bool scored : {true, false}) {
      for (size_t term = 0; term < query.num_required; ++term) {
        if ((scale.Units(term) != 0) != scored) continue;
        const uint8_t* const bounds =
            cells[term].container == nullptr ? kAbsent : cells[term].bounds;
        if (started) {
          kernels.add_required_bounds(bounds, scale.Units(term), sums);
        } else {
          kernels.add_bounds(bounds, scale.Units(term), sums);
          started = true;
        }
      }
    }
    if (query.needs_optional) continue;
    for (size_t term = query.num_required; term < optional_end; ++term) {
      if (cells[term].container == nullptr) continue;
      kernels.add_optional_bounds(cells[term].bounds, scale.Units(term), sums);
    }
  }
}

WindowOrder::WindowOrder(const BoundScale& scale, WindowScratch& scratch)
    : kernels_(CurrentWindowKernels()),
      scale_(scale),
      scratch_(scratch),
      num_windows_(scratch.sums.size()) {
  const uint32_t max = kernels_.max_sum(scratch_.sums.data(), num_windows_);
  while ((max >> shift_) > kMaxLevel) ++shift_;
  kernels_.make_levels(scratch_.sums.data(), num_windows_, shift_, scratch_.levels.data());
  level_ = (max == 0 ? 0 : 1 + (max >> shift_)) + 1;
}

absl::Span<const uint32_t> WindowOrder::Next(FixedScore least) {
  while (level_ > 1) {
    --level_;
    const uint64_t highest = (uint64_t{level_} << shift_) - 1;  // sum of a window of this level
    const auto sum =
        static_cast<uint32_t>(std::min<uint64_t>(highest, std::numeric_limits<uint32_t>::max()));
    if (scale_.Score(sum) < least) break;
    const size_t found = kernels_.find_level(scratch_.levels.data(), num_windows_,
                                             static_cast<uint8_t>(level_), scratch_.found.data());
    if (found != 0) return absl::MakeConstSpan(scratch_.found).first(found);
  }
  level_ = 1;
  return {};
}

}  // namespace canopy
