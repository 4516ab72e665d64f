#include "shard/window_kernels.h"

#include "shard/cpu_level.h"

namespace canopy {

const WindowKernels& CurrentWindowKernels() {
  switch (CurrentCpuLevel()) {
    case CpuLevel::kAvx512:
      return *Avx512WindowKernels();
    case CpuLevel::kAvx2:
      return *Avx2WindowKernels();
    case CpuLevel::kBaseline:
      break;
  }
  return *BaselineWindowKernels();
}

}  // namespace canopy
