// The version that every binary prints for --version: that of the CMake project.
#pragma once

#include <string_view>

namespace canopy {

extern const std::string_view kVersion;

}  // namespace canopy
