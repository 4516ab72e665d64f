// The set kernels in plain C++. Included by set_kernels_<level>.cc inside that level's target
// region, so that each gets a copy compiled for its instructions; a level replaces those for which
// it has something better. Everything is in an unnamed namespace: no copy leaves its file.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shard/posting_list.h"

namespace canopy {
namespace {

// Where one array is this many times longer than the other, its entries are found by galloping.
constexpr size_t kGallopRatio = 32;

inline uint64_t AndWord(const uint64_t* const* sets, size_t n, size_t word) {
  uint64_t bits = sets[0][word];
  for (size_t i = 1; i < n; ++i) bits &= sets[i][word];
  return bits;
}

inline uint32_t GenericCount(const uint64_t* set) {
  uint64_t count = 0;
  for (size_t w = 0; w < kBitsetWords; ++w) count += __builtin_popcountll(set[w]);
  return static_cast<uint32_t>(count);
}

inline uint32_t GenericAndCount(const uint64_t* const* sets, size_t n) {
  uint64_t count = 0;
  for (size_t w = 0; w < kBitsetWords; ++w) count += __builtin_popcountll(AndWord(sets, n, w));
  return static_cast<uint32_t>(count);
}

inline uint32_t GenericOrCount(const uint64_t* const* sets, size_t n) {
  uint64_t count = 0;
  for (size_t w = 0; w < kBitsetWords; ++w) {
    uint64_t bits = sets[0][w];
    for (size_t i = 1; i < n; ++i) bits |= sets[i][w];
    count += __builtin_popcountll(bits);
  }
  return static_cast<uint32_t>(count);
}

inline uint32_t GenericAndInto(const uint64_t* const* sets, size_t n, uint64_t* out) {
  uint64_t count = 0;
  for (size_t w = 0; w < kBitsetWords; ++w) {
    out[w] = AndWord(sets, n, w);
    count += __builtin_popcountll(out[w]);
  }
  return static_cast<uint32_t>(count);
}

inline void GenericOrWith(uint64_t* out, const uint64_t* set) {
  for (size_t w = 0; w < kBitsetWords; ++w) out[w] |= set[w];
}

inline void GenericAndWith(uint64_t* out, const uint64_t* set) {
  for (size_t w = 0; w < kBitsetWords; ++w) out[w] &= set[w];
}

inline void GenericAndNotWith(uint64_t* out, const uint64_t* set) {
  for (size_t w = 0; w < kBitsetWords; ++w) out[w] &= ~set[w];
}

inline void GenericSetBits(uint64_t* out, const uint16_t* array, size_t n) {
  for (size_t i = 0; i < n; ++i) out[array[i] >> 6] |= uint64_t{1} << (array[i] & 63);
}

inline uint32_t GenericToArray(const uint64_t* set, uint16_t* out) {
  uint32_t n = 0;
  for (size_t w = 0; w < kBitsetWords; ++w) {
    for (uint64_t bits = set[w]; bits != 0; bits &= bits - 1) {
      out[n++] = static_cast<uint16_t>(w * 64 + __builtin_ctzll(bits));
    }
  }
  return n;
}

inline uint64_t InSet(const uint64_t* set, uint16_t doc) { return set[doc >> 6] >> (doc & 63) & 1; }

inline uint64_t InAllSets(const uint64_t* const* sets, size_t m, uint16_t doc) {
  uint64_t in = InSet(sets[0], doc);
  for (size_t i = 1; i < m; ++i) in &= InSet(sets[i], doc);
  return in;
}

inline uint32_t GenericProbeCount(const uint16_t* array, size_t n, const uint64_t* const* sets,
                                  size_t m) {
  uint64_t count = 0;
  if (m == 1) {
    const uint64_t* const set = sets[0];
    for (size_t i = 0; i < n; ++i) count += InSet(set, array[i]);
  } else {
    for (size_t i = 0; i < n; ++i) count += InAllSets(sets, m, array[i]);
  }
  return static_cast<uint32_t>(count);
}

inline uint32_t GenericProbe(const uint16_t* array, size_t n, const uint64_t* const* sets, size_t m,
                             uint16_t* out) {
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint16_t doc = array[i];
    out[count] = doc;
    count += InAllSets(sets, m, doc);
  }
  return static_cast<uint32_t>(count);
}

inline uint32_t GenericProbeNot(const uint16_t* array, size_t n, const uint64_t* set,
                                uint16_t* out) {
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint16_t doc = array[i];
    out[count] = doc;
    count += InSet(set, doc) ^ 1;
  }
  return static_cast<uint32_t>(count);
}

// The first place at or after `from` where array[place] >= doc, in doubling steps and then by
// halving.
inline size_t Gallop(const uint16_t* array, size_t n, size_t from, uint16_t doc) {
  size_t step = 1;
  size_t low = from;
  if (low >= n) return n;
  while (low + step < n && array[low + step] < doc) {
    low += step;
    step *= 2;
  }
  return std::lower_bound(array + low, array + std::min(n, low + step + 1), doc) - array;
}

