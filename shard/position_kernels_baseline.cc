// Position kernels for any processor.
#include "shard/position_kernels.h"
#include "shard/position_kernels_generic.h"
#include "shard/varint.h"

namespace canopy {

const PositionKernels* BaselinePositionKernels() {
  static constexpr PositionKernels kKernels = {.add_frequencies = GenericAddFrequencies,
                                               .sum_frequencies = GenericSumFrequencies,
                                               .skip = SkipVarints,
                                               .decode_sums = GenericDecodeSums,
                                               .count_pairs = GenericCountPairs};
  return &kKernels;
}

}  // namespace canopy
