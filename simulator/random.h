// The simulator's randomness: small generators in a tree, each a function of a seed and of what it
// is for, so that one query's luck depends neither on the order of events nor on what other
// settings are compared with it. The distributions are written out because those of the standard
// library may give other numbers in another version of it.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>

#include "base/mix.h"

namespace canopy {

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
// Thread safety: none.
class Random final {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // The generator of the thing that `path` names, below `seed`.
  Random(uint64_t seed, std::initializer_list<uint64_t> path) : state_(seed) {
    for (uint64_t step : path) state_ = Next() ^ MixBits(step + kGamma);
  }

  uint64_t Next() { return MixBits(state_ += kGamma); }
  // In [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  // REQUIRES: limit > 0. The bias is below limit / 2^64.
  uint64_t Below(uint64_t limit) { return Next() % limit; }
  bool Chance(double chance) { return Uniform() < chance; }
  double Exponential(double mean) { return -mean * std::log1p(-Uniform()); }
  // Mean 0, deviation 1 (Box and Muller 1958; one of the two numbers).
  double Normal() {
    const double radius = std::sqrt(-2 * std::log1p(-Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  static constexpr uint64_t kGamma = 0x9E3779B97F4A7C15;

  uint64_t state_;
};

}  // namespace canopy
