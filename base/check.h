// CHECK: conditions that only a bug can break. Prints file, line and condition to standard error
// and aborts.
#pragma once

namespace canopy {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace canopy

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) ::canopy::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

#ifdef NDEBUG
#define DCHECK(condition)       \
  do {                          \
    if (false && (condition)) { \
    }                           \
  } while (false)
#else
#define DCHECK(condition) CHECK(condition)
#endif
