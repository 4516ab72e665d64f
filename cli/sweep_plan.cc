#include "cli/sweep_plan.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/flag_values.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/cluster_plan.h"

namespace canopy {
namespace {

template <typename T>
absl::Status AddOnce(const T& value, std::vector<T>& values) {
  if (std::find(values.begin(), values.end(), value) != values.end()) {
    return absl::InvalidArgumentError(Concat(value, " stands in the list twice"));
  }
  values.push_back(value);
  return absl::OkStatus();
}

}  // namespace

std::string SweepCase::Series() const {
  if (calm) return "calm";
  return Concat("hedge ", hedge, ", ", replicas, replicas == 1 ? " replica" : " replicas");
}

absl::StatusOr<std::vector<uint32_t>> ParseCounts(std::string_view text) {
  std::vector<uint32_t> counts;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), ',')) {
    uint32_t count = 0;
    if (!absl::SimpleAtoi(part, &count) || count == 0) {
      return absl::InvalidArgumentError(
          Concat("must be whole numbers above 0, separated by commas, got \"", text, "\""));
    }
    RETURN_IF_ERROR(AddOnce(count, counts));
  }
  return counts;
}

absl::StatusOr<std::vector<std::string>> ParseHedgeModes(std::string_view text) {
  std::vector<std::string> modes;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), ',')) {
    if (part != "off" && part != "shadow" && part != "on") {
      return absl::InvalidArgumentError(
          Concat("must be of off, shadow and on, separated by commas, got \"", text, "\""));
    }
    RETURN_IF_ERROR(AddOnce(std::string(part), modes));
  }
  return modes;
}

absl::Status CheckStraggler(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), ':');
  double percent = -1;
  const bool is_delay =
      (parts.size() == 2 || (parts.size() == 3 && parts[2] == "exp")) && parts[0].ends_with('%') &&
      absl::SimpleAtod(ToAbsl(std::string_view(parts[0]).substr(0, parts[0].size() - 1)),
                       &percent) &&
      percent >= 0 && percent <= 100 && ParseDuration(parts[1]).ok();
  if (is_delay) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Concat("must be SHARE:TIME or SHARE:TIME:exp, such as 1%:50ms, got \"", text, "\""));
}

absl::Status CheckAxes(const SweepAxes& axes, uint32_t shards) {
  for (const uint32_t leaves : axes.leaves) {
    for (const uint32_t replicas : axes.replicas) {
      RETURN_IF_ERROR(
          PlanLeaves({.shards = shards, .leaves = leaves, .replicas = replicas}).status());
    }
  }
  return absl::OkStatus();
}

std::vector<SweepCase> CasesWith(const SweepAxes& axes, uint32_t leaves) {
  const uint32_t most = *std::max_element(axes.replicas.begin(), axes.replicas.end());
  std::vector<SweepCase> cases = {{.leaves = leaves, .replicas = most, .calm = true}};
  for (const uint32_t replicas : axes.replicas) {
    for (const std::string& hedge : axes.hedge) {
      cases.push_back({.leaves = leaves, .replicas = replicas, .hedge = hedge});
    }
  }
  return cases;
}

SweepDuration DurationOf(const SweepAxes& axes, const SweepTimes& times) {
  const auto groups = static_cast<uint32_t>(axes.leaves.size());
  const auto cases = static_cast<uint32_t>(CasesWith(axes, 1).size()) * groups * times.repeats;
  SweepDuration duration;
  const bool has_ramp = times.ramp > absl::ZeroDuration();
  duration.clusters = cases + (has_ramp ? 1 : 0);
  duration.at_least = cases * (times.warm_up + times.load);
  duration.at_most = duration.at_least + groups * times.clean + times.ramp +
                     duration.clusters * (times.start + times.stop) + cases * times.drain +
                     (has_ramp ? times.warm_up : absl::ZeroDuration());
  return duration;
}

}  // namespace canopy
