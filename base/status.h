// Status macros (packaged Abseil has none). What depends on bytes, network, flags, clock or users
// is a Status; what only a bug can cause is a CHECK (base/check.h).
#pragma once

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define CANOPY_CONCAT_INNER(a, b) a##b
#define CANOPY_CONCAT(a, b) CANOPY_CONCAT_INNER(a, b)

// Returns the error of `expression` (absl::Status) from the enclosing function.
#define RETURN_IF_ERROR(expression)                                                         \
  do {                                                                                      \
    if (absl::Status return_if_error_result = (expression); !return_if_error_result.ok()) { \
      return return_if_error_result;                                                        \
    }                                                                                       \
  } while (false)

// ASSIGN_OR_RETURN(auto x, F()): the value of F()'s StatusOr, or F()'s error from the enclosing
// function.
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_INNER(CANOPY_CONCAT(status_or_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                   \
  if (!result.ok()) return std::move(result).status();          \
  declaration = std::move(result).value()

namespace canopy {

// `status` with `context` and ": " before its message; OK stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace canopy
