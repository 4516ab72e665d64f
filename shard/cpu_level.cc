#include "shard/cpu_level.h"

#include <atomic>

#include "base/check.h"

namespace canopy {
namespace {

constexpr int kNotForced = -1;
std::atomic<int> forced_level{kNotForced};

}  // namespace

const char* CpuLevelName(CpuLevel level) {
  switch (level) {
    case CpuLevel::kBaseline:
      return "baseline";
    case CpuLevel::kAvx2:
      return "avx2";
    case CpuLevel::kAvx512:
      return "avx512";
  }
  return "unknown";
}

CpuLevel DetectCpuLevel() {
#if defined(__x86_64__)
  static const CpuLevel detected = [] {
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
                      __builtin_cpu_supports("lzcnt");
    if (!avx2) return CpuLevel::kBaseline;
    const bool avx512 =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
        __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512vpopcntdq");
    return avx512 ? CpuLevel::kAvx512 : CpuLevel::kAvx2;
  }();
  return detected;
#else
  return CpuLevel::kBaseline;
#endif
}

std::vector<CpuLevel> SupportedCpuLevels() {
  std::vector<CpuLevel> levels;
  for (CpuLevel level : {CpuLevel::kBaseline, CpuLevel::kAvx2, CpuLevel::kAvx512}) {
    if (level <= DetectCpuLevel()) levels.push_back(level);
  }
  return levels;
}

CpuLevel CurrentCpuLevel() {
  const int forced = forced_level.load(std::memory_order_relaxed);
  return forced == kNotForced ? DetectCpuLevel() : static_cast<CpuLevel>(forced);
}

ScopedCpuLevel::ScopedCpuLevel(CpuLevel level) {
  CHECK(level <= DetectCpuLevel());
  CHECK(forced_level.exchange(static_cast<int>(level)) == kNotForced);
}

ScopedCpuLevel::~ScopedCpuLevel() { forced_level.store(kNotForced); }

}  // namespace canopy
