// Sets of documents of one chunk for the kernels' tests: every density and shape that a container
// can have, and the same set in the two forms that kernels take.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "shard/posting_list.h"

namespace canopy {

struct NamedSet {
  std::string name;
  std::vector<uint16_t> array;  // ascending

  std::vector<uint64_t> Bitset() const {
    std::vector<uint64_t> words(kBitsetWords);
    for (uint16_t doc : array) words[doc / 64] |= uint64_t{1} << (doc % 64);
    return words;
  }
};

inline NamedSet RandomSet(std::mt19937& random, double density) {
  NamedSet set{"density " + std::to_string(density), {}};
  std::bernoulli_distribution member(density);
  for (uint32_t doc = 0; doc < kChunkDocs; ++doc) {
    if (member(random)) set.array.push_back(static_cast<uint16_t>(doc));
  }
  return set;
}

// Runs of members and gaps of random lengths around `mean`.
inline NamedSet ClusteredSet(std::mt19937& random, double mean) {
  NamedSet set{"clusters of " + std::to_string(mean), {}};
  std::geometric_distribution<uint32_t> length(1 / mean);
  for (uint32_t doc = length(random); doc < kChunkDocs; doc += length(random) + 1) {
    for (uint32_t end = std::min(kChunkDocs, doc + 1 + length(random)); doc < end; ++doc) {
      set.array.push_back(static_cast<uint16_t>(doc));
    }
  }
  return set;
}

inline std::vector<NamedSet> KernelSets(std::mt19937& random) {
  std::vector<NamedSet> sets = {
      {"empty", {}}, {"first", {0}}, {"last", {65535}}, {"both ends", {0, 65535}}};
  for (uint32_t step : {1u, 2u, 32u, 33u, 64u, 2047u}) {
    NamedSet set{"every " + std::to_string(step), {}};
    for (uint32_t doc = step - 1; doc < kChunkDocs; doc += step) {
      set.array.push_back(static_cast<uint16_t>(doc));
    }
    sets.push_back(std::move(set));
  }
  for (double density : {0.0001, 0.001, 0.004, 0.01, 0.03, 0.2, 0.6, 0.99}) {
    sets.push_back(RandomSet(random, density));
  }
  for (double mean : {3.0, 40.0, 900.0}) sets.push_back(ClusteredSet(random, mean));
  return sets;
}

}  // namespace canopy
