// Texts to values, as flags, the configuration file and the environment give them. Errors are
// INVALID_ARGUMENT and say what the text is not; the caller adds which flag it was.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace canopy {

absl::StatusOr<int64_t> ParseInt(std::string_view text);
// Finite numbers only.
absl::StatusOr<double> ParseDouble(std::string_view text);
// true, yes, y, t, 1 and their opposites in any case, on and off.
absl::StatusOr<bool> ParseBool(std::string_view text);
// 250ms, 2s, 1m30s, 100us, 0.
absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);
// 5%, 0.1%: 0% to 100%, as 0 to 1.
absl::StatusOr<double> ParseShare(std::string_view text);
// Bytes: 4096, 64KiB, MiB, GiB, TiB (powers of 1024), kB, MB, GB, TB (powers of 1000), B.
absl::StatusOr<uint64_t> ParseSize(std::string_view text);
// In the largest unit of 1024 in which it is a whole number: 64MiB, 1536KiB, 100B.
std::string FormatSize(uint64_t bytes);

}  // namespace canopy
