// A `canopy up` of its own for each case of a sweep, and a client of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/child_process.h"
#include "cli/remote_cluster.h"
#include "cli/sweep_plan.h"

namespace canopy {

// Waits until the time, or less when the user wants to stop; false: to stop.
using WaitUntil = std::function<bool(absl::Time)>;

struct SweepClusterOptions {
  std::string canopy;  // path of the program
  std::string index;
  std::string log;        // file to which the processes' messages are appended
  std::string straggler;  // for all cases but calm ones, as a leaf takes it
  uint32_t repeat = 0;    // another one: other queries are slow
};

inline constexpr absl::Duration kSweepStartTimeout = absl::Seconds(60);
// `canopy up` ends within 5 s; what is left is killed.
inline constexpr absl::Duration kSweepStopTimeout = absl::Seconds(8);

// The command line of the cluster for `sweep_case`. Every leaf gets a seed of its own: with one
// seed all leaves would be slow for the same query.
std::vector<std::string> UpCommandLine(const SweepCase& sweep_case,
                                       const SweepClusterOptions& options);

// The root's address in the ready line of `canopy up`. NOT_FOUND: some other line.
absl::StatusOr<std::string> RootOfReadyLine(std::string_view line);

// Thread safety: the main thread only, as ChildProcess. The destructor stops the cluster, bounded
// by kSweepStopTimeout.
class SweepCluster final {
 public:
  // Returns when the cluster is ready. CANCELLED: `wait_until` said to stop. DEADLINE_EXCEEDED,
  // INTERNAL: it did not become ready; the log says why.
  static absl::StatusOr<std::unique_ptr<SweepCluster>> Start(const SweepCase& sweep_case,
                                                             const SweepClusterOptions& options,
                                                             const WaitUntil& wait_until);
  ~SweepCluster();

  RemoteCluster& remote() { return *remote_; }

 private:
  explicit SweepCluster(std::unique_ptr<ChildProcess> up) : up_(std::move(up)) {}

  std::unique_ptr<ChildProcess> up_;
  std::optional<RemoteCluster> remote_;
};

}  // namespace canopy
