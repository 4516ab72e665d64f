// Which vector instructions the kernels may use. Chosen once, from what the processor says; tests
// force each level. In a query's flow: every kernel table (set_kernels.h, word_kernels.h) is
// picked by it.
#pragma once

#include <vector>

namespace canopy {

enum class CpuLevel {
  kBaseline,  // portable C++
  kAvx2,      // AVX2, BMI1, BMI2, POPCNT, LZCNT (Haswell, Zen and later)
  kAvx512,  // and AVX-512 F, BW, DQ, VL, VBMI, VBMI2, BITALG, VPOPCNTDQ (Ice Lake, Zen 4 and later)
};

const char* CpuLevelName(CpuLevel level);

// The highest level that this processor and this build have.
CpuLevel DetectCpuLevel();
// From kBaseline to DetectCpuLevel().
std::vector<CpuLevel> SupportedCpuLevels();
// The level in use: detected, unless a ScopedCpuLevel is alive.
CpuLevel CurrentCpuLevel();

// For tests: all kernels run at `level` while it lives. REQUIRES: level <= DetectCpuLevel(); no
// nesting. Thread safety: created and destroyed while no search runs.
class ScopedCpuLevel final {
 public:
  explicit ScopedCpuLevel(CpuLevel level);
  ~ScopedCpuLevel();
  ScopedCpuLevel(const ScopedCpuLevel&) = delete;
  ScopedCpuLevel& operator=(const ScopedCpuLevel&) = delete;
};

}  // namespace canopy
