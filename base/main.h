// What every main shares: flags, help, version, logging, exit status (0 done, 1 failed, 2 wrong
// usage) and the error message on standard error.
//   int main(int argc, char** argv) {
//     LeafOptions options;
//     FlagSet flags("canopy-leaf", "Serves shards of an index.");
//     options.AddFlags(flags);
//     return RunMain(flags, argc, argv, [&] { return RunLeaf(options); });
//   }
#pragma once

#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/flags.h"

namespace canopy {

// Adds --log-level and --log-format, parses, prints help or version on standard output, sets up
// logging and calls `run`. Returns the exit status; 1 also when what was printed could not be
// written.
int RunMain(FlagSet& flags, int argc, char** argv, absl::FunctionRef<absl::Status()> run);

// An INVALID_ARGUMENT that RunMain answers with exit status 2: for what only `run` can see is wrong
// usage, such as flags that exclude each other.
absl::Status UsageError(std::string_view message);

// A program with subcommands: `main` gets the arguments from the subcommand's name on, as its own
// argv.
struct Subcommand {
  std::string_view name;
  std::string_view summary;  // one line
  int (*main)(int argc, char** argv);
};
int RunSubcommand(std::string_view program, std::string_view summary,
                  absl::Span<const Subcommand> subcommands, int argc, char** argv);

}  // namespace canopy
