#include "base/log.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "base/strings.h"

namespace canopy {
namespace {

// Written once by ConfigureLogging, before other threads exist. The one global of the program
// besides the clock and the file system: a logger passed through every constructor would cost more
// than it gives.
LogOptions& GlobalOptions() {
  static LogOptions options;
  return options;
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

std::string IsoTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

nlohmann::ordered_json ToJson(const LogValue& value) {
  return std::visit([](const auto& v) { return nlohmann::ordered_json(v); }, value.get());
}

// A value as it stands behind "key=": quoted and escaped where it would not be one word.
std::string ToText(const LogValue& value) {
  const std::string* text = std::get_if<std::string>(&value.get());
  if (text == nullptr) return ToJson(value).dump();
  const std::string escaped = absl::Utf8SafeCEscape(*text);
  const bool one_word =
      !text->empty() && escaped == *text && text->find_first_of(" =") == std::string::npos;
  return one_word ? *text : Concat("\"", escaped, "\"");
}

std::string FormatText(const LogOptions& options, LogLevel level, absl::Time time,
                       std::string_view message, LogFields fields) {
  std::string line = Concat(IsoTime(time), " ", LevelName(level), " ", options.program, ": ",
                            absl::Utf8SafeCEscape(ToAbsl(message)));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", ToAbsl(field.key), "=", ToText(field.value));
  }
  return line;
}

std::string FormatJson(const LogOptions& options, LogLevel level, absl::Time time,
                       std::string_view message, LogFields fields) {
  nlohmann::ordered_json line = {{"time", IsoTime(time)},
                                 {"level", LevelName(level)},
                                 {"program", options.program},
                                 {"message", message}};
  for (const LogField& field : fields) line[std::string(field.key)] = ToJson(field.value);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void Log(LogLevel level, std::string_view message, LogFields fields) {
  const LogOptions& options = GlobalOptions();
  if (level < options.level) return;
  const std::string line =
      Concat(FormatLogLine(options, level, absl::Now(), message, fields), "\n");
  // A log that cannot be written has nobody to be told.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

LogValue::LogValue(absl::Duration value) : value_(absl::FormatDuration(value)) {}
LogValue::LogValue(const absl::Status& status) : value_(status.ToString()) {}

void ConfigureLogging(LogOptions options) { GlobalOptions() = std::move(options); }

std::vector<std::string> LogFlags() {
  const LogOptions& options = GlobalOptions();
  return {Concat("--log-level=", LevelName(options.level)),
          options.format == LogFormat::kJson ? "--log-format=json" : "--log-format=text"};
}

void LogDebug(std::string_view message, LogFields fields) {
  Log(LogLevel::kDebug, message, fields);
}
void LogInfo(std::string_view message, LogFields fields) { Log(LogLevel::kInfo, message, fields); }
void LogWarning(std::string_view message, LogFields fields) {
  Log(LogLevel::kWarning, message, fields);
}
void LogError(std::string_view message, LogFields fields) {
  Log(LogLevel::kError, message, fields);
}

std::string FormatLogLine(const LogOptions& options, LogLevel level, absl::Time time,
                          std::string_view message, LogFields fields) {
  return options.format == LogFormat::kJson ? FormatJson(options, level, time, message, fields)
                                            : FormatText(options, level, time, message, fields);
}

}  // namespace canopy
