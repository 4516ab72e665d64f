// FlagSet: reading the three sources (command line, environment, file) and printing help. Declaring
// flags is in flags.cc.
#include <yaml-cpp/yaml.h>

#include <boost/program_options.hpp>
#include <sstream>

#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/file_system.h"
#include "base/flags.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

namespace po = boost::program_options;

// Tells Boost how many tokens a flag takes and what to print for its value; values stay texts,
// since the same code must read those of the environment and the file.
class FlagSemantic final : public po::value_semantic {
 public:
  explicit FlagSemantic(std::string value) : value_(std::move(value)) {}

  std::string name() const override { return value_; }
  unsigned min_tokens() const override { return 1; }
  unsigned max_tokens() const override { return 1; }
  bool is_composing() const override { return false; }
  bool is_required() const override { return false; }
  void parse(boost::any&, const std::vector<std::string>&, bool) const override {}
  bool apply_default(boost::any&) const override { return false; }
  void notify(const boost::any&) const override {}

 private:
  const std::string value_;
};

constexpr unsigned kHelpColumns = 100;
constexpr unsigned kHelpTextColumns = 60;

absl::Status NeedsValue(std::string_view flag) {
  return absl::InvalidArgumentError(Concat("--", flag, " needs a value"));
}

absl::Status ToStatus(const po::invalid_command_line_syntax& error) {
  const std::string name = error.get_option_name();  // with its dashes
  switch (error.kind()) {
    case po::invalid_command_line_syntax::missing_parameter:
    case po::invalid_command_line_syntax::empty_adjacent_parameter:
      return NeedsValue(std::string_view(name).substr(2));
    default:
      return absl::InvalidArgumentError(error.what());
  }
}

// The texts of one entry of the configuration file.
absl::StatusOr<std::vector<std::string>> ReadEntry(const YAML::Node& value) {
  if (value.IsScalar()) return std::vector<std::string>{value.Scalar()};
  if (!value.IsSequence()) return absl::InvalidArgumentError("needs a value or a list of values");
  std::vector<std::string> texts;
  for (const YAML::Node& element : value) {
    if (!element.IsScalar()) return absl::InvalidArgumentError("has a list in a list");
    texts.push_back(element.Scalar());
  }
  return texts;
}

absl::StatusOr<YAML::Node> ParseYaml(const std::string& text) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

}  // namespace

absl::StatusOr<FlagAction> FlagSet::Parse(const std::vector<std::string>& arguments,
                                          const Environment& environment, FileSystem& files) {
  if (arguments == Texts{"-h"}) return FlagAction::kHelp;
  ASSIGN_OR_RETURN(const CommandLine command_line, ReadCommandLine(arguments));
  if (command_line.values.contains("help")) return FlagAction::kHelp;
  if (command_line.values.contains("version")) return FlagAction::kVersion;
  RETURN_IF_ERROR(Apply(command_line.values, ""));
  RETURN_IF_ERROR(ApplyPositional(command_line.positional));
  RETURN_IF_ERROR(Apply(ReadEnvironment(environment), " in the environment"));
  if (!config_path_.empty()) {
    ASSIGN_OR_RETURN(const Values values, ReadConfig(files, config_path_));
    RETURN_IF_ERROR(Apply(values, Concat(" in ", config_path_)));
  }
  RETURN_IF_ERROR(CheckRequired());
  return FlagAction::kRun;
}

absl::StatusOr<FlagSet::CommandLine> FlagSet::ReadCommandLine(const Texts& arguments) const {
  po::options_description description;
  for (const Flag& flag : flags_) {
    description.add_options()(flag.name.c_str(), new FlagSemantic(flag.value));
  }
  namespace style = po::command_line_style;
  constexpr int kStyle = style::allow_long | style::long_allow_adjacent | style::long_allow_next;
  CommandLine result;
  try {
    const po::parsed_options parsed =
        po::command_line_parser(SpellOutBools(arguments)).options(description).style(kStyle).run();
    for (const po::option& option : parsed.options) {
      const bool is_flag = !option.string_key.empty();
      // Boost takes "--b" for the value of a in "--a --b".
      if (is_flag && option.original_tokens.size() > 1 &&
          option.original_tokens[1].starts_with("--")) {
        return NeedsValue(option.string_key);
      }
      Texts& texts = is_flag ? result.values[option.string_key] : result.positional;
      texts.insert(texts.end(), option.value.begin(), option.value.end());
    }
  } catch (const po::unknown_option& error) {
    const std::string name = error.get_option_name();
    return absl::InvalidArgumentError(Concat("unknown flag ", name.substr(0, name.find('='))));
  } catch (const po::invalid_command_line_syntax& error) {
    return ToStatus(error);
  }
  return result;
}

FlagSet::Texts FlagSet::SpellOutBools(Texts arguments) const {
  for (std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    const Flag* flag = Find(std::string_view(argument).substr(2));
    if (flag != nullptr && flag->is_bool) argument += "=true";
  }
  return arguments;
}

