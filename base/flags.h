// The flags of one program or subcommand: declared once with default, unit and limits, read from
// the command line, the environment (CANOPY_INDEX_DIR for --index-dir) and a YAML file (--config),
// in this order of precedence, and explained by --help. What a user may get wrong is an error that
// names the flag, the value and the limit.
//   FlagSet flags("canopy-leaf", "Serves shards of an index.");
//   flags.Group("Index");
//   flags.AddString("index", &options.index, {.value = "DIR", .help = "index directory", .required
//   = true}); flags.AddInt("threads", &options.threads, {.help = "search threads", .min = 1, .max =
//   1024});
// The value that a variable has when its flag is added is the default. base/main.h runs a program
// over a FlagSet.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace canopy {

class FileSystem;

struct StringFlag {
  std::string value = "TEXT";  // what --help calls the value: DIR, HOST:PORT
  std::string help = "";
  bool required = false;
  std::vector<std::string> choices = {};  // when not empty: the only values allowed
};
struct IntFlag {
  std::string value = "N";
  std::string help = "";
  std::string unit = "";  // shown behind the default: "MiB"
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
  bool required = false;
};
struct DoubleFlag {
  std::string value = "X";
  std::string help = "";
  std::string unit = "";
  double min = std::numeric_limits<double>::lowest();
  double max = std::numeric_limits<double>::max();
  bool required = false;
};
struct DurationFlag {
  std::string value = "TIME";
  std::string help = "";
  absl::Duration min = absl::ZeroDuration();
  absl::Duration max = absl::InfiniteDuration();
  bool required = false;
};
struct SizeFlag {
  std::string value = "SIZE";
  std::string help = "";
  uint64_t min = 0;
  uint64_t max = std::numeric_limits<uint64_t>::max();
  bool required = false;
};
struct PositionalArgument {
  std::string name;  // as --help shows it: QUERY
  std::string help = "";
  bool required = true;
};

// What the command line asks for.
enum class FlagAction { kRun, kHelp, kVersion };

// Thread safety: none. Lifetime: borrows the variables until Parse.
class FlagSet final {
 public:
  using Environment = std::map<std::string, std::string>;

  // `program` as users call it, with its subcommand: "canopy-indexer build".
  FlagSet(std::string program, std::string summary);

  // Flags added from here on stand under `title` in --help.
  void Group(std::string title);
  // Names are kebab-case. REQUIRES: a name is added once; "config", "help" and "version" are taken.
  void AddString(const std::string& name, std::string* variable, StringFlag flag);
  // May be given many times; a list in the file; separated by commas in the environment. Values
  // that are given replace the default.
  void AddStrings(const std::string& name, std::vector<std::string>* variable, StringFlag flag);
  void AddInt(const std::string& name, int64_t* variable, IntFlag flag);
  void AddDouble(const std::string& name, double* variable, DoubleFlag flag);
  // --name, --name=true, --name=false.
  void AddBool(const std::string& name, bool* variable, const std::string& help);
  // 250ms, 2s, 1m30s, 100us.
  void AddDuration(const std::string& name, absl::Duration* variable, DurationFlag flag);
  // 64MiB, 1GiB, 10kB (decimal), 4096 (bytes).
  void AddSize(const std::string& name, uint64_t* variable, SizeFlag flag);
  // Arguments without a flag, in the order in which they are added.
  void AddPositional(std::string* variable, PositionalArgument argument);
  // Takes all the arguments that are left. REQUIRES: the last one added.
  void AddPositionals(std::vector<std::string>* variable, PositionalArgument argument);

  // Sets the variables. REQUIRES: called once. `arguments` without the program's name; after "--"
  // everything is positional, and so is everything with a single "-" (but "-h" alone asks for
  // help). An empty environment variable counts as not set. INVALID_ARGUMENT: unknown flag or key,
  // a value that is malformed or out of its limits, a required flag that is missing, a file that is
  // no flat YAML map; the variables may then have been changed. Other codes: the file of --config
  // cannot be read. With kHelp and kVersion no variable is changed.
  absl::StatusOr<FlagAction> Parse(const std::vector<std::string>& arguments,
                                   const Environment& environment, FileSystem& files);

  // True when Parse found `name` on the command line, in the environment or in the file.
  bool IsGiven(std::string_view name) const;

  const std::string& program() const { return program_; }
  // Summary, usage line and all flags with defaults, units and limits.
  std::string Help() const;

 private:
  using Texts = std::vector<std::string>;
  struct Flag {
    std::string name;
    std::string group = "";
    std::string value = "";  // empty for a bool
    std::string help;        // with default, unit and limits
    bool is_bool = false;
    bool is_list = false;
    bool required = false;
    bool given = false;
    // Reads the texts of one source into the variable. The error does not name the flag.
    std::function<absl::Status(const Texts&)> set;
  };
  struct Positional {
    PositionalArgument argument;
    std::function<void(const Texts&)> set;
    bool takes_all = false;
  };
  // What one source gives, by flag name.
  using Values = std::map<std::string, Texts>;
  struct CommandLine {
    Values values;
    Texts positional;
  };

  void Add(Flag flag);
  const Flag* Find(std::string_view name) const;
  absl::StatusOr<CommandLine> ReadCommandLine(const Texts& arguments) const;
  // "--strict" becomes "--strict=true".
  Texts SpellOutBools(Texts arguments) const;
  Values ReadEnvironment(const Environment& environment) const;
  absl::StatusOr<Values> ReadConfig(FileSystem& files, const std::string& path) const;
  // Sets the flags in `values` that no source before has given. `source` stands in messages.
  absl::Status Apply(const Values& values, std::string_view source);
  absl::Status ApplyPositional(const Texts& arguments);
  absl::Status CheckRequired() const;
  std::string UsageLine() const;

  const std::string program_;
  const std::string summary_;
  std::string group_ = "Flags";
  std::string config_path_;
  bool help_ = false;
  bool version_ = false;
  std::vector<Flag> flags_;
  std::vector<Positional> positionals_;
};

// CANOPY_MAX_QUEUED for "max-queued".
std::string EnvironmentName(std::string_view flag);

}  // namespace canopy
