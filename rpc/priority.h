// Who goes first and who is refused last, as leaves and roots count it.
#pragma once

#include <cstddef>
#include <optional>

#include "canopy/v1/search.pb.h"

namespace canopy {

inline constexpr size_t kNumPriorities = 4;
static_assert(kNumPriorities == v1::Priority_ARRAYSIZE - v1::PRIORITY_CRITICAL_PLUS);

// The place of a request's priority, 0 for the highest. nullopt: it is none.
inline std::optional<size_t> PlaceOf(v1::Priority priority) {
  if (!v1::Priority_IsValid(priority)) return std::nullopt;
  if (priority == v1::PRIORITY_UNSPECIFIED) priority = v1::PRIORITY_CRITICAL;
  return static_cast<size_t>(priority - v1::PRIORITY_CRITICAL_PLUS);
}

}  // namespace canopy
