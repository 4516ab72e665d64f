#include "base/flags.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/flag_values.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

using Texts = std::vector<std::string>;

// A setter for flags with one value: `parse` makes the value of the text or says what is wrong with
// it.
template <typename T, typename Parse>
std::function<absl::Status(const Texts&)> SetOne(T* variable, Parse parse) {
  return [variable, parse](const Texts& texts) -> absl::Status {
    if (texts.size() != 1) {
      return absl::InvalidArgumentError(Concat("takes one value, got ", texts.size()));
    }
    ASSIGN_OR_RETURN(*variable, parse(texts.front()));
    return absl::OkStatus();
  };
}

// The limits of a flag, as texts; empty where there is none.
struct Limits {
  std::string min;
  std::string max;
};

std::string Describe(const Limits& limits) {
  if (limits.min.empty() && limits.max.empty()) return "";
  if (limits.max.empty()) return Concat("at least ", limits.min);
  if (limits.min.empty()) return Concat("at most ", limits.max);
  return Concat(limits.min, " to ", limits.max);
}

template <typename T>
absl::StatusOr<T> CheckLimits(T value, T min, T max, std::string_view text, const Limits& limits) {
  if (value >= min && value <= max) return value;
  return absl::InvalidArgumentError(Concat(text, " is out of its limits: ", Describe(limits)));
}

// Limits that are those of the type are not worth telling.
template <typename T, typename Format>
Limits MakeLimits(T min, T max, T type_min, T type_max, Format format) {
  return {min == type_min ? "" : format(min), max == type_max ? "" : format(max)};
}

absl::StatusOr<std::string> CheckChoice(const std::string& text, const Texts& choices) {
  if (choices.empty() || std::count(choices.begin(), choices.end(), text) > 0) return text;
  return absl::InvalidArgumentError(
      Concat("\"", text, "\" is not one of ", absl::StrJoin(choices, ", ")));
}

// `help` with what is known about the value: "(default 10, 1 to 1000)".
std::string Explain(const std::string& help, const Texts& facts) {
  Texts told;
  std::copy_if(facts.begin(), facts.end(), std::back_inserter(told),
               [](const std::string& fact) { return !fact.empty(); });
  if (told.empty()) return help;
  return Concat(help, " (", absl::StrJoin(told, "; "), ")");
}

std::string DescribeDefault(bool required, const std::string& text) {
  if (required) return "required";
  return text.empty() ? "" : Concat("default ", text);
}

std::string DescribeChoices(const Texts& choices) {
  return choices.empty() ? "" : Concat("one of ", absl::StrJoin(choices, ", "));
}

}  // namespace

FlagSet::FlagSet(std::string program, std::string summary)
    : program_(std::move(program)), summary_(std::move(summary)) {
  Group("General");
  AddBool("help", &help_, "show this help and exit");
  AddBool("version", &version_, "show the version and exit");
  AddString(
      "config", &config_path_,
      {.value = "FILE", .help = "YAML file with flag names as keys, values or lists as values"});
  Group("Flags");
}

void FlagSet::Group(std::string title) { group_ = std::move(title); }

void FlagSet::Add(Flag flag) {
  CHECK(Find(flag.name) == nullptr);
  flag.group = group_;
  flags_.push_back(std::move(flag));
}

const FlagSet::Flag* FlagSet::Find(std::string_view name) const {
  const auto found = std::find_if(flags_.begin(), flags_.end(),
                                  [name](const Flag& flag) { return flag.name == name; });
  return found == flags_.end() ? nullptr : &*found;
}

void FlagSet::AddString(const std::string& name, std::string* variable, StringFlag flag) {
  Add({.name = name,
       .value = flag.value,
       .help = Explain(flag.help,
                       {DescribeDefault(flag.required, *variable), DescribeChoices(flag.choices)}),
       .required = flag.required,
       .set = SetOne(variable, [choices = flag.choices](const std::string& text) {
         return CheckChoice(text, choices);
       })});
}

void FlagSet::AddStrings(const std::string& name, std::vector<std::string>* variable,
                         StringFlag flag) {
  const std::string default_text = absl::StrJoin(*variable, ",");
  Add({.name = name,
       .value = flag.value,
       .help = Explain(flag.help, {"may be repeated", DescribeDefault(flag.required, default_text),
                                   DescribeChoices(flag.choices)}),
       .is_list = true,
       .required = flag.required,
       .set = [variable, choices = flag.choices](const Texts& texts) -> absl::Status {
         for (const std::string& text : texts) RETURN_IF_ERROR(CheckChoice(text, choices).status());
         *variable = texts;
         return absl::OkStatus();
       }});
}

