#include "shard/position_kernels.h"

#include "shard/cpu_level.h"

namespace canopy {

const PositionKernels& CurrentPositionKernels() {
  return CurrentCpuLevel() == CpuLevel::kAvx512 ? *Avx512PositionKernels()
                                                : *BaselinePositionKernels();
}

}  // namespace canopy
