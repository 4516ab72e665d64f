#include "shard/chunk_matcher.h"

#include <algorithm>
#include <cstring>

namespace canopy {

uint32_t ChunkWalk::ChunkFrom(size_t term, uint32_t chunk) {
  const absl::Span<const ContainerView> containers = query_.terms[term].postings.containers();
  uint32_t& at = at_[term];
  while (at < containers.size() && containers[at].chunk < chunk) ++at;
  return at < containers.size() ? containers[at].chunk : kNoChunk;
}

// The first chunk from next_chunk_ on that all required terms have, and an optional one if they are
// needed.
uint32_t ChunkWalk::NextCandidate() {
  for (uint32_t chunk = next_chunk_;;) {
    uint32_t next = chunk;
    for (size_t term = 0; term < query_.num_required; ++term) {
      next = std::max(next, ChunkFrom(term, chunk));
    }
    if (next == chunk && query_.needs_optional) {
      next = kNoChunk;
      for (size_t i = 0; i < query_.num_optional; ++i) {
        next = std::min(next, ChunkFrom(query_.num_required + i, chunk));
      }
    }
    if (next == chunk || next == kNoChunk) return next;
    chunk = next;
  }
}

bool FindContainers(const FlatQuery& query, uint32_t chunk, ChunkContainers& out) {
  out.chunk = chunk;
  out.num_required = out.num_optional = out.num_excluded = 0;
  for (size_t term = 0; term < query.terms.size(); ++term) {
    const ContainerView* const container = FindContainer(query.terms[term].postings, chunk);
    if (term < query.num_required) {
      if (container == nullptr) return false;
      out.required[out.num_required++] = container;
    } else if (container == nullptr) {
      continue;
    } else if (term < query.num_required + query.num_optional) {
      out.optional[out.num_optional++] = container;
    } else {
      out.excluded[out.num_excluded++] = container;
    }
  }
  return !query.needs_optional || out.num_optional != 0;
}

bool ChunkWalk::Next(ChunkContainers& containers) {
  const uint32_t chunk = NextCandidate();
  if (chunk == kNoChunk) return false;
  next_chunk_ = chunk + 1;
  return FindContainers(query_, chunk, containers);
}

void ChunkMatcher::Unite(const std::array<const ContainerView*, kMaxFlatTerms>& containers,
                         size_t n, ChunkBits& out) {
  out.words.fill(0);
  for (size_t i = 0; i < n; ++i) {
    const ContainerView& container = *containers[i];
    if (container.bitset != nullptr) {
      kernels_.or_with(out.words.data(), container.bitset);
    } else {
      kernels_.set_bits(out.words.data(), container.array, container.cardinality);
    }
  }
}

uint32_t ChunkMatcher::CountPair(const ContainerView& a, const ContainerView& b) {
  if (a.bitset != nullptr && b.bitset != nullptr) {
    const uint64_t* const both[] = {a.bitset, b.bitset};
    return kernels_.and_count(both, 2);
  }
  if (a.bitset != nullptr) return kernels_.probe_count(b.array, b.cardinality, &a.bitset, 1);
  if (b.bitset != nullptr) return kernels_.probe_count(a.array, a.cardinality, &b.bitset, 1);
  return kernels_.intersect_count(a.array, a.cardinality, b.array, b.cardinality);
}

uint32_t ChunkMatcher::CountUnion(const ChunkContainers& chunk) {
  const ContainerView& first = *chunk.optional[0];
  if (chunk.num_optional == 1) return first.cardinality;
  if (chunk.num_optional == 2) {
    const ContainerView& second = *chunk.optional[1];
    return first.cardinality + second.cardinality - CountPair(first, second);
  }
  std::array<const uint64_t*, kMaxFlatTerms + 1> sets;
  std::array<const ContainerView*, kMaxFlatTerms> arrays;
  size_t num_sets = 0, num_arrays = 0;
  for (size_t i = 0; i < chunk.num_optional; ++i) {
    if (chunk.optional[i]->bitset != nullptr) {
      sets[num_sets++] = chunk.optional[i]->bitset;
    } else {
      arrays[num_arrays++] = chunk.optional[i];
    }
  }
  if (num_arrays != 0) {
    Unite(arrays, num_arrays, scratch_.any);
    sets[num_sets++] = scratch_.any.words.data();
  }
  return kernels_.or_count(sets.data(), num_sets);
}

ChunkMatcher::Operands ChunkMatcher::Collect(const ChunkContainers& chunk) {
  Operands operands;
  const auto add = [&](const ContainerView& container) {
    if (container.bitset != nullptr) {
      operands.bitsets[operands.num_bitsets++] = container.bitset;
      return;
    }
    size_t at = operands.num_arrays++;
    for (; at > 0 && operands.arrays[at - 1]->cardinality > container.cardinality; --at) {
      operands.arrays[at] = operands.arrays[at - 1];
    }
    operands.arrays[at] = &container;
  };
  for (size_t i = 0; i < chunk.num_required; ++i) add(*chunk.required[i]);
  if (needs_optional_) {
    if (chunk.num_optional == 1) {
      add(*chunk.optional[0]);
    } else {
      Unite(chunk.optional, chunk.num_optional, scratch_.any);
      operands.bitsets[operands.num_bitsets++] = scratch_.any.words.data();
    }
  }
  if (const uint64_t* const live = Live(chunk)) operands.bitsets[operands.num_bitsets++] = live;
  if (chunk.num_excluded != 0) {
    Unite(chunk.excluded, chunk.num_excluded, scratch_.excluded);
    operands.excluded = scratch_.excluded.words.data();
  }
  return operands;
}

ChunkSet ChunkMatcher::IntersectArrays(const Operands& operands, bool keep_last) {
  ChunkSet set{operands.arrays[0]->cardinality, operands.arrays[0]->array, nullptr};
  const size_t n = operands.num_arrays - (keep_last && operands.num_arrays > 1 ? 1 : 0);
  for (size_t i = 1; i < n && set.count != 0; ++i) {
    uint16_t* const out = scratch_.array[i % 2].data();
    set.count = kernels_.intersect(set.array, set.count, operands.arrays[i]->array,
                                   operands.arrays[i]->cardinality, out);
    set.array = out;
  }
  return set;
}

uint32_t ChunkMatcher::Count(const ChunkContainers& chunk) {
  if (IsPlainUnion(chunk)) return CountUnion(chunk);
  if (chunk.num_excluded != 0) return Match(chunk).count;
  const Operands operands = Collect(chunk);
  if (operands.num_arrays == 0) {
    if (operands.num_bitsets == 1 && chunk.num_required == 1) return chunk.required[0]->cardinality;
    return kernels_.and_count(operands.bitsets.data(), operands.num_bitsets);
  }
  const bool only_arrays = operands.num_bitsets == 0;
  const ChunkSet set = IntersectArrays(operands, /*keep_last=*/only_arrays);
  if (!only_arrays) {
    return kernels_.probe_count(set.array, set.count, operands.bitsets.data(),
                                operands.num_bitsets);
  }
  if (operands.num_arrays == 1) return set.count;
  const ContainerView& last = *operands.arrays[operands.num_arrays - 1];
  return kernels_.intersect_count(set.array, set.count, last.array, last.cardinality);
}

ChunkSet ChunkMatcher::Match(const ChunkContainers& chunk) {
  const Operands operands = Collect(chunk);
  ChunkSet set;
  if (operands.num_arrays == 0) {
    uint64_t* const out = scratch_.result.words.data();
    set.bitset = out;
    set.count = kernels_.and_into(operands.bitsets.data(), operands.num_bitsets, out);
    if (operands.excluded != nullptr) {
      kernels_.and_not_with(out, operands.excluded);
      set.count = kernels_.count(out);
    }
    return set;
  }
  set = IntersectArrays(operands, /*keep_last=*/false);
  uint16_t* const out = scratch_.array[0].data();
  if (operands.num_bitsets != 0) {
    set.count =
        kernels_.probe(set.array, set.count, operands.bitsets.data(), operands.num_bitsets, out);
    set.array = out;
  }
  if (operands.excluded != nullptr) {
    set.count = kernels_.probe_not(set.array, set.count, operands.excluded, out);
    set.array = out;
  }
  return set;
}

}  // namespace canopy
