#include "base/main.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/synchronization/mutex.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"

namespace canopy {
namespace {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// The choices of --log-level, in the order of LogLevel.
const std::vector<std::string>& LogLevelNames() {
  static const std::vector<std::string> names = {"debug", "info", "warning", "error"};
  return names;
}

// REQUIRES: one of the names.
LogLevel LogLevelOf(const std::string& name) {
  const auto& names = LogLevelNames();
  return static_cast<LogLevel>(std::find(names.begin(), names.end(), name) - names.begin());
}

constexpr char kUsagePayload[] = "canopy/usage";

void Print(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
}

FlagSet::Environment CanopyEnvironment() {
  FlagSet::Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (!text.starts_with("CANOPY_") || equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

int ReportUsage(std::string_view program, const absl::Status& status) {
  Print(stderr,
        Concat(program, ": ", EscapeControls(Message(status)), "\nTry ", program, " --help\n"));
  return kExitUsage;
}

int Report(std::string_view program, const absl::Status& status) {
  if (status.ok()) return kExitDone;
  if (status.GetPayload(kUsagePayload).has_value()) return ReportUsage(program, status);
  Print(stderr, Concat(program, ": ", EscapeControls(Message(status)), "\n"));
  return kExitFailed;
}

// What a program printed must have arrived: a full disk is a failure, whatever the program itself
// made of it.
int FinishOutput(std::string_view program, int exit_status) {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  const int error = errno;  // 0: an earlier write failed, and its reason is lost
  if (exit_status != kExitDone || (flushed && !std::ferror(stdout))) return exit_status;
  return Report(program,
                absl::DataLossError(Concat("cannot write standard output",
                                           error == 0 ? "" : Concat(": ", std::strerror(error)))));
}

std::string SubcommandHelp(std::string_view program, std::string_view summary,
                           absl::Span<const Subcommand> subcommands) {
  std::string help = Concat("Usage: ", program, " COMMAND [flags]\n\n", summary, "\n\nCommands:\n");
  for (const Subcommand& subcommand : subcommands) {
    std::string name(subcommand.name);
    name.resize(std::max<size_t>(name.size(), 10), ' ');
    absl::StrAppend(&help, "  ", name, "  ", ToAbsl(subcommand.summary), "\n");
  }
  absl::StrAppend(&help, "\n", ToAbsl(program), " COMMAND --help explains a command.\n");
  return help;
}

int ParseAndRun(FlagSet& flags, int argc, char** argv, absl::FunctionRef<absl::Status()> run) {
  std::string level = "info";
  std::string format = "text";
  flags.Group("General");
  flags.AddString(
      "log-level", &level,
      {.value = "LEVEL", .help = "least severe lines to log", .choices = LogLevelNames()});
  flags.AddString("log-format", &format,
                  {.value = "FORMAT", .help = "log lines", .choices = {"text", "json"}});
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const absl::StatusOr<FlagAction> action =
      flags.Parse(arguments, CanopyEnvironment(), LocalFileSystem());
  if (!action.ok()) return ReportUsage(flags.program(), action.status());
  if (*action == FlagAction::kHelp) {
    Print(stdout, flags.Help());
    return kExitDone;
  }
  if (*action == FlagAction::kVersion) {
    Print(stdout, Concat(flags.program(), " ", kVersion, "\n"));
    return kExitDone;
  }
  ConfigureLogging({.program = flags.program(),
                    .level = LogLevelOf(level),
                    .format = format == "json" ? LogFormat::kJson : LogFormat::kText});
  return Report(flags.program(), run());
}

int ChooseAndRun(std::string_view program, std::string_view summary,
                 absl::Span<const Subcommand> subcommands, int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  for (const Subcommand& subcommand : subcommands) {
    if (subcommand.name == name) return subcommand.main(argc - 1, argv + 1);
  }
  if (name == "--help" || name == "-h" || name == "help") {
    Print(stdout, SubcommandHelp(program, summary, subcommands));
    return kExitDone;
  }
  if (name == "--version") {
    Print(stdout, Concat(program, " ", kVersion, "\n"));
    return kExitDone;
  }
  return ReportUsage(
      program, absl::InvalidArgumentError(name.empty() ? "a command is missing"
                                                       : Concat("unknown command \"", name, "\"")));
}

}  // namespace

int RunMain(FlagSet& flags, int argc, char** argv, absl::FunctionRef<absl::Status()> run) {
  // Debian's Abseil is built to look for deadlocks at every lock, gRPC's too.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return FinishOutput(flags.program(), ParseAndRun(flags, argc, argv, run));
}

absl::Status UsageError(std::string_view message) {
  absl::Status status = absl::InvalidArgumentError(ToAbsl(message));
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

int RunSubcommand(std::string_view program, std::string_view summary,
                  absl::Span<const Subcommand> subcommands, int argc, char** argv) {
  return FinishOutput(program, ChooseAndRun(program, summary, subcommands, argc, argv));
}

}  // namespace canopy
