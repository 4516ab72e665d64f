// One child process of `canopy up`: started so that it cannot outlive this process, its standard
// output read line by line.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace canopy {

// How a process ended.
struct ChildExit {
  int status = 0;  // exit status, when signal is 0
  int signal = 0;  // that killed it, or 0
};

// The directory of the running executable, without a slash at the end.
absl::StatusOr<std::string> ExecutableDirectory();

// Thread safety: one thread, and that must be one which lives as long as the process (the main
// thread): the kernel kills the child when the thread that started it ends. Lifetime: the
// destructor kills a child that still runs, and waits for it.
class ChildProcess final {
 public:
  // Runs argv[0] (a path) with `argv`, in a process group of its own (a terminal's Ctrl-C reaches
  // only the parent, which stops its children in order), standard input empty, standard error
  // shared, no signal blocked, and without this program's own CANOPY_ variables in the environment.
  // SIGKILL is sent to it when this process dies, whatever from. INTERNAL: argv[0] cannot be run,
  // with the system's reason.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& argv);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // To be polled for reading; -1 when the child has closed it.
  int output_fd() const { return output_fd_; }

  // Reads what there is without blocking and calls `on_line` for every complete line, without the
  // line break. A line longer than kMaxLineBytes is given in pieces.
  void ReadLines(const std::function<void(std::string_view)>& on_line);

  // Fine when it has ended already.
  void Signal(int signal) const;

  // True once the child has ended and was reaped; exit() says how. Does not block.
  bool Reap();
  const ChildExit& exit() const { return exit_; }

 private:
  static constexpr size_t kMaxLineBytes = 64 << 10;

  ChildProcess(pid_t pid, int output_fd) : pid_(pid), output_fd_(output_fd) {}

  const pid_t pid_;
  int output_fd_;
  std::string partial_line_;
  bool reaped_ = false;
  ChildExit exit_;
};

}  // namespace canopy
