#include "base/main.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"
#include "gtest/gtest.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  int exit_status;
  std::string out;
  std::string err;
};

// argv of C, from strings.
class Arguments final {
 public:
  explicit Arguments(std::vector<std::string> texts) : texts_(std::move(texts)) {
    for (std::string& text : texts_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  int argc() const { return static_cast<int>(texts_.size()); }
  char** argv() { return pointers_.data(); }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

template <typename Body>
Outcome Capture(Body body) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.exit_status = body();
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

// What LogFlags said while the last program ran.
std::vector<std::string> log_flags;

Outcome RunProgram(std::vector<std::string> texts, const absl::Status& result = absl::OkStatus()) {
  return Capture([&] {
    Arguments arguments(std::move(texts));
    int64_t size = 1;
    FlagSet flags("canopy-test", "Tests.");
    flags.AddInt("size", &size, {.help = "hits"});
    const int status = RunMain(flags, arguments.argc(), arguments.argv(), [&] {
      log_flags = LogFlags();
      LogInfo("running", {{"size", size}});
      return result;
    });
    ConfigureLogging({});
    return status;
  });
}

TEST(RunMain, ExitsWithZeroWhenAllIsWell) {
  const Outcome outcome = RunProgram({"canopy-test", "--size=3"});
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("canopy-test: running size=3\n"));
}

TEST(RunMain, AFailureIsPrintedWithTheProgramAndExitsWithOne) {
  const Outcome outcome =
      RunProgram({"canopy-test", "--log-level=error"}, absl::InvalidArgumentError("disk on fire"));
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_EQ(outcome.err, "canopy-test: disk on fire\n");
}

TEST(RunMain, WrongUsageExitsWithTwoAndPointsToHelp) {
  const Outcome outcome = RunProgram({"canopy-test", "--sice=3"});
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_EQ(outcome.err, "canopy-test: unknown flag --sice\nTry canopy-test --help\n");
}

TEST(RunMain, WrongUsageThatOnlyTheProgramSeesExitsWithTwo) {
  const Outcome outcome = RunProgram({"canopy-test", "--log-level=error"},
                                     UsageError("--a and --b exclude each other"));
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_EQ(outcome.err, "canopy-test: --a and --b exclude each other\nTry canopy-test --help\n");
}

TEST(RunMain, HelpAndVersionGoToStandardOutput) {
  const Outcome help = RunProgram({"canopy-test", "--help"}, absl::InternalError("not reached"));
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.out, HasSubstr("--log-level LEVEL"));
  EXPECT_EQ(help.err, "");
  const Outcome version =
      RunProgram({"canopy-test", "--version"}, absl::InternalError("not reached"));
  EXPECT_EQ(version.exit_status, 0);
  EXPECT_EQ(version.out, Concat("canopy-test ", kVersion, "\n"));
  EXPECT_THAT(std::string(kVersion), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST(RunMain, LogFlagsAreThoseThatItWasGiven) {
  RunProgram({"canopy-test"});
  EXPECT_THAT(log_flags, ::testing::ElementsAre("--log-level=info", "--log-format=text"));
  RunProgram({"canopy-test", "--log-level=error", "--log-format=json"});
  EXPECT_THAT(log_flags, ::testing::ElementsAre("--log-level=error", "--log-format=json"));
}

TEST(RunMain, AnErrorCannotSteerTheTerminal) {
  const Outcome failed =
      RunProgram({"canopy-test", "--log-level=error"}, absl::NotFoundError("no file \x1b[2J\nü"));
  EXPECT_EQ(failed.err, "canopy-test: no file \\x1b[2J\nü\n");
  const Outcome usage = RunProgram({"canopy-test", "--size=\x1b[2J"});
  EXPECT_THAT(usage.err, HasSubstr("\\x1b[2J"));
  EXPECT_THAT(usage.err, ::testing::Not(HasSubstr("\x1b")));
}

// Runs `body` with standard output on a device that is always full.
Outcome OnFullDevice(const std::function<int()>& body) {
  const int saved = ::dup(STDOUT_FILENO);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  std::fflush(stdout);
  ::dup2(full, STDOUT_FILENO);
  ::close(full);
  ::testing::internal::CaptureStderr();
  const int exit_status = body();
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  std::fflush(stdout);
  std::clearerr(stdout);
  return {exit_status, "", ::testing::internal::GetCapturedStderr()};
}

int RunOn(std::vector<std::string> texts, const absl::Status& result, std::string_view prints) {
  Arguments arguments(std::move(texts));
  FlagSet flags("canopy-test", "Tests.");
  return RunMain(flags, arguments.argc(), arguments.argv(), [&] {
    std::fwrite(prints.data(), 1, prints.size(), stdout);
    return result;
  });
}

TEST(RunMain, OutputThatCannotBeWrittenIsAFailure) {
  for (const size_t size : {1u, 1u << 20}) {
    const Outcome outcome = OnFullDevice(
        [&] { return RunOn({"canopy-test"}, absl::OkStatus(), std::string(size, 'x')); });
    EXPECT_EQ(outcome.exit_status, 1);
    EXPECT_THAT(outcome.err, StartsWith("canopy-test: cannot write standard output"));
  }
  for (const char* const flag : {"--help", "--version"}) {
    const Outcome outcome = OnFullDevice([&] {
      return RunOn({"canopy-test", flag}, absl::OkStatus(), "");
    });
    EXPECT_EQ(outcome.exit_status, 1) << flag;
    EXPECT_EQ(outcome.err, "canopy-test: cannot write standard output: No space left on device\n")
        << flag;
  }
}

TEST(RunMain, AnErrorIsNotHiddenByOutputThatCannotBeWritten) {
  const Outcome outcome = OnFullDevice(
      [&] { return RunOn({"canopy-test"}, UsageError("--a and --b exclude each other"), "x"); });
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_THAT(outcome.err, StartsWith("canopy-test: --a and --b exclude each other\n"));
}

TEST(RunMain, TheEnvironmentOfTheProcessIsRead) {
  ::setenv("CANOPY_SIZE", "41", 1);
  const Outcome outcome = RunProgram({"canopy-test", "--log-format=json"});
  ::unsetenv("CANOPY_SIZE");
  EXPECT_THAT(outcome.err, HasSubstr("\"message\":\"running\",\"size\":41}"));
}

int First(int argc, char** argv) {
  return argc == 2 && std::string_view(argv[0]) == "first" && std::string_view(argv[1]) == "x" ? 5
                                                                                               : 6;
}

Outcome RunCommand(std::vector<std::string> texts) {
  return Capture([&] {
    Arguments arguments(std::move(texts));
    const Subcommand commands[] = {{"first", "does the first thing", &First}};
    return RunSubcommand("canopy", "Searches.", commands, arguments.argc(), arguments.argv());
  });
}

TEST(RunSubcommand, CallsTheCommandWithItsOwnArguments) {
  EXPECT_EQ(RunCommand({"canopy", "first", "x"}).exit_status, 5);
}

TEST(RunSubcommand, NamesUnknownAndMissingCommands) {
  const Outcome unknown = RunCommand({"canopy", "second"});
  EXPECT_EQ(unknown.exit_status, 2);
  EXPECT_THAT(unknown.err, StartsWith("canopy: unknown command \"second\"\n"));
  const Outcome missing = RunCommand({"canopy"});
  EXPECT_EQ(missing.exit_status, 2);
  EXPECT_THAT(missing.err, StartsWith("canopy: a command is missing\n"));
}

TEST(RunSubcommand, HelpListsTheCommands) {
  const Outcome outcome = RunCommand({"canopy", "--help"});
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.out, HasSubstr("  first       does the first thing\n"));
  EXPECT_EQ(RunCommand({"canopy", "--version"}).out, Concat("canopy ", kVersion, "\n"));
}

TEST(RunSubcommand, HelpThatCannotBeWrittenIsAFailure) {
  for (const char* const flag : {"--help", "--version"}) {
    const Outcome outcome = OnFullDevice([&] {
      Arguments arguments({"canopy", flag});
      return RunSubcommand("canopy", "Searches.", {}, arguments.argc(), arguments.argv());
    });
    EXPECT_EQ(outcome.exit_status, 1) << flag;
    EXPECT_THAT(outcome.err, StartsWith("canopy: cannot write standard output: ")) << flag;
  }
}

}  // namespace
}  // namespace canopy
