#include "root/latency_estimates.h"

#include <algorithm>
#include <array>
#include <bit>
#include <initializer_list>

namespace canopy {
namespace {

// Buckets in microseconds: one each below 16, then 16 for every power of two (so within 6 %), up to
// 2^26 us, about a minute.
constexpr int kSubBits = 4;
constexpr int kMaxBits = 26;
constexpr int kBuckets = (kMaxBits - kSubBits + 1) << kSubBits;

int BucketOf(absl::Duration latency) {
  const uint64_t us = std::max<int64_t>(0, absl::ToInt64Microseconds(latency));
  if (us < (1u << kSubBits)) return static_cast<int>(us);
  const int bits = std::bit_width(us);
  if (bits > kMaxBits) return kBuckets - 1;
  const int shift = bits - 1 - kSubBits;
  return static_cast<int>(((shift + 1) << kSubBits) + ((us >> shift) & ((1u << kSubBits) - 1)));
}

// The least latency above the bucket.
absl::Duration UpperEnd(int bucket) {
  const int octave = bucket >> kSubBits;
  const int64_t within = bucket & ((1 << kSubBits) - 1);
  if (octave == 0) return absl::Microseconds(within + 1);
  return absl::Microseconds(((int64_t{1} << kSubBits) + within + 1) << (octave - 1));
}

constexpr uint64_t kAllShards = uint64_t{1} << 32;
constexpr uint64_t kAnyCost = 64;

uint64_t CostClass(uint64_t cost) { return cost == 0 ? kAnyCost : std::bit_width(cost) - 1; }
uint64_t KeyOf(uint64_t shard, uint64_t cost_class) { return (shard << 7) | cost_class; }

}  // namespace

// Samples of one group of calls.
class LatencyEstimates::Group final {
 public:
  void Record(absl::Duration latency, bool censored, absl::Time now) {
    Turn(now);
    const int bucket = BucketOf(latency);
    ++(censored ? open_.censored : open_.ended)[bucket];
    ++open_.count;
    ++unseen_;
  }

  uint64_t count(absl::Time now) {
    Turn(now);
    return open_.count + closed_.count;
  }

  // REQUIRES: count() > 0.
  const LatencyQuantiles& Quantiles() {
    if (unseen_ > 0 && (computed_of_ == 0 || unseen_ >= kRefreshAfter)) Compute();
    return quantiles_;
  }

 private:
  static constexpr uint64_t kRefreshAfter = 32;  // samples

  struct Window {
    std::array<uint32_t, kBuckets> ended{};
    std::array<uint32_t, kBuckets> censored{};
    uint64_t count = 0;
    absl::Time opened = absl::InfinitePast();
  };

  void Turn(absl::Time now) {
    if (open_.opened == absl::InfinitePast()) open_.opened = now;
    const absl::Duration age = now - open_.opened;
    if (age < kWindow || (age < kMaxWindow && open_.count < kMinSamples)) return;
    closed_ = age < 2 * kMaxWindow ? open_ : Window();
    open_ = Window();
    open_.opened = now;
    computed_of_ = 0;
    unseen_ = 1;
  }

  void Compute() {
    uint64_t at_risk = open_.count + closed_.count;
    computed_of_ = at_risk;
    unseen_ = 0;
    double survival = 1;
    int next = 0;
    const std::array<std::pair<double, absl::Duration*>, 3> wanted = {
        {{0.50, &quantiles_.p50}, {0.95, &quantiles_.p95}, {0.99, &quantiles_.p99}}};
    int last = 0;
    for (int bucket = 0; bucket < kBuckets && at_risk > 0; ++bucket) {
      const uint64_t ended = open_.ended[bucket] + closed_.ended[bucket];
      const uint64_t gone = ended + open_.censored[bucket] + closed_.censored[bucket];
      if (gone == 0) continue;
      last = bucket;
      survival *= 1 - static_cast<double>(ended) / static_cast<double>(at_risk);
      at_risk -= gone;
      while (next < 3 && 1 - survival >= wanted[next].first - 1e-12) {
        *wanted[next++].second = UpperEnd(bucket);
      }
    }
    // So many were cancelled that the quantile is only known to be at least this.
    while (next < 3) *wanted[next++].second = UpperEnd(last);
  }

  Window open_, closed_;
  LatencyQuantiles quantiles_;
  uint64_t computed_of_ = 0;  // samples
  uint64_t unseen_ = 0;       // samples since then
};

LatencyEstimates::LatencyEstimates() = default;
LatencyEstimates::~LatencyEstimates() = default;

LatencyEstimates::Group* LatencyEstimates::Find(uint64_t key, bool create) {
  const auto found = groups_.find(key);
  if (found != groups_.end()) return found->second.get();
  if (!create || groups_.size() >= kMaxKinds) return nullptr;
  return groups_.emplace(key, std::make_unique<Group>()).first->second.get();
}

void LatencyEstimates::Record(CallKind kind, absl::Duration latency, bool censored,
                              absl::Time now) {
  const uint64_t cost_class = CostClass(kind.cost);
  const auto record = [&](uint64_t key) {
    if (Group* const group = Find(key, true)) group->Record(latency, censored, now);
  };
  record(KeyOf(kAllShards, kAnyCost));
  if (cost_class == kAnyCost) return;
  record(KeyOf(kAllShards, cost_class));
  record(KeyOf(kind.shard, cost_class));
}

std::optional<LatencyQuantiles> LatencyEstimates::Quantiles(CallKind kind, absl::Time now) {
  const uint64_t cost_class = CostClass(kind.cost);
  for (const uint64_t key : {KeyOf(kind.shard, cost_class), KeyOf(kAllShards, cost_class),
                             KeyOf(kAllShards, kAnyCost)}) {
    Group* const group = Find(key, false);
    if (group != nullptr && group->count(now) >= kMinSamples) return group->Quantiles();
  }
  return std::nullopt;
}

}  // namespace canopy
