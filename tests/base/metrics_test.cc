#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <cmath>
#include <string>
#include <thread>
#include <vector>

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(MetricsPage& page) { return prometheus::TextSerializer().Serialize(page.Take()); }

// Of the bucket with this bound, in seconds.
uint64_t CountUpTo(const TimeHistogram& times, double bound) {
  for (const auto& bucket : times.Snapshot().bucket) {
    if (std::abs(bucket.upper_bound - bound) < bound / 1e9) return bucket.cumulative_count;
  }
  ADD_FAILURE() << "no bucket up to " << bound;
  return 0;
}

TEST(TimeHistogram, CountsUpToAndIncludingABound) {
  TimeHistogram times;
  times.Record(absl::Milliseconds(1));
  times.Record(absl::Milliseconds(1) + absl::Nanoseconds(1));
  EXPECT_EQ(CountUpTo(times, 0.0005), 0u);
  EXPECT_EQ(CountUpTo(times, 0.001), 1u);
  EXPECT_EQ(CountUpTo(times, 0.0025), 2u);
  EXPECT_EQ(CountUpTo(times, 30), 2u);
}

TEST(TimeHistogram, CountsWhatIsLongerThanEveryBound) {
  TimeHistogram times;
  times.Record(absl::Hours(1));
  EXPECT_EQ(CountUpTo(times, 30), 0u);
  EXPECT_EQ(times.Snapshot().sample_count, 1u);
  EXPECT_DOUBLE_EQ(times.Snapshot().sample_sum, 3600);
}

TEST(TimeHistogram, ATimeBelowZeroIsZero) {
  TimeHistogram times;
  times.Record(-absl::Seconds(1));
  EXPECT_EQ(times.Snapshot().sample_count, 1u);
  EXPECT_EQ(times.Snapshot().sample_sum, 0);
}

TEST(TimeHistogram, LosesNothingThatManyThreadsRecord) {
  TimeHistogram times;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&times] {
      for (int j = 0; j < 10'000; ++j) times.Record(absl::Microseconds(j));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(times.Snapshot().sample_count, 40'000u);
  EXPECT_DOUBLE_EQ(times.Snapshot().sample_sum, 4 * 49.995);
}

TEST(MetricsPage, IsPrometheusText) {
  MetricsPage page("canopy_x_");
  page.Counter("runs_total", "Runs.").Add({{"how", "well"}}, 3).Add({{"how", "badly"}}, 0);
  page.Gauge("length", "How long.").Add(2.5);
  EXPECT_EQ(Text(page),
            "# HELP canopy_x_runs_total Runs.\n"
            "# TYPE canopy_x_runs_total counter\n"
            "canopy_x_runs_total{how=\"well\"} 3\n"
            "canopy_x_runs_total{how=\"badly\"} 0\n"
            "# HELP canopy_x_length How long.\n"
            "# TYPE canopy_x_length gauge\n"
            "canopy_x_length 2.5\n");
}

TEST(MetricsPage, LeavesOutLabelsWithNothingRecorded) {
  TimeHistogram times, none;
  times.Record(absl::Seconds(1));
  MetricsPage page("");
  page.Histogram("a_seconds", "A.").Add({{"x", "some"}}, times).Add({{"x", "never"}}, none);
  page.Histogram("b_seconds", "B.").Add(none);
  EXPECT_THAT(Text(page), AllOf(HasSubstr("a_seconds_bucket{x=\"some\",le=\"+Inf\"} 1\n"),
                                HasSubstr("a_seconds_count{x=\"some\"} 1\n"),
                                HasSubstr("b_seconds_count 0\n"), Not(HasSubstr("never"))));
}

}  // namespace
}  // namespace canopy
