#include "base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"

namespace canopy {

void Histogram::RecordMany(uint64_t value, uint64_t times) {
  if (times == 0) return;
  buckets_[BucketOf(value)] += times;
  count_ += times;
  sum_ += static_cast<double>(value) * static_cast<double>(times);
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

void Histogram::Merge(const Histogram& other) {
  for (int i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::Quantile(double q) const {
  CHECK(q >= 0 && q <= 1);
  if (count_ == 0) return 0;
  if (q == 0) return min_;
  const double rank = std::ceil(q * static_cast<double>(count_));
  const uint64_t wanted = std::clamp<uint64_t>(static_cast<uint64_t>(rank), 1, count_);
  if (wanted == count_) return max_;
  uint64_t seen = 0;
  int bucket = 0;
  for (; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted) break;
  }
  return std::clamp(MiddleOf(bucket), min_, max_);
}

double Histogram::ShareAbove(uint64_t value) const {
  if (count_ == 0 || value >= max_) return 0;
  uint64_t above = 0;
  for (int bucket = BucketOf(value) + 1; bucket < kBuckets; ++bucket) above += buckets_[bucket];
  return static_cast<double>(above) / static_cast<double>(count_);
}

int Histogram::BucketOf(uint64_t value) {
  // `shift` drops the bits that a bucket does not tell apart; what is left lies in [2^kSubBits,
  // 2^(kSubBits + 1)).
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - (kSubBits + 1));
  return (shift << kSubBits) + static_cast<int>(value >> shift);
}

uint64_t Histogram::MiddleOf(int bucket) {
  const int shift = std::max(0, (bucket >> kSubBits) - 1);
  const uint64_t low = static_cast<uint64_t>(bucket - (shift << kSubBits)) << shift;
  return low + ((uint64_t{1} << shift) >> 1);
}

}  // namespace canopy
