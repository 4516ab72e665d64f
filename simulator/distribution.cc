#include "simulator/distribution.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/flag_values.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr double kMaxSigma = 5;

absl::StatusOr<double> ParseNanoseconds(std::string_view text) {
  ASSIGN_OR_RETURN(const absl::Duration duration, ParseDuration(text));
  if (duration < absl::ZeroDuration() || duration > absl::Hours(1)) {
    return absl::InvalidArgumentError(Concat("a time must be 0 to 1h, got ", text));
  }
  return absl::ToDoubleNanoseconds(duration);
}

absl::StatusOr<Distribution::Bucket> ParseBucket(absl::string_view line) {
  const std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipWhitespace());
  if (words.size() != 3) {
    return absl::InvalidArgumentError(Concat("not LOW HIGH COUNT but ", words.size(), " words"));
  }
  constexpr double kNanosecondsPerMicrosecond = 1000;
  Distribution::Bucket bucket;
  ASSIGN_OR_RETURN(bucket.low, ParseDouble(words[0]));
  ASSIGN_OR_RETURN(bucket.high, ParseDouble(words[1]));
  ASSIGN_OR_RETURN(bucket.count, ParseDouble(words[2]));
  if (bucket.low < 0 || bucket.low > bucket.high || bucket.count < 0) {
    return absl::InvalidArgumentError("0 <= LOW <= HIGH and COUNT >= 0 must hold");
  }
  bucket.low *= kNanosecondsPerMicrosecond;
  bucket.high *= kNanosecondsPerMicrosecond;
  return bucket;
}

}  // namespace

Distribution Distribution::Fixed(double value) { return {Kind::kFixed, value, 0}; }
Distribution Distribution::Lognormal(double median, double sigma) {
  return {sigma == 0 ? Kind::kFixed : Kind::kLognormal, median, sigma};
}
Distribution Distribution::Exponential(double mean) { return {Kind::kExponential, mean, 0}; }

Distribution Distribution::Measured(std::vector<Bucket> buckets) {
  std::sort(buckets.begin(), buckets.end(), [](const Bucket& a, const Bucket& b) {
    return std::pair(a.low, a.high) < std::pair(b.low, b.high);
  });
  auto histogram = std::make_shared<Histogram>();
  double sum = 0;
  for (const Bucket& bucket : buckets) histogram->cumulative.push_back(sum += bucket.count);
  CHECK(sum > 0);
  for (double& share : histogram->cumulative) share /= sum;
  histogram->buckets = std::move(buckets);
  Distribution distribution(Kind::kMeasured, 1, 0);
  distribution.histogram_ = std::move(histogram);
  return distribution;
}

Distribution Distribution::MeasuredValues(const std::vector<double>& values) {
  std::vector<Bucket> buckets;
  for (double value : values) buckets.push_back({.low = value, .high = value, .count = 1});
  return Measured(std::move(buckets));
}

double Distribution::Sample(Random& random) const {
  switch (kind_) {
    case Kind::kFixed:
      return scale_;
    case Kind::kLognormal:
      return scale_ * std::exp(sigma_ * random.Normal());
    case Kind::kExponential:
      return random.Exponential(scale_);
    case Kind::kMeasured:
      break;
  }
  const std::vector<double>& cumulative = histogram_->cumulative;
  const double share = random.Uniform();
  const size_t place = std::min<size_t>(
      std::upper_bound(cumulative.begin(), cumulative.end(), share) - cumulative.begin(),
      cumulative.size() - 1);
  const Bucket& bucket = histogram_->buckets[place];
  return scale_ * (bucket.low + (bucket.high - bucket.low) * random.Uniform());
}

double Distribution::Mean() const {
  switch (kind_) {
    case Kind::kFixed:
    case Kind::kExponential:
      return scale_;
    case Kind::kLognormal:
      return scale_ * std::exp(sigma_ * sigma_ / 2);
    case Kind::kMeasured:
      break;
  }
  double mean = 0, before = 0;
  for (size_t i = 0; i < histogram_->buckets.size(); ++i) {
    const Bucket& bucket = histogram_->buckets[i];
    mean += (histogram_->cumulative[i] - before) * (bucket.low + bucket.high) / 2;
    before = histogram_->cumulative[i];
  }
  return scale_ * mean;
}

Distribution Distribution::Scaled(double factor) const {
  Distribution scaled = *this;
  scaled.scale_ *= factor;
  return scaled;
}

absl::StatusOr<Distribution> ParseTimeDistribution(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), ':');
  if (parts.size() == 2 && parts[0] == "exp") {
    ASSIGN_OR_RETURN(const double mean, ParseNanoseconds(parts[1]));
    return Distribution::Exponential(mean);
  }
  if (parts.size() > 2) {
    return absl::InvalidArgumentError(
        Concat("not TIME, MEDIAN:SIGMA or exp:MEAN but \"", text, "\""));
  }
  ASSIGN_OR_RETURN(const double median, ParseNanoseconds(parts[0]));
  double sigma = 0;
  if (parts.size() == 2) {
    ASSIGN_OR_RETURN(sigma, ParseDouble(parts[1]));
  }
  if (sigma < 0 || sigma > kMaxSigma) {
    return absl::InvalidArgumentError(Concat("SIGMA must be 0 to ", kMaxSigma, ", got ", sigma));
  }
  return Distribution::Lognormal(median, sigma);
}

absl::StatusOr<Distribution> ParseTimeBuckets(std::string_view text) {
  std::vector<Distribution::Bucket> buckets;
  double sum = 0;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(ToAbsl(text), '\n')) {
    ++number;
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t\r") == absl::string_view::npos) continue;
    const absl::StatusOr<Distribution::Bucket> bucket = ParseBucket(line);
    if (!bucket.ok()) return Annotate(bucket.status(), Concat("line ", number));
    sum += bucket->count;
    buckets.push_back(*bucket);
  }
  if (!(sum > 0)) return absl::InvalidArgumentError("no bucket with a COUNT above 0");
  return Distribution::Measured(std::move(buckets));
}

}  // namespace canopy
