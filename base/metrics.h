// What a process counts about itself, for Prometheus: a histogram that many threads record into,
// and the list of families that answers a scrape. rpc/metrics_server.h serves it;
// leaf/leaf_metrics.h and root/root_metrics.h say what is in it. Counters that exist anyway are
// read when the scrape comes, so that between scrapes they cost nothing more.
#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace canopy {

// Seconds per nanosecond, for counters of nanoseconds.
inline constexpr double kSecondsPerNs = 1e-9;

// Times in buckets from 50 us to 30 s. Thread safety: all members from any thread, without a lock;
// a scrape may see an observation in its bucket and not yet in the sum.
class TimeHistogram final {
 public:
  // Upper bounds in nanoseconds, inclusive; what is longer has the last bucket.
  static constexpr std::array<int64_t, 18> kBounds = {
      50'000,      100'000,       250'000,       500'000,       1'000'000,      2'500'000,
      5'000'000,   10'000'000,    25'000'000,    50'000'000,    100'000'000,    250'000'000,
      500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000};

  // A time below 0 counts as 0.
  void Record(absl::Duration time);
  uint64_t count() const;
  // In seconds, cumulative, as Prometheus has them.
  prometheus::ClientMetric::Histogram Snapshot() const;

 private:
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<uint64_t> sum_ns_{0};
};

// The families of one scrape, in the order in which they were begun. Each name is the prefix and
// what is given: base units, _total for counters. Thread safety: none.
class MetricsPage final {
 public:
  using Labels = std::initializer_list<prometheus::ClientMetric::Label>;

  // Metrics of the family that was begun last.
  class Family final {
   public:
    Family(std::vector<prometheus::MetricFamily>& families, size_t index)
        : families_(families), index_(index) {}
    Family& Add(double value) { return Add({}, value); }
    Family& Add(Labels labels, double value);
    Family& Add(const TimeHistogram& times) { return Add({}, times); }
    // With labels: left out while nothing was recorded, as most combinations never occur.
    Family& Add(Labels labels, const TimeHistogram& times);

   private:
    prometheus::ClientMetric& New(Labels labels);

    std::vector<prometheus::MetricFamily>& families_;
    const size_t index_;
  };

  explicit MetricsPage(std::string prefix) : prefix_(std::move(prefix)) {}

  Family Counter(std::string_view name, std::string_view help);
  Family Gauge(std::string_view name, std::string_view help);
  Family Histogram(std::string_view name, std::string_view help);

  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  Family Begin(std::string_view name, std::string_view help, prometheus::MetricType type);

  const std::string prefix_;
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace canopy
