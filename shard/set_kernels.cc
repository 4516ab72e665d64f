#include "shard/set_kernels.h"

#include "shard/cpu_level.h"

namespace canopy {

const SetKernels& CurrentSetKernels() {
  switch (CurrentCpuLevel()) {
    case CpuLevel::kAvx512:
      return *Avx512SetKernels();
    case CpuLevel::kAvx2:
      return *Avx2SetKernels();
    case CpuLevel::kBaseline:
      break;
  }
  return *BaselineSetKernels();
}

}  // namespace canopy
