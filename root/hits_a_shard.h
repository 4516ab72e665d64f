// How many hits each shard is asked for at first. Documents are dealt out, so of the k best ones a
// shard holds about k / N, and of what it finds beyond them nothing is used: asked for less, it
// searches less (its threshold is higher) and sends less. The answer does not depend on it: a shard
// all of whose hits are among the best is asked again (QuerySession).
#pragma once

#include <cstdint>

namespace canopy {

// The chance that some shard holds more of the best is at most this (Vespa's top-k-probability is
// the same idea, without asking again).
inline constexpr double kMoreHitsChance = 1e-3;

// The smallest m with
//   num_shards * P(X > m) <= kMoreHitsChance, X binomial with k trials of probability 1/num_shards,
// or k where that is smaller; P(X > m) is bounded by a geometric series. REQUIRES: num_shards > 0.
uint32_t HitsAShard(uint32_t k, uint32_t num_shards);

}  // namespace canopy
