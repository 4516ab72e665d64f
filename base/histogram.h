// Latencies (or any whole numbers) in buckets of logarithmic width, after HdrHistogram: fixed
// memory, mergeable, and every quantile is within 1 % of the exact one. Used by the load generator
// and by metrics.
#pragma once

#include <array>
#include <cstdint>

namespace canopy {

// Thread safety: none; one object a thread, merged at the end.
class Histogram final {
 public:
  // Relative half-width of a bucket: Quantile() is at most this far from a recorded value.
  static constexpr double kMaxRelativeError = 1.0 / 128;

  void Record(uint64_t value) { RecordMany(value, 1); }
  void RecordMany(uint64_t value, uint64_t times);
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  double sum() const { return sum_; }
  // 0 when empty, like Quantile. Exact.
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

  // The smallest recorded value v such that at least q * count() values are <= v, within
  // kMaxRelativeError; exact below 128 and at q = 0 and q = 1. REQUIRES: 0 <= q <= 1.
  uint64_t Quantile(double q) const;
  // The share of the recorded values that are above `value`, to within the width of its bucket; 0
  // when empty.
  double ShareAbove(uint64_t value) const;

 private:
  // Values below 2^(kSubBits + 1) have a bucket each; above, every power of two has 2^kSubBits
  // buckets.
  static constexpr int kSubBits = 6;
  static constexpr int kBuckets = (64 - kSubBits + 1) << kSubBits;

  static int BucketOf(uint64_t value);
  static uint64_t MiddleOf(int bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  double sum_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
};

}  // namespace canopy
