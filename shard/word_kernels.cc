#include "shard/word_kernels.h"

#include "shard/cpu_level.h"

namespace canopy {

const WordKernels& CurrentWordKernels() {
  switch (CurrentCpuLevel()) {
    case CpuLevel::kAvx512:
      return *Avx512WordKernels();
    case CpuLevel::kAvx2:
      return *Avx2WordKernels();
    case CpuLevel::kBaseline:
      break;
  }
  return *BaselineWordKernels();
}

}  // namespace canopy
