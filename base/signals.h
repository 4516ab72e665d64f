// How the services are stopped and told to reload: signals are blocked in every thread and fetched
// by main, so that no handler ever runs.
#pragma once

#include <csignal>
#include <initializer_list>
#include <optional>

#include "absl/time/time.h"

namespace canopy {

// Blocks its signals in the calling thread, and so in all threads started from it later, and
// ignores SIGPIPE in the whole process: a reader of logs that goes away must not take a server with
// it. REQUIRES: made in main, before any other thread. Child processes inherit the blocked set:
// unblock it between fork and exec (or by posix_spawn's POSIX_SPAWN_SETSIGMASK), or they cannot be
// stopped. The destructor restores what was there before. Thread safety: Wait in one thread at a
// time.
class SignalWaiter final {
 public:
  SignalWaiter(std::initializer_list<int> signals = {SIGINT, SIGTERM, SIGHUP});
  ~SignalWaiter();
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

  // Waits for the next signal and returns its number. Signals that came since the constructor are
  // not lost, though two of one number may count once.
  int Wait();
  // As Wait, or nullopt after `timeout`.
  std::optional<int> WaitFor(absl::Duration timeout);

 private:
  sigset_t signals_;
  sigset_t previous_;
  struct sigaction previous_pipe_;
};

}  // namespace canopy