// Calls `hit(doc)` for every entry in both; `small` is by far the shorter.
template <typename Hit>
inline void GallopIntersect(const uint16_t* small, size_t n_small, const uint16_t* large,
                            size_t n_large, Hit& hit) {
  size_t at = 0;
  for (size_t i = 0; i < n_small; ++i) {
    at = Gallop(large, n_large, at, small[i]);
    if (at == n_large) return;
    if (large[at] == small[i]) hit(small[i]);
  }
}

template <typename Hit>
inline void MergeIntersect(const uint16_t* a, size_t na, const uint16_t* b, size_t nb, Hit& hit) {
  size_t i = 0, j = 0;
  while (i < na && j < nb) {
    const uint16_t x = a[i], y = b[j];
    if (x == y) hit(x);
    i += x <= y;
    j += y <= x;
  }
}

struct CountHits {
  uint32_t count = 0;
  void operator()(uint16_t) { ++count; }
};

struct WriteHits {
  uint16_t* out;
  uint32_t count = 0;
  void operator()(uint16_t doc) { out[count++] = doc; }
};

// True, with the entries passed to `hit`, when the lengths are so uneven that galloping is the way.
template <typename Hit>
inline bool IntersectedUnevenly(const uint16_t* a, size_t na, const uint16_t* b, size_t nb,
                                Hit& hit) {
  if (na > nb) {
    std::swap(a, b);
    std::swap(na, nb);
  }
  if (na * kGallopRatio >= nb) return false;
  GallopIntersect(a, na, b, nb, hit);
  return true;
}

inline uint32_t GenericIntersectCount(const uint16_t* a, size_t na, const uint16_t* b, size_t nb) {
  CountHits hits;
  if (!IntersectedUnevenly(a, na, b, nb, hits)) MergeIntersect(a, na, b, nb, hits);
  return hits.count;
}

inline uint32_t GenericIntersect(const uint16_t* a, size_t na, const uint16_t* b, size_t nb,
                                 uint16_t* out) {
  WriteHits hits{out};
  if (!IntersectedUnevenly(a, na, b, nb, hits)) MergeIntersect(a, na, b, nb, hits);
  return hits.count;
}

inline void FindBitsetRanks(const ContainerView& container, const uint16_t* window_ranks,
                            const uint16_t* docs, size_t n, uint32_t* ranks) {
  static_assert(kWindowDocs == 256);
  for (size_t i = 0; i < n; ++i) {
    const uint32_t doc = docs[i], place = doc / 64 % 4;
    const uint64_t* const words = container.bitset + doc / kWindowDocs * 4;
    const uint64_t bits = words[place];
    uint64_t rank = container.first_rank + window_ranks[doc / kWindowDocs] +
                    __builtin_popcountll(bits & ((uint64_t{1} << doc % 64) - 1));
    // The window's words before the document's, by masks: the length of a loop would be hard to
    // predict.
    rank += __builtin_popcountll(words[0] & -uint64_t{place > 0});
    rank += __builtin_popcountll(words[1] & -uint64_t{place > 1});
    rank += __builtin_popcountll(words[2] & -uint64_t{place > 2});
    ranks[i] = (bits >> doc % 64 & 1) != 0 ? static_cast<uint32_t>(rank) : kNoRank;
  }
}

inline void FindArrayRanks(const ContainerView& container, const uint16_t* window_ranks,
                           const uint16_t* docs, size_t n, uint32_t* ranks) {
  size_t at = 0;
  for (size_t i = 0; i < n; ++i) {
    if (window_ranks != nullptr) {
      at = std::max<size_t>(at, window_ranks[docs[i] / kWindowDocs]);
    }
    at = Gallop(container.array, container.cardinality, at, docs[i]);
    ranks[i] = at < container.cardinality && container.array[at] == docs[i]
                   ? container.first_rank + static_cast<uint32_t>(at)
                   : kNoRank;
  }
}

inline void GenericFindRanks(const ContainerView& container, const uint16_t* window_ranks,
                             const uint16_t* docs, size_t n, uint32_t* ranks) {
  if (container.bitset != nullptr) {
    FindBitsetRanks(container, window_ranks, docs, n, ranks);
  } else {
    FindArrayRanks(container, window_ranks, docs, n, ranks);
  }
}

constexpr SetKernels GenericSetKernels() {
  return {.count = GenericCount,
          .and_count = GenericAndCount,
          .or_count = GenericOrCount,
          .and_into = GenericAndInto,
          .or_with = GenericOrWith,
          .and_with = GenericAndWith,
          .and_not_with = GenericAndNotWith,
          .set_bits = GenericSetBits,
          .to_array = GenericToArray,
          .probe_count = GenericProbeCount,
          .probe = GenericProbe,
          .probe_not = GenericProbeNot,
          .intersect_count = GenericIntersectCount,
          .intersect = GenericIntersect,
          .find_ranks = GenericFindRanks};
}

}  // namespace
}  // namespace canopy
