// Between std::string_view, which Canopy uses, and absl::string_view, which packaged Abseil
// compiles as a type of its own: the two do not convert into each other, and absl::StrCat refuses
// the former.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace canopy {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

// The message of `status`. Lifetime: the status's.
inline std::string_view Message(const absl::Status& status) { return ToStd(status.message()); }

namespace strings_internal {

template <typename T>
decltype(auto) ToConcatArgument(const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return ToAbsl(value);
  } else {
    return (value);
  }
}

}  // namespace strings_internal

// absl::StrCat that takes std::string_view too.
template <typename... Args>
std::string Concat(const Args&... args) {
  return absl::StrCat(strings_internal::ToConcatArgument(args)...);
}

// `text` for a terminal: control characters but line breaks and tabs, which could steer it, as
// "\x1b". The bytes of other characters stay as they are.
std::string EscapeControls(std::string_view text);

}  // namespace canopy
