// Word kernels for any processor.
#include "shard/word_kernels.h"
#include "shard/word_kernels_generic.h"

namespace canopy {

const WordKernels* BaselineWordKernels() {
  static constexpr WordKernels kKernels = GenericWordKernels();
  return &kKernels;
}

}  // namespace canopy
