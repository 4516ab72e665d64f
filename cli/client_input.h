// What users hand to the client commands, checked before anything is sent: what is refused here is
// refused in the user's words, not in those of a library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace canopy {

// Wrong usage (base/main.h): not HOST:PORT.
absl::Status CheckTarget(const std::string& target);

// INVALID_ARGUMENT: "`what` is not valid UTF-8 at byte N", N from 1 as the columns of syntax
// errors.
absl::Status CheckUtf8(std::string_view what, std::string_view text);

// What is in a file, or comes out of a pipe (/dev/stdin). Errors name it; RESOURCE_EXHAUSTED: more
// than kMaxInputBytes.
inline constexpr size_t kMaxInputBytes = size_t{256} << 20;
absl::StatusOr<std::string> ReadInput(const std::string& path);

// The queries of a file, one a line; lines of nothing but white space are left out.
// INVALID_ARGUMENT: none, or one that is not UTF-8, with its line.
absl::StatusOr<std::vector<std::string>> SplitQueries(std::string_view text);
// Both: the queries in a file or a pipe.
absl::StatusOr<std::vector<std::string>> ReadQueries(const std::string& path);

}  // namespace canopy
