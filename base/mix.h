// Makes independent-looking numbers of related ones.
#pragma once

#include <cstdint>

namespace canopy {

// The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): every bit of the result depends on
// every bit of `x`; a bijection. For rendezvous hashing, and as the step of a generator.
constexpr uint64_t MixBits(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

}  // namespace canopy