FlagSet::Values FlagSet::ReadEnvironment(const Environment& environment) const {
  Values values;
  for (const Flag& flag : flags_) {
    if (flag.name == "help" || flag.name == "version") continue;  // only a command line asks
    const auto found = environment.find(EnvironmentName(flag.name));
    if (found == environment.end() || found->second.empty()) continue;
    if (flag.is_list) {
      values[flag.name] = absl::StrSplit(found->second, ',', absl::SkipEmpty());
    } else {
      values[flag.name] = {found->second};
    }
  }
  return values;
}

absl::StatusOr<FlagSet::Values> FlagSet::ReadConfig(FileSystem& files,
                                                    const std::string& path) const {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(files, path));
  const absl::StatusOr<YAML::Node> root = ParseYaml(text);
  if (!root.ok()) return Annotate(root.status(), path);
  if (!root->IsMap() && !root->IsNull()) {
    return absl::InvalidArgumentError(Concat(path, ": not a map from flag names to values"));
  }
  Values values;
  for (const auto& entry : *root) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const std::string where = Concat(path, ":", entry.first.Mark().line + 1, ": key \"", key, "\"");
    const Flag* flag = Find(key);
    if (flag == nullptr || key == "config" || key == "help" || key == "version") {
      return absl::InvalidArgumentError(Concat(where, " is not a flag"));
    }
    absl::StatusOr<Texts> texts = ReadEntry(entry.second);
    if (!texts.ok()) return Annotate(texts.status(), where);
    if (!values.emplace(key, *std::move(texts)).second) {
      return absl::InvalidArgumentError(Concat(where, " is given twice"));
    }
  }
  return values;
}

absl::Status FlagSet::Apply(const Values& values, std::string_view source) {
  for (Flag& flag : flags_) {
    const auto found = values.find(flag.name);
    if (found == values.end() || flag.given) continue;
    const absl::Status status = flag.set(found->second);
    if (!status.ok()) return Annotate(status, Concat("--", flag.name, source));
    flag.given = true;
  }
  return absl::OkStatus();
}

absl::Status FlagSet::ApplyPositional(const Texts& arguments) {
  size_t next = 0;
  for (const Positional& positional : positionals_) {
    const size_t wanted = positional.takes_all ? arguments.size() - next : 1;
    const size_t count = std::min(wanted, arguments.size() - next);
    if (count == 0 && positional.argument.required) {
      return absl::InvalidArgumentError(
          Concat("argument ", positional.argument.name, " is missing"));
    }
    const auto begin = arguments.begin() + static_cast<ptrdiff_t>(next);
    if (count > 0) positional.set(Texts(begin, begin + static_cast<ptrdiff_t>(count)));
    next += count;
  }
  if (next == arguments.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(Concat("unexpected argument \"", arguments[next], "\""));
}

absl::Status FlagSet::CheckRequired() const {
  for (const Flag& flag : flags_) {
    if (!flag.required || flag.given) continue;
    return absl::InvalidArgumentError(Concat("--", flag.name, " is required"));
  }
  return absl::OkStatus();
}

std::string FlagSet::UsageLine() const {
  std::string line = Concat("Usage: ", program_);
  for (const Flag& flag : flags_) {
    if (flag.required) absl::StrAppend(&line, " --", flag.name, " ", flag.value);
  }
  absl::StrAppend(&line, " [flags]");
  for (const Positional& positional : positionals_) {
    const PositionalArgument& argument = positional.argument;
    const std::string dots = positional.takes_all ? "..." : "";
    absl::StrAppend(&line, argument.required ? " " : " [", argument.name, dots,
                    argument.required ? "" : "]");
  }
  return line;
}

std::string FlagSet::Help() const {
  std::ostringstream out;
  out << UsageLine() << "\n\n" << summary_ << "\n";
  if (!positionals_.empty()) out << "\n";
  for (const Positional& positional : positionals_) {
    out << "  " << positional.argument.name << ": " << positional.argument.help << "\n";
  }
  // The general flags were added first and are printed last.
  std::vector<std::string> groups;
  for (const Flag& flag : flags_) {
    if (std::find(groups.begin(), groups.end(), flag.group) == groups.end()) {
      groups.push_back(flag.group);
    }
  }
  std::rotate(groups.begin(), groups.begin() + 1, groups.end());
  for (const std::string& group : groups) {
    po::options_description description(group, kHelpColumns, kHelpTextColumns);
    for (const Flag& flag : flags_) {
      if (flag.group != group) continue;
      description.add_options()(flag.name.c_str(), new FlagSemantic(flag.value), flag.help.c_str());
    }
    out << "\n" << description;
  }
  out << "\nEvery other flag can be set by the environment (" << EnvironmentName(flags_.back().name)
      << " for --" << flags_.back().name
      << ") and in the file of --config.\nThe command line wins over the environment, the "
         "environment over the file.\n";
  return out.str();
}

}  // namespace canopy
