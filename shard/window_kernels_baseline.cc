// Window kernels for any processor.
#include "shard/window_kernels.h"
#include "shard/window_kernels_generic.h"

namespace canopy {

const WindowKernels* BaselineWindowKernels() {
  static constexpr WindowKernels kKernels = GenericWindowKernels();
  return &kKernels;
}

}  // namespace canopy
