// Real processes: /bin/sh scripts stand in for leaves. Every wait ends with an event of the process
// itself.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "cli/supervisor.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

class SupervisorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Supervisor::Create(
        2, {.on_line = [this](size_t slot,
                              std::string_view line) { lines_.push_back(Concat(slot, " ", line)); },
            .on_exit =
                [this](size_t slot, const ChildExit& exit) {
                  exits_.push_back(Concat(slot, " status ", exit.status, " signal ", exit.signal));
                },
            .on_signal = [this](int signal) { signals_.push_back(signal); }});
    ASSERT_TRUE(made.ok()) << made.status();
    supervisor_ = *std::move(made);
  }

  // Fails the test rather than hang.
  void PollUntil(const std::function<bool()>& done) {
    const absl::Time limit = SteadyClock().Now() + absl::Seconds(20);
    while (!done()) {
      ASSERT_LT(SteadyClock().Now(), limit);
      supervisor_->Poll(limit);
    }
  }

  std::vector<std::string> lines_;
  std::vector<std::string> exits_;
  std::vector<int> signals_;
  std::unique_ptr<Supervisor> supervisor_;
};

TEST_F(SupervisorTest, ReportsLinesThenTheEnd) {
  ASSERT_TRUE(supervisor_->Start(1, Shell("echo one; printf 'two\\n'; exit 3")).ok());
  PollUntil([&] { return !exits_.empty(); });
  EXPECT_THAT(lines_, ElementsAre("1 one", "1 two"));
  EXPECT_THAT(exits_, ElementsAre("1 status 3 signal 0"));
  EXPECT_EQ(supervisor_->child(1), nullptr);
}

TEST_F(SupervisorTest, ReportsTheSignalThatKilledAChild) {
  ASSERT_TRUE(supervisor_->Start(0, Shell("echo up; exec sleep 600")).ok());
  PollUntil([&] { return !lines_.empty(); });
  supervisor_->child(0)->Signal(SIGKILL);
  PollUntil([&] { return !exits_.empty(); });
  EXPECT_THAT(exits_, ElementsAre(Concat("0 status 0 signal ", SIGKILL)));
}

TEST_F(SupervisorTest, ChildrenCanBeTerminatedThoughTheParentBlocksTheSignal) {
  ASSERT_TRUE(supervisor_->Start(0, Shell("echo up; exec sleep 600")).ok());
  PollUntil([&] { return !lines_.empty(); });
  supervisor_->child(0)->Signal(SIGTERM);
  PollUntil([&] { return !exits_.empty(); });
  EXPECT_THAT(exits_, ElementsAre(Concat("0 status 0 signal ", SIGTERM)));
}

TEST_F(SupervisorTest, HandsSignalsToItsOwner) {
  raise(SIGHUP);
  raise(SIGTERM);
  PollUntil([&] { return signals_.size() == 2; });
  EXPECT_THAT(signals_, ::testing::UnorderedElementsAre(SIGHUP, SIGTERM));
}

TEST_F(SupervisorTest, ASlotCanBeFilledAgainFromTheEndOfItsChild) {
  ASSERT_TRUE(supervisor_->Start(0, Shell("exit 0")).ok());
  PollUntil([&] { return exits_.size() == 1; });
  ASSERT_TRUE(supervisor_->Start(0, Shell("exit 1")).ok());
  PollUntil([&] { return exits_.size() == 2; });
  EXPECT_THAT(exits_, ElementsAre("0 status 0 signal 0", "0 status 1 signal 0"));
}

TEST_F(SupervisorTest, ChildrenDoNotSeeTheVariablesOfTheirParent) {
  setenv("CANOPY_CONFIG", "up.yaml", 1);
  const absl::Status started =
      supervisor_->Start(0, Shell("echo ${CANOPY_CONFIG-unset} ${PATH:+path}"));
  unsetenv("CANOPY_CONFIG");
  ASSERT_TRUE(started.ok()) << started;
  PollUntil([&] { return !exits_.empty(); });
  EXPECT_THAT(lines_, ElementsAre("0 unset path"));
}

// Where /dev/pts is not mounted, as in a bare chroot, there are none.
bool HasTerminals() {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0) return false;
  close(terminal);
  return true;
}

// A process with a terminal of its own that ends with the first signal which its supervisor tells.
// Returns that signal once the terminal is closed.
int SignalOfAClosedTerminal(void (*hang_up_action)(int)) {
  int terminal = -1;
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (pid < 0) return -1;
  if (pid == 0) {
    signal(SIGHUP, hang_up_action);
    int told = 0;
    const auto supervisor =
        Supervisor::Create(1, {.on_line = [](size_t, std::string_view) {},
                               .on_exit = [](size_t, const ChildExit&) {},
                               .on_signal = [&told](int signal) { told = signal; }});
    [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, "x", 1);
    const absl::Time limit = SteadyClock().Now() + absl::Seconds(20);
    while (told == 0 && SteadyClock().Now() < limit) (*supervisor)->Poll(limit);
    _exit(told);
  }
  char ready;
  EXPECT_EQ(read(terminal, &ready, 1), 1);
  close(terminal);
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Supervisor, AClosedTerminalStops) {
  if (!HasTerminals()) GTEST_SKIP() << "this system has no pseudo-terminals";
  EXPECT_EQ(SignalOfAClosedTerminal(SIG_DFL), SIGTERM);
}

TEST(Supervisor, AClosedTerminalIsNoReasonToStopWhenHangUpsAreIgnored) {
  if (!HasTerminals()) GTEST_SKIP() << "this system has no pseudo-terminals";
  EXPECT_EQ(SignalOfAClosedTerminal(SIG_IGN), SIGHUP);
}

TEST_F(SupervisorTest, SaysWhyAProgramCannotBeRun) {
  const absl::Status status = supervisor_->Start(0, {"/proc/nowhere/canopy-leaf"});
  EXPECT_THAT(Message(status), HasSubstr("cannot run /proc/nowhere/canopy-leaf: No such file"));
  EXPECT_EQ(supervisor_->child(0), nullptr);
}

TEST_F(SupervisorTest, KillsWhatIsLeftWhenItGoes) {
  ASSERT_TRUE(supervisor_->Start(0, Shell("echo up; exec sleep 600")).ok());
  PollUntil([&] { return !lines_.empty(); });
  const pid_t pid = supervisor_->child(0)->pid();
  supervisor_.reset();
  EXPECT_EQ(kill(pid, 0), -1);  // reaped, so not even a zombie is left
}

TEST(ChildProcess, DiesWithItsParent) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t parent = fork();
  if (parent == 0) {  // its child inherits standard error, and so holds the pipe open
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    const auto child = ChildProcess::Start(Shell("echo started >&2; exec sleep 600"));
    pause();
  }
  close(ends[1]);
  char text[16];
  ASSERT_GT(read(ends[0], text, sizeof(text)), 0);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  pollfd closed = {ends[0], POLLIN, 0};
  EXPECT_EQ(poll(&closed, 1, /*timeout_ms=*/20000), 1) << "the child lives on";
  EXPECT_EQ(read(ends[0], text, sizeof(text)), 0);
  close(ends[0]);
}

}  // namespace
}  // namespace canopy
