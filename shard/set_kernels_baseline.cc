// Set kernels for any processor.
#include "shard/set_kernels.h"
#include "shard/set_kernels_generic.h"

namespace canopy {

const SetKernels* BaselineSetKernels() {
  static constexpr SetKernels kKernels = GenericSetKernels();
  return &kKernels;
}

}  // namespace canopy
