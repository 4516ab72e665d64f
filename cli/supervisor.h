// The event loop of `canopy up`: child processes in numbered slots, their output lines, their ends,
// and the signals sent to this process, all told to one owner in one thread.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/child_process.h"

struct signalfd_siginfo;

namespace canopy {

struct SupervisorEvents {
  std::function<void(size_t slot, std::string_view line)> on_line;
  std::function<void(size_t slot, const ChildExit& exit)> on_exit;  // the slot is empty by then
  // SIGINT, SIGTERM, or SIGHUP that somebody sent. The SIGHUP of a terminal that was closed comes
  // as SIGTERM, unless SIGHUP was ignored from the start (nohup).
  std::function<void(int signal)> on_signal;
};

// Thread safety: the main thread only (child_process.h says why), made before any other thread so
// that all of them have its signals blocked. Lifetime: the destructor kills the children that are
// left.
class Supervisor final {
 public:
  static absl::StatusOr<std::unique_ptr<Supervisor>> Create(size_t slots, SupervisorEvents events);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // REQUIRES: the slot is empty.
  absl::Status Start(size_t slot, const std::vector<std::string>& argv);
  // Null: empty.
  const ChildProcess* child(size_t slot) const { return children_[slot].get(); }

  // Waits until something happens or SteadyClock() reaches `until`, and calls the events for it.
  // The events may call Start.
  void Poll(absl::Time until);

 private:
  Supervisor(size_t slots, SupervisorEvents events);

  void ReadSignals();
  bool IsHangUp(const signalfd_siginfo& info) const;
  void ReapChildren();

  const SupervisorEvents events_;
  std::vector<std::unique_ptr<ChildProcess>> children_;  // by slot
  sigset_t previous_signals_;
  const bool had_terminal_;
  bool ignores_hang_up_ = false;
  int signal_fd_ = -1;
};

}  // namespace canopy
