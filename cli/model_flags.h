// The flags of `canopy simulate` and `canopy plan` that say how long things take, by numbers or by
// a running cluster that is asked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/flags.h"
#include "simulator/calibration.h"
#include "simulator/options.h"

namespace canopy {

struct ModelFlags {
  std::string search_time = "5ms:0.8";
  std::string fixed_time = "0";
  double shard_noise = 0.25;
  double call_noise = 0;
  std::string straggler;
  std::string wire_time = "200us:0.3";
  std::string fetch_time = "100us";
  std::string root_time = "100us";

  std::string address;  // of a root; empty: by the values above
  std::string queries;
  int64_t samples = 200;
  int64_t passes = 3;

  int64_t size = 10;
  absl::Duration timeout = absl::Seconds(1);
  double min_coverage = 1;
  int64_t threads = 1;
  std::string hedge_budget = "5%";
  int64_t seed = 1;
};

// The command itself declares `address`, before AddSampleFlags, and what comes after "Cluster",
// which AddShapeFlags begins.
void AddTimeFlags(FlagSet& flags, ModelFlags& values);
void AddSampleFlags(FlagSet& flags, ModelFlags& values);
void AddShapeFlags(FlagSet& flags, ModelFlags& values);

// By the values. INVALID_ARGUMENT with the flag.
absl::StatusOr<WorkModel> ReadWorkModel(const ModelFlags& values);
QueryShape ReadQueryShape(const ModelFlags& values);
absl::StatusOr<double> ReadHedgeBudget(const ModelFlags& values);

// "1%:50ms" or "1%:50ms:exp" into the straggler_ members. INVALID_ARGUMENT.
absl::Status ParseStraggler(std::string_view text, WorkModel& work);

struct MeasuredCluster {
  Calibration calibration;
  uint64_t docs = 0;
  uint32_t replicas = 0;
};

// Asks the cluster at `values.address`, one query at a time: `samples` queries of the file, each
// `passes` times after one that is not counted. Progress goes to standard error.
absl::StatusOr<MeasuredCluster> MeasureCluster(const ModelFlags& values);

// What the model of a measured cluster is, in words.
std::string DescribeModel(const ModelFlags& values, const std::optional<MeasuredCluster>& measured);

}  // namespace canopy
