// The seed of a random test: its own, or that of the environment (CANOPY_TEST_SEED=7), printed so
// that a failure can be repeated.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace canopy {

inline uint32_t TestSeed(uint32_t usual) {
  const char* text = std::getenv("CANOPY_TEST_SEED");
  const uint32_t seed =
      text == nullptr ? usual : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
  std::printf("CANOPY_TEST_SEED=%u\n", seed);
  return seed;
}

}  // namespace canopy
