#include "shard/window_order.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace canopy {
namespace {

constexpr uint32_t kMaxLevel = 254;

}  // namespace

BoundScale::BoundScale(const FlatQuery& query, float growth) {
  // In FixedScore per step of a bound byte; the factor covers float rounding in weights and parts.
  std::array<double, kMaxFlatTerms> steps;
  double total = 0;
  for (size_t term = 0; term < query.terms.size(); ++term) {
    steps[term] = static_cast<double>(query.terms[term].weight) * growth * (1 + 1e-5) *
                  (int64_t{1} << kScoreFractionBits) / 255;
    total += steps[term];
  }
  const double limit =
      std::numeric_limits<uint32_t>::max() / 255.0 - 2.0 * static_cast<double>(kMaxFlatTerms);
  while (std::ldexp(total, -shift_) > limit) ++shift_;
  for (size_t term = 0; term < query.terms.size(); ++term) {
    // One more than the step, because a part is rounded to the nearest FixedScore.
    units_[term] = query.terms[term].weight == 0
                       ? 0
                       : static_cast<uint32_t>(std::ceil(std::ldexp(steps[term], -shift_))) + 1;
  }
}

WindowOrder::WindowOrder(const FlatQuery& query, const WindowTable& table, const BoundScale& scale,
                         WindowScratch& scratch)
    : kernels_(CurrentWindowKernels()),
      scale_(scale),
      scratch_(scratch),
      num_windows_(size_t{table.num_chunks()} * kWindowsPerChunk) {
  scratch_.sums.assign(num_windows_, 0);
  scratch_.levels.resize(num_windows_);
  scratch_.found.resize(num_windows_ + kLevelSlack);
  AddUp(query, table);
  const uint32_t max = kernels_.max_sum(scratch_.sums.data(), num_windows_);
  while ((max >> shift_) > kMaxLevel) ++shift_;
  kernels_.make_levels(scratch_.sums.data(), num_windows_, shift_, scratch_.levels.data());
  level_ = (max == 0 ? 0 : 1 + (max >> shift_)) + 1;
}

// Optional terms that are needed come first, then required ones cut off the windows that lack one,
// then the optional terms that are not needed add to what is left.
void WindowOrder::AddUp(const FlatQuery& query, const WindowTable& table) {
  static constexpr uint8_t kAbsent[kWindowsPerChunk] = {};
  const size_t optional_end = query.num_required + query.num_optional;
  for (uint32_t chunk = 0; chunk < table.num_chunks(); ++chunk) {
    const absl::Span<const WindowCell> cells = table.Chunk(chunk);
    uint32_t* const sums = scratch_.sums.data() + size_t{chunk} * kWindowsPerChunk;
    bool started = false;
    if (query.needs_optional) {
      for (size_t term = query.num_required; term < optional_end; ++term) {
        if (cells[term].container == nullptr) continue;
        kernels_.add_bounds(cells[term].bounds, scale_.Units(term), sums);
      }
      started = true;
    }
    // Scored terms first: a sum starts with one of them, since filters add nothing.
    for (const bool scored : {true, false}) {
      for (size_t term = 0; term < query.num_required; ++term) {
        if ((scale_.Units(term) != 0) != scored) continue;
        const uint8_t* const bounds =
            cells[term].container == nullptr ? kAbsent : cells[term].bounds;
        if (started) {
          kernels_.add_required_bounds(bounds, scale_.Units(term), sums);
        } else {
          kernels_.add_bounds(bounds, scale_.Units(term), sums);
          started = true;
        }
      }
    }
    if (query.needs_optional) continue;
    for (size_t term = query.num_required; term < optional_end; ++term) {
      if (cells[term].container == nullptr) continue;
      kernels_.add_optional_bounds(cells[term].bounds, scale_.Units(term), sums);
    }
  }
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
