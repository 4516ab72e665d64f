// A whole cluster on this machine as child processes: leaves, and a root that knows them. What
// `canopy up` runs.
//
// Start: all leaves at once; when each is ready, the topology file, then the root; when that is
// ready, the ready line. From then on a process that dies is started again on the address it had.
// Stop: the root first, so that no query meets a leaf that is gone, then the leaves.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "cli/cluster_plan.h"
#include "cli/supervisor.h"

namespace canopy {

struct LocalClusterOptions {
  std::string index;             // index directory
  uint64_t generation = 0;       // that is current in it
  uint32_t num_shards = 0;       // of that
  std::vector<LeafPlan> leaves;  // cluster_plan.h
  std::string binaries;          // directory of canopy-leaf and canopy-root
  std::string root_listen = "127.0.0.1:0";
  // Handed to every leaf and to the root, with the process's number for kSlotPlaceholder.
  std::vector<std::string> leaf_flags;
  std::vector<std::string> root_flags;
  bool metrics = false;  // every process serves its metrics, on a port of its own
  bool restart = true;
  absl::Duration start_timeout = absl::Minutes(10);
};

// In a flag: the number of the process, from 0, so that leaves can have seeds of their own.
inline constexpr char kSlotPlaceholder[] = "{n}";

// How long a process that died for the n-th time in a row (from 1) waits for its next start: 100
// ms, doubled up to 5 s.
absl::Duration RestartDelay(int deaths_in_a_row);
// A process that ran this long has its deaths forgotten.
inline constexpr absl::Duration kStableAfter = absl::Seconds(10);

// What a process said on its standard output when it became ready: {"ready": true, "address":
// "HOST:PORT", "metrics": "HOST:PORT" or null, ...}.
struct ReadyLine {
  std::string address;
  uint64_t generation = 0;  // 0: not said
  std::string metrics;      // empty: none
};
// NOT_FOUND: some other line.
absl::StatusOr<ReadyLine> ParseReadyLine(std::string_view line);

// Thread safety: the main thread only.
class LocalCluster final {
 public:
  // The ready line goes to `ready_out`, events as JSON lines to `log`.
  LocalCluster(LocalClusterOptions options, FileSystem& files, std::FILE* ready_out,
               std::FILE* log);
  ~LocalCluster();

  // Starts, serves, and returns after SIGINT or SIGTERM with everything stopped: OK. Errors: a
  // process cannot be started or ends before it was ready, DEADLINE_EXCEEDED (start_timeout),
  // UNAVAILABLE (without `restart`: the root died).
  absl::Status Run();

 private:
  struct Process {
    std::string name;     // "leaf" or "root"
    std::string address;  // that it has, or is to have
    std::string metrics;  // the same for its metrics; empty: none
    pid_t pid = 0;        // of the last start
    uint64_t generation = 0;
    bool was_ready = false;  // at least once
    bool ready = false;
    int deaths_in_a_row = 0;
    absl::Time started_at;
    absl::Time restart_at = absl::InfiniteFuture();
  };

  size_t root() const { return options_.leaves.size(); }  // its slot; the leaves come before
  bool is_leaf(size_t slot) const { return slot < root(); }

  absl::Status StartAndServe();
  absl::Status StartRoot();
  absl::Status StartProcess(size_t slot);
  std::vector<std::string> CommandOf(size_t slot) const;
  // Polls until `done()`, the first error, or a signal to stop (then stop_requests_ is above 0).
  absl::Status PollUntil(const std::function<bool()>& done, absl::Time deadline,
                         std::string_view waiting_for);
  bool AllReady(size_t first, size_t last) const;
  void RestartDue();
  absl::Time NextRestart() const;
  // Terminates slots [first, last), and kills what is left after `grace`.
  void Stop(size_t first, size_t last, absl::Duration grace);

  void OnLine(size_t slot, std::string_view line);
  void OnExit(size_t slot, const ChildExit& exit);
  void OnSignal(int signal);
  // The leaves of this cluster cannot serve an index that is cut into another number of shards.
  void WarnIfShardsChanged() const;

  void PrintReady() const;
  void LogExit(size_t slot, const ChildExit& exit, absl::Duration restart_in) const;
  void LogReady(size_t slot) const;

  const LocalClusterOptions options_;
  FileSystem& files_;
  std::FILE* const ready_out_;
  std::FILE* const log_;
  std::string scratch_;  // private directory of the topology file
  std::unique_ptr<Supervisor> supervisor_;
  std::vector<Process> processes_;  // by slot
  absl::Status failure_;
  bool stopping_ = false;
  int stop_requests_ = 0;
};

}  // namespace canopy
