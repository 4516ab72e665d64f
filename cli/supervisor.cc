#include "cli/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

sigset_t WatchedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&signals, signal);
  return signals;
}

// Whether this process has a controlling terminal.
bool HasTerminal() {
  const int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

int PollTimeout(absl::Time until) {
  constexpr absl::Duration kLongest = absl::Minutes(1);
  const absl::Duration left =
      std::clamp(until - SteadyClock().Now(), absl::ZeroDuration(), kLongest);
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
}

}  // namespace

Supervisor::Supervisor(size_t slots, SupervisorEvents events)
    : events_(std::move(events)), children_(slots), had_terminal_(HasTerminal()) {
  const sigset_t signals = WatchedSignals();
  pthread_sigmask(SIG_BLOCK, &signals, &previous_signals_);
  struct sigaction hang_up;
  sigaction(SIGHUP, nullptr, &hang_up);
  ignores_hang_up_ = hang_up.sa_handler == SIG_IGN;
}

absl::StatusOr<std::unique_ptr<Supervisor>> Supervisor::Create(size_t slots,
                                                               SupervisorEvents events) {
  std::unique_ptr<Supervisor> supervisor(new Supervisor(slots, std::move(events)));
  const sigset_t signals = WatchedSignals();
  supervisor->signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (supervisor->signal_fd_ < 0) {
    return absl::InternalError(Concat("cannot watch signals: ", std::strerror(errno)));
  }
  return supervisor;
}

Supervisor::~Supervisor() {
  children_.clear();
  if (signal_fd_ >= 0) close(signal_fd_);
  pthread_sigmask(SIG_SETMASK, &previous_signals_, nullptr);
}

absl::Status Supervisor::Start(size_t slot, const std::vector<std::string>& argv) {
  CHECK(children_[slot] == nullptr);
  ASSIGN_OR_RETURN(children_[slot], ChildProcess::Start(argv));
  return absl::OkStatus();
}

void Supervisor::Poll(absl::Time until) {
  std::vector<pollfd> watched = {{signal_fd_, POLLIN, 0}};
  std::vector<size_t> slots = {0};  // of watched[i], for i > 0
  for (size_t slot = 0; slot < children_.size(); ++slot) {
    if (children_[slot] == nullptr || children_[slot]->output_fd() < 0) continue;
    watched.push_back({children_[slot]->output_fd(), POLLIN, 0});
    slots.push_back(slot);
  }
  if (poll(watched.data(), watched.size(), PollTimeout(until)) <= 0) return;
  for (size_t i = 1; i < watched.size(); ++i) {
    if (watched[i].revents == 0) continue;
    const size_t slot = slots[i];
    children_[slot]->ReadLines([&](std::string_view line) { events_.on_line(slot, line); });
  }
  if (watched[0].revents != 0) ReadSignals();
}

void Supervisor::ReadSignals() {
  bool child_ended = false;
  signalfd_siginfo info;
  while (read(signal_fd_, &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGCHLD) {
      child_ended = true;
    } else {
      events_.on_signal(IsHangUp(info) ? SIGTERM : static_cast<int>(info.ssi_signo));
    }
  }
  if (child_ended) ReapChildren();
}

// The kernel says so itself; a shell that ends with its terminal may pass the signal on before.
bool Supervisor::IsHangUp(const signalfd_siginfo& info) const {
  if (info.ssi_signo != SIGHUP || ignores_hang_up_) return false;
  return info.ssi_code == SI_KERNEL || (had_terminal_ && !HasTerminal());
}

void Supervisor::ReapChildren() {
  for (size_t slot = 0; slot < children_.size(); ++slot) {
    if (children_[slot] == nullptr || !children_[slot]->Reap()) continue;
    // What it said last comes before the news of its end.
    const std::unique_ptr<ChildProcess> ended = std::exchange(children_[slot], nullptr);
    ended->ReadLines([&](std::string_view line) { events_.on_line(slot, line); });
    events_.on_exit(slot, ended->exit());
  }
}

}  // namespace canopy
