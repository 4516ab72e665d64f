#include "base/flag_values.h"

#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace canopy {
namespace {

struct SizeUnit {
  std::string_view name;
  uint64_t bytes;
};

constexpr std::array<SizeUnit, 4> kBinaryUnits = {{
    {"TiB", uint64_t{1} << 40},
    {"GiB", uint64_t{1} << 30},
    {"MiB", uint64_t{1} << 20},
    {"KiB", uint64_t{1} << 10},
}};
constexpr std::array<SizeUnit, 6> kOtherUnits = {{
    {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1'000},
    {"B", 1},
    {"", 1},
}};

const SizeUnit* FindUnit(std::string_view name) {
  for (const SizeUnit& unit : kBinaryUnits) {
    if (unit.name == name) return &unit;
  }
  for (const SizeUnit& unit : kOtherUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

absl::Status NotA(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(Concat("\"", text, "\" is not ", what));
}

}  // namespace

absl::StatusOr<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &value)) return NotA(text, "a whole number");
  return value;
}

absl::StatusOr<double> ParseDouble(std::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(ToAbsl(text), &value) || !std::isfinite(value)) {
    return NotA(text, "a number");
  }
  return value;
}

absl::StatusOr<bool> ParseBool(std::string_view text) {
  bool value = false;
  if (text == "on") return true;
  if (text == "off") return false;
  if (!absl::SimpleAtob(ToAbsl(text), &value)) return NotA(text, "true or false");
  return value;
}

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  absl::Duration value;
  if (!absl::ParseDuration(ToAbsl(text), &value)) {
    return NotA(text, "a duration such as 250ms, 2s or 1m30s");
  }
  return value;
}

absl::StatusOr<double> ParseShare(std::string_view text) {
  double percent = 0;
  const bool is_number =
      text.ends_with('%') && absl::SimpleAtod(ToAbsl(text.substr(0, text.size() - 1)), &percent);
  if (is_number && percent >= 0 && percent <= 100) return percent / 100;
  return absl::InvalidArgumentError(
      Concat("a share must be 0% to 100%, such as 0.1%, got \"", text, "\""));
}

absl::StatusOr<uint64_t> ParseSize(std::string_view text) {
  constexpr std::string_view kWhat = "a size such as 4096, 64MiB or 1GiB";
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const SizeUnit* unit = FindUnit(text.substr(digits));
  uint64_t count = 0;
  if (unit == nullptr || !absl::SimpleAtoi(ToAbsl(text.substr(0, digits)), &count)) {
    return NotA(text, kWhat);
  }
  if (count > std::numeric_limits<uint64_t>::max() / unit->bytes) {
    return absl::InvalidArgumentError(Concat("\"", text, "\" exceeds 64 bits"));
  }
  return count * unit->bytes;
}

std::string FormatSize(uint64_t bytes) {
  for (const SizeUnit& unit : kBinaryUnits) {
    if (bytes != 0 && bytes % unit.bytes == 0) return Concat(bytes / unit.bytes, unit.name);
  }
  return Concat(bytes, "B");
}

}  // namespace canopy
