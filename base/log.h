// Structured log lines on standard error: a fixed message and key=value fields, as text or as JSON
// Lines.
//   LogInfo("leaf ready", {{"generation", 3}, {"address", address}});
// Every line is one write(2), so lines of threads and processes do not mix. Level and format are
// set once by RunMain (base/main.h) from --log-level and --log-format.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace canopy {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

struct LogOptions {
  std::string program;  // stands in every line
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

// Numbers and booleans stay such in JSON; durations and statuses become text. Converts from all of
// them, so that fields can be written as {"key", value}.
class LogValue final {
 public:
  // NOLINTBEGIN(google-explicit-constructor)
  LogValue(std::string_view text) : value_(std::string(text)) {}
  LogValue(const char* text) : value_(std::string(text)) {}
  LogValue(std::string text) : value_(std::move(text)) {}
  LogValue(bool value) : value_(value) {}
  LogValue(double value) : value_(value) {}
  template <std::signed_integral T>
  LogValue(T value) : value_(static_cast<int64_t>(value)) {}
  template <std::unsigned_integral T>
  LogValue(T value) : value_(static_cast<uint64_t>(value)) {}
  LogValue(absl::Duration value);
  LogValue(const absl::Status& status);
  // NOLINTEND(google-explicit-constructor)

  using Variant = std::variant<std::string, bool, double, int64_t, uint64_t>;
  const Variant& get() const { return value_; }

 private:
  Variant value_;
};

struct LogField {
  std::string_view key;
  LogValue value;
};
using LogFields = std::initializer_list<LogField>;

// REQUIRES: called before other threads log.
void ConfigureLogging(LogOptions options);
// The flags with which another of our programs logs as this one does.
std::vector<std::string> LogFlags();

// Thread safety: all may be called from any thread. `message` is a constant text in lower case;
// what varies is in the fields.
void LogDebug(std::string_view message, LogFields fields = {});
void LogInfo(std::string_view message, LogFields fields = {});
void LogWarning(std::string_view message, LogFields fields = {});
void LogError(std::string_view message, LogFields fields = {});

// The line that would be written, without its newline. For tests.
std::string FormatLogLine(const LogOptions& options, LogLevel level, absl::Time time,
                          std::string_view message, LogFields fields);

}  // namespace canopy
