// A server program as a child process.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/check.h"

namespace canopy {

// Thread safety: one thread. The destructor kills the process.
class ServerProcess final {
 public:
  // `command` is run as it is; standard error goes to the file.
  ServerProcess(std::vector<std::string> command, const std::string& error_file) {
    int out[2];
    CHECK(pipe2(out, O_CLOEXEC) == 0);
    pid_ = fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) RunChild(std::move(command), error_file, out[1]);
    close(out[1]);
    out_ = out[0];
  }
  ~ServerProcess() {
    if (pid_ > 0) {
      Signal(SIGKILL);
      Wait();
    }
    close(out_);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  void Signal(int number) const { kill(pid_, number); }
  // The next line of standard output, without its newline; empty at its end.
  std::string ReadLine() {
    std::string line;
    char c = 0;
    while (read(out_, &c, 1) == 1 && c != '\n') line += c;
    return line;
  }
  // The exit status, or 128 + the signal that ended it.
  int Wait() {
    int status = 0;
    CHECK(waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  pid_t pid() const { return pid_; }

 private:
  [[noreturn]] static void RunChild(std::vector<std::string> command, const std::string& error_file,
                                    int out) {
    const int errors = open(error_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
  }

  pid_t pid_ = -1;
  int out_ = -1;
};

}  // namespace canopy
