// A distribution of numbers >= 0 (times, costs, factors) as a value: given by parameters, or
// measured.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "simulator/random.h"

namespace canopy {

// Thread safety: immutable.
class Distribution final {
 public:
  // So many values lie between `low` and `high`, evenly.
  struct Bucket {
    double low = 0;
    double high = 0;
    double count = 0;
  };

  Distribution() : Distribution(Fixed(0)) {}
  static Distribution Fixed(double value);
  static Distribution Lognormal(double median, double sigma);
  static Distribution Exponential(double mean);
  // REQUIRES: not empty, 0 <= low <= high, a positive sum of counts.
  static Distribution Measured(std::vector<Bucket> buckets);
  static Distribution MeasuredValues(const std::vector<double>& values);

  double Sample(Random& random) const;
  double Mean() const;
  // Of the values times `factor`.
  Distribution Scaled(double factor) const;

 private:
  enum class Kind : uint8_t { kFixed, kLognormal, kExponential, kMeasured };

  struct Histogram {
    std::vector<Bucket> buckets;     // by low
    std::vector<double> cumulative;  // counts up to and with the bucket, as shares of all
  };

  Distribution(Kind kind, double scale, double sigma) : kind_(kind), scale_(scale), sigma_(sigma) {}

  Kind kind_;
  double scale_;  // value, median, mean; of measured values a factor
  double sigma_ = 0;
  std::shared_ptr<const Histogram> histogram_;
};

// "5ms", "5ms:0.8" (lognormal: median and sigma), "exp:50ms" (mean), in nanoseconds.
// INVALID_ARGUMENT.
absl::StatusOr<Distribution> ParseTimeDistribution(std::string_view text);

// Lines "LOW HIGH COUNT", in microseconds, as a distribution in nanoseconds; what follows a # is a
// comment. INVALID_ARGUMENT with the line.
absl::StatusOr<Distribution> ParseTimeBuckets(std::string_view text);

}  // namespace canopy