void FlagSet::AddInt(const std::string& name, int64_t* variable, IntFlag flag) {
  using Numbers = std::numeric_limits<int64_t>;
  const std::string unit = flag.unit.empty() ? "" : Concat(" ", flag.unit);
  const Limits limits = MakeLimits(flag.min, flag.max, Numbers::min(), Numbers::max(),
                                   [&unit](int64_t value) { return Concat(value, unit); });
  Add({.name = name,
       .value = flag.value,
       .help = Explain(flag.help,
                       {DescribeDefault(flag.required, Concat(*variable, unit)), Describe(limits)}),
       .required = flag.required,
       .set = SetOne(variable, [=](const std::string& text) -> absl::StatusOr<int64_t> {
         ASSIGN_OR_RETURN(const int64_t value, ParseInt(text));
         return CheckLimits(value, flag.min, flag.max, text, limits);
       })});
}

void FlagSet::AddDouble(const std::string& name, double* variable, DoubleFlag flag) {
  using Numbers = std::numeric_limits<double>;
  const std::string unit = flag.unit.empty() ? "" : Concat(" ", flag.unit);
  const Limits limits = MakeLimits(flag.min, flag.max, Numbers::lowest(), Numbers::max(),
                                   [&unit](double value) { return Concat(value, unit); });
  Add({.name = name,
       .value = flag.value,
       .help = Explain(flag.help,
                       {DescribeDefault(flag.required, Concat(*variable, unit)), Describe(limits)}),
       .required = flag.required,
       .set = SetOne(variable, [=](const std::string& text) -> absl::StatusOr<double> {
         ASSIGN_OR_RETURN(const double value, ParseDouble(text));
         return CheckLimits(value, flag.min, flag.max, text, limits);
       })});
}

void FlagSet::AddBool(const std::string& name, bool* variable, const std::string& help) {
  Add({.name = name,
       .value = "",
       .help = Explain(help, {*variable ? "default true" : ""}),
       .is_bool = true,
       .set = SetOne(variable, [](const std::string& text) { return ParseBool(text); })});
}

void FlagSet::AddDuration(const std::string& name, absl::Duration* variable, DurationFlag flag) {
  const Limits limits = MakeLimits(flag.min, flag.max, -absl::InfiniteDuration(),
                                   absl::InfiniteDuration(), absl::FormatDuration);
  Add({.name = name,
       .value = flag.value,
       .help = Explain(flag.help, {DescribeDefault(flag.required, absl::FormatDuration(*variable)),
                                   Describe(limits)}),
       .required = flag.required,
       .set = SetOne(variable, [=](const std::string& text) -> absl::StatusOr<absl::Duration> {
         ASSIGN_OR_RETURN(const absl::Duration value, ParseDuration(text));
         return CheckLimits(value, flag.min, flag.max, text, limits);
       })});
}

void FlagSet::AddSize(const std::string& name, uint64_t* variable, SizeFlag flag) {
  const Limits limits =
      MakeLimits(flag.min, flag.max, uint64_t{0}, std::numeric_limits<uint64_t>::max(), FormatSize);
  Add({.name = name,
       .value = flag.value,
       .help = Explain(flag.help,
                       {DescribeDefault(flag.required, FormatSize(*variable)), Describe(limits)}),
       .required = flag.required,
       .set = SetOne(variable, [=](const std::string& text) -> absl::StatusOr<uint64_t> {
         ASSIGN_OR_RETURN(const uint64_t value, ParseSize(text));
         return CheckLimits(value, flag.min, flag.max, text, limits);
       })});
}

void FlagSet::AddPositional(std::string* variable, PositionalArgument argument) {
  CHECK(positionals_.empty() || !positionals_.back().takes_all);
  positionals_.push_back({.argument = std::move(argument),
                          .set = [variable](const Texts& texts) { *variable = texts.front(); }});
}

void FlagSet::AddPositionals(std::vector<std::string>* variable, PositionalArgument argument) {
  CHECK(positionals_.empty() || !positionals_.back().takes_all);
  positionals_.push_back({.argument = std::move(argument),
                          .set = [variable](const Texts& texts) { *variable = texts; },
                          .takes_all = true});
}

bool FlagSet::IsGiven(std::string_view name) const {
  const Flag* flag = Find(name);
  CHECK(flag != nullptr);
  return flag->given;
}

std::string EnvironmentName(std::string_view flag) {
  std::string name = "CANOPY_";
  for (const char c : flag) {
    name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name;
}

}  // namespace canopy
