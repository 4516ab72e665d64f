#include "cli/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/strings.h"

namespace canopy {
namespace {

absl::Status SystemError(std::string_view what) {
  return absl::InternalError(Concat(what, ": ", std::strerror(errno)));
}

// The child's side between fork and exec: only calls that are safe after a fork in a program with
// threads. On failure the error number goes to `report_fd`, which exec closes on success.
[[noreturn]] void BecomeChild(char* const* argv, char* const* environment, pid_t parent,
                              int output_fd, int report_fd) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // the parent died before it could be watched
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null_fd = open("/dev/null", O_RDONLY);
  if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(output_fd, STDOUT_FILENO) >= 0) {
    execve(argv[0], argv, environment);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(report_fd, &error, sizeof(error));
  _exit(127);
}

// What is set for this program is not meant for its children: a variable of one name may be a flag
// of both. Lifetime: until the environment changes.
std::vector<char*> ChildEnvironment() {
  std::vector<char*> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("CANOPY_")) environment.push_back(*entry);
  }
  environment.push_back(nullptr);
  return environment;
}

struct Pipe {
  int read_fd = -1;
  int write_fd = -1;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return SystemError("cannot make a pipe");
  return Pipe{fds[0], fds[1]};
}

// 0 when exec worked (the pipe was closed by it), else the child's error number.
int ReadExecError(int report_fd) {
  int error = 0;
  ssize_t size;
  do {
    size = read(report_fd, &error, sizeof(error));
  } while (size < 0 && errno == EINTR);
  return size == sizeof(error) ? error : 0;
}

}  // namespace

absl::StatusOr<std::string> ExecutableDirectory() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  if (size <= 0) return SystemError("cannot read /proc/self/exe");
  const std::string_view view(path, static_cast<size_t>(size));
  return std::string(view.substr(0, view.rfind('/')));
}

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  pointers.reserve(argv.size() + 1);
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const std::vector<char*> environment = ChildEnvironment();

  const absl::StatusOr<Pipe> output = MakePipe();
  if (!output.ok()) return output.status();
  const absl::StatusOr<Pipe> report = MakePipe();
  if (!report.ok()) {
    close(output->read_fd);
    close(output->write_fd);
    return report.status();
  }
  const absl::Cleanup close_report = [&report] { close(report->read_fd); };
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    BecomeChild(pointers.data(), environment.data(), parent, output->write_fd, report->write_fd);
  }
  const absl::Status fork_status = pid < 0 ? SystemError("cannot fork") : absl::OkStatus();
  close(output->write_fd);
  close(report->write_fd);
  if (!fork_status.ok()) {
    close(output->read_fd);
    return fork_status;
  }
  fcntl(output->read_fd, F_SETFL, O_NONBLOCK);
  std::unique_ptr<ChildProcess> child(new ChildProcess(pid, output->read_fd));
  if (const int error = ReadExecError(report->read_fd); error != 0) {
    return absl::InternalError(Concat("cannot run ", argv[0], ": ", std::strerror(error)));
  }
  return child;
}

ChildProcess::~ChildProcess() {
  if (!reaped_) {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (output_fd_ >= 0) close(output_fd_);
}

void ChildProcess::ReadLines(const std::function<void(std::string_view)>& on_line) {
  char buffer[4096];
  while (output_fd_ >= 0) {
    const ssize_t size = read(output_fd_, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
      close(std::exchange(output_fd_, -1));
      return;
    }
    partial_line_.append(buffer, static_cast<size_t>(size));
    size_t begin = 0;
    for (size_t end; (end = partial_line_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      on_line(std::string_view(partial_line_).substr(begin, end - begin));
    }
    partial_line_.erase(0, begin);
    if (partial_line_.size() > kMaxLineBytes) on_line(std::exchange(partial_line_, {}));
  }
}

void ChildProcess::Signal(int signal) const {
  if (!reaped_) kill(pid_, signal);
}

bool ChildProcess::Reap() {
  if (reaped_) return true;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  reaped_ = true;
  if (WIFSIGNALED(status)) {
    exit_.signal = WTERMSIG(status);
  } else {
    exit_.status = WEXITSTATUS(status);
  }
  return true;
}

}  // namespace canopy
