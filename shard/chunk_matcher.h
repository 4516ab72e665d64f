// Which documents of one chunk match a flat query: set algebra on the containers of its terms. In a
// query's flow: counting and scoring of flat queries go chunk by chunk with ChunkWalk and ask
// ChunkMatcher about each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "shard/flat_query.h"
#include "shard/posting_list.h"
#include "shard/search_scratch.h"
#include "shard/set_kernels.h"

namespace canopy {

// The containers of a flat query's terms in one chunk, those that exist.
struct ChunkContainers {
  uint32_t chunk = 0;
  size_t num_required = 0, num_optional = 0, num_excluded = 0;
  std::array<const ContainerView*, kMaxFlatTerms> required, optional, excluded;
};

// Finds the query's containers in one chunk. False: the query cannot match there.
bool FindContainers(const FlatQuery& query, uint32_t chunk, ChunkContainers& containers);

// Visits the chunks in which a flat query can match, ascending.
// Lifetime: borrows the query.
class ChunkWalk final {
 public:
  explicit ChunkWalk(const FlatQuery& query) : query_(query) {}

  // False: no more. Otherwise `containers` are those of the next chunk.
  bool Next(ChunkContainers& containers);

 private:
  // The first chunk from `chunk` on that terms[term] has, or kNoChunk. `chunk` must not decrease.
  uint32_t ChunkFrom(size_t term, uint32_t chunk);
  uint32_t NextCandidate();

  static constexpr uint32_t kNoChunk = ~uint32_t{0};

  const FlatQuery& query_;
  uint32_t next_chunk_ = 0;
  std::array<uint32_t, kMaxFlatTerms> at_{};  // by term: place among its containers
};

// Documents of a chunk, in one of two forms.
struct ChunkSet {
  uint32_t count = 0;
  const uint16_t* array = nullptr;   // `count` entries, or null
  const uint64_t* bitset = nullptr;  // or null
};

// Thread safety: one thread. Lifetime: borrows everything it is given; sets live until the next
// call.
class ChunkMatcher final {
 public:
  // `live_docs` as ShardFile::live_docs.
  ChunkMatcher(const FlatQuery& query, const uint64_t* live_docs, MatchScratch& scratch)
      : kernels_(CurrentSetKernels()),
        live_docs_(live_docs),
        scratch_(scratch),
        needs_optional_(query.needs_optional) {}

  uint32_t Count(const ChunkContainers& chunk);
  ChunkSet Match(const ChunkContainers& chunk);

 private:
  // What has to be intersected: at most all required terms, one union and the live documents.
  struct Operands {
    size_t num_arrays = 0, num_bitsets = 0;
    std::array<const ContainerView*, kMaxFlatTerms> arrays;  // shortest first
    std::array<const uint64_t*, kMaxFlatTerms + 2> bitsets;
    const uint64_t* excluded = nullptr;
  };

  const uint64_t* Live(const ChunkContainers& chunk) const {
    return live_docs_ == nullptr ? nullptr : live_docs_ + size_t{chunk.chunk} * kBitsetWords;
  }
  bool IsPlainUnion(const ChunkContainers& chunk) const {
    return needs_optional_ && chunk.num_required == 0 && chunk.num_excluded == 0 &&
           live_docs_ == nullptr;
  }
  uint32_t CountUnion(const ChunkContainers& chunk);
  uint32_t CountPair(const ContainerView& a, const ContainerView& b);
  void Unite(const std::array<const ContainerView*, kMaxFlatTerms>& containers, size_t n,
             ChunkBits& out);
  Operands Collect(const ChunkContainers& chunk);
  // All arrays of `operands` intersected, but for the last if `keep_last` and there are several.
  ChunkSet IntersectArrays(const Operands& operands, bool keep_last);

  const SetKernels& kernels_;
  const uint64_t* const live_docs_;
  MatchScratch& scratch_;
  const bool needs_optional_;
};

}  // namespace canopy
