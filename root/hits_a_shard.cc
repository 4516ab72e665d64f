#include "root/hits_a_shard.h"

#include <cmath>

namespace canopy {

uint32_t HitsAShard(uint32_t k, uint32_t num_shards) {
  if (num_shards == 1) return k;
  const double p = 1.0 / num_shards;
  // P(X = m + 1) / P(X = m), falling in m.
  const auto ratio = [&](double m) { return (k - m) / (m + 1) * p / (1 - p); };
  auto m = static_cast<uint32_t>(k * p);
  double next = std::exp(std::lgamma(k + 1.0) - std::lgamma(m + 2.0) - std::lgamma(k - m * 1.0) +
                         (m + 1) * std::log(p) + (k - m - 1.0) * std::log1p(-p));  // P(X = m + 1)
  for (; m < k; ++m) {
    const double r = ratio(m + 1);
    if (r < 1 && num_shards * next / (1 - r) <= kMoreHitsChance) return m;
    next *= r;
  }
  return k;
}

}  // namespace canopy
