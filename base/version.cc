#include "base/version.h"

namespace canopy {

constinit const std::string_view kVersion = CANOPY_VERSION;

}  // namespace canopy
