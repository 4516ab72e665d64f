#include "base/signals.h"

#include <algorithm>
#include <cerrno>

#include "absl/time/clock.h"
#include "base/check.h"

namespace canopy {

SignalWaiter::SignalWaiter(std::initializer_list<int> signals) {
  sigemptyset(&signals_);
  for (const int signal : signals) CHECK(sigaddset(&signals_, signal) == 0);
  CHECK(pthread_sigmask(SIG_BLOCK, &signals_, &previous_) == 0);
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  CHECK(sigaction(SIGPIPE, &ignore, &previous_pipe_) == 0);
}

SignalWaiter::~SignalWaiter() {
  CHECK(sigaction(SIGPIPE, &previous_pipe_, nullptr) == 0);
  CHECK(pthread_sigmask(SIG_SETMASK, &previous_, nullptr) == 0);
}

int SignalWaiter::Wait() {
  int signal = 0;
  CHECK(sigwait(&signals_, &signal) == 0);
  return signal;
}

std::optional<int> SignalWaiter::WaitFor(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  while (true) {
    const timespec left = absl::ToTimespec(std::max(absl::ZeroDuration(), end - absl::Now()));
    const int signal = sigtimedwait(&signals_, nullptr, &left);
    if (signal > 0) return signal;
    if (errno == EAGAIN) return std::nullopt;
    CHECK(errno == EINTR);
  }
}

}  // namespace canopy
