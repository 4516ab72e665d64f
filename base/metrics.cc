#include "base/metrics.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace canopy {

void TimeHistogram::Record(absl::Duration time) {
  const int64_t ns = std::max<int64_t>(0, absl::ToInt64Nanoseconds(time));
  const size_t bucket = std::lower_bound(kBounds.begin(), kBounds.end(), ns) - kBounds.begin();
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<uint64_t>(ns), std::memory_order_relaxed);
}

uint64_t TimeHistogram::count() const {
  uint64_t count = 0;
  for (const auto& bucket : buckets_) count += bucket.load(std::memory_order_relaxed);
  return count;
}

prometheus::ClientMetric::Histogram TimeHistogram::Snapshot() const {
  prometheus::ClientMetric::Histogram out;
  for (size_t i = 0; i < kBounds.size(); ++i) {
    out.sample_count += buckets_[i].load(std::memory_order_relaxed);
    out.bucket.push_back({.cumulative_count = out.sample_count,
                          .upper_bound = static_cast<double>(kBounds[i]) * kSecondsPerNs});
  }
  out.sample_count += buckets_.back().load(std::memory_order_relaxed);
  out.sample_sum = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) * kSecondsPerNs;
  return out;  // the serializer adds the bucket of what is longer
}

MetricsPage::Family& MetricsPage::Family::Add(Labels labels, double value) {
  prometheus::ClientMetric& metric = New(labels);
  const bool counts = families_[index_].type == prometheus::MetricType::Counter;
  (counts ? metric.counter.value : metric.gauge.value) = value;
  return *this;
}

MetricsPage::Family& MetricsPage::Family::Add(Labels labels, const TimeHistogram& times) {
  prometheus::ClientMetric::Histogram snapshot = times.Snapshot();
  if (labels.size() > 0 && snapshot.sample_count == 0) return *this;
  New(labels).histogram = std::move(snapshot);
  return *this;
}

prometheus::ClientMetric& MetricsPage::Family::New(Labels labels) {
  prometheus::ClientMetric& metric = families_[index_].metric.emplace_back();
  metric.label = labels;
  return metric;
}

MetricsPage::Family MetricsPage::Counter(std::string_view name, std::string_view help) {
  return Begin(name, help, prometheus::MetricType::Counter);
}

MetricsPage::Family MetricsPage::Gauge(std::string_view name, std::string_view help) {
  return Begin(name, help, prometheus::MetricType::Gauge);
}

MetricsPage::Family MetricsPage::Histogram(std::string_view name, std::string_view help) {
  return Begin(name, help, prometheus::MetricType::Histogram);
}

MetricsPage::Family MetricsPage::Begin(std::string_view name, std::string_view help,
                                       prometheus::MetricType type) {
  families_.push_back(
      {.name = Concat(prefix_, name), .help = std::string(help), .type = type, .metric = {}});
  return {families_, families_.size() - 1};
}

}  // namespace canopy
