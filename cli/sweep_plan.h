// What `canopy bench sweep` measures, in which order, and how long that can take. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace canopy {

// One kind of cluster under load.
struct SweepCase {
  uint32_t leaves = 1;  // processes a replica
  uint32_t replicas = 1;
  std::string hedge = "off";  // off, shadow, on: canopy-root's --hedge
  bool calm = false;          // without stragglers

  // "calm", "hedge off, 2 replicas": the same for all numbers of leaves; one line of a plot.
  std::string Series() const;
  friend bool operator==(const SweepCase&, const SweepCase&) = default;
};

struct SweepAxes {
  std::vector<uint32_t> leaves = {1, 2, 4, 8, 16};
  std::vector<uint32_t> replicas = {1, 2};
  std::vector<std::string> hedge = {"off", "on"};
};

// "1,2,4" -> {1, 2, 4}. INVALID_ARGUMENT: not whole numbers above 0, or one of them twice.
absl::StatusOr<std::vector<uint32_t>> ParseCounts(std::string_view text);
// "off,on". INVALID_ARGUMENT: another word, or one of them twice.
absl::StatusOr<std::vector<std::string>> ParseHedgeModes(std::string_view text);
// INVALID_ARGUMENT unless `text` is what a leaf takes for --inject-delay: 1%:50ms or 1%:50ms:exp.
absl::Status CheckStraggler(std::string_view text);
// INVALID_ARGUMENT: more leaves than the index has shards, or more processes than a local cluster
// may have.
absl::Status CheckAxes(const SweepAxes& axes, uint32_t shards);

// The cases with `leaves` leaves, in the order of measurement: calm, with the most replicas and no
// hedging, so that as many processes run as in the case with the least tail; then all combinations
// of replicas and hedging under stragglers.
std::vector<SweepCase> CasesWith(const SweepAxes& axes, uint32_t leaves);

struct SweepTimes {
  absl::Duration start;    // of a cluster, at most
  absl::Duration stop;     // at most
  absl::Duration warm_up;  // of a cluster
  absl::Duration load;     // of a case
  absl::Duration drain;    // until the last answers are there, at most
  absl::Duration clean;    // the replay for the limit, at most
  absl::Duration ramp;     // at most; zero: there is none
  uint32_t repeats = 1;
};

struct SweepDuration {
  uint32_t clusters = 0;  // that are started
  absl::Duration at_least;
  absl::Duration at_most;
};
SweepDuration DurationOf(const SweepAxes& axes, const SweepTimes& times);

}  // namespace canopy
