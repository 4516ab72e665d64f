// The documents and frequencies of one term in one shard, as the kernels read them: Roaring
// containers with a window directory. In a query's flow: the dictionary finds a term, ShardFile
// opens its PostingList, kernels walk it.
//
// A container holds the postings of one chunk of 2^16 local documents, either as a sorted uint16
// array or, from 2,049 postings on, as a bitset of 1,024 words. A posting's rank is its place among
// the term's postings; frequencies (and positions) are found by rank. Chunks are cut into 256
// windows of 256 documents, and these into words of 64. A container of more than 256 postings has a
// window directory: the rank, relative to the container, of each window's first posting, and an
// upper bound of each word's score parts. docs/shard_format.md has the bytes.
//
// The score part of a posting is tf / (tf + K(length)) in (0, 1); a bound byte b says: at most b /
// 255 under the statistics at build (rounded up). When statistics change later, the bound grows by
// at most max(1, average length now / average length at build).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "base/types.h"

namespace canopy {

inline constexpr uint32_t kChunkDocs = 1 << 16;
inline constexpr uint32_t kWindowDocs = 256;
inline constexpr uint32_t kWindowsPerChunk = kChunkDocs / kWindowDocs;
inline constexpr uint32_t kMaxArrayPostings = 2048;     // more: a bitset
inline constexpr uint32_t kMinDirectoryPostings = 257;  // fewer: no window directory
inline constexpr uint32_t kBitsetWords = kChunkDocs / 64;

// Lifetime: points into the mapped file, or into the scratch memory of the PostingList it came
// from.
struct ContainerView {
  uint16_t chunk = 0;                      // local document >> 16
  uint8_t max_bound = 0;                   // of the whole container
  uint32_t cardinality = 0;                // 1 to 65,536
  uint32_t first_rank = 0;                 // rank of the container's first posting in the term
  const uint16_t* array = nullptr;         // `cardinality` entries, ascending, or null
  const uint64_t* bitset = nullptr;        // kBitsetWords words, 64-byte aligned, or null
  const uint16_t* window_ranks = nullptr;  // kWindowsPerChunk entries, or null
  const uint8_t* word_bounds = nullptr;    // kBitsetWords entries (0: no posting), or null
};

// tf of the posting at `rank`: one byte each; 255 means that the true value stands in `escapes`.
struct FrequencyEscape {
  uint32_t rank;
  TermFrequency tf;
};

struct FrequencyView {
  const uint8_t* bytes = nullptr;
  absl::Span<const FrequencyEscape> escapes;  // by rank, ascending

  TermFrequency At(uint32_t rank) const {
    const uint8_t byte = bytes[rank];
    return byte != 255 ? byte : Escaped(rank);
  }
  // What stands in `escapes` for `rank`; 255 if nothing does.
  TermFrequency Escaped(uint32_t rank) const;
};

// Thread safety: immutable once made. Lifetime: borrows from the ShardFile; its views live as long
// as this object, also when it is moved.
class PostingList final {
 public:
  uint32_t df() const { return df_; }
  absl::Span<const ContainerView> containers() const { return containers_; }
  const FrequencyView& frequencies() const { return frequencies_; }

 private:
  friend class PostingDecoder;
  uint32_t df_ = 0;
  absl::InlinedVector<ContainerView, 4> containers_;
  FrequencyView frequencies_;
  // Short lists are decoded into these: arrays, then frequency bytes; escapes.
  std::unique_ptr<uint16_t[]> scratch_;
  std::vector<FrequencyEscape> escape_scratch_;
};

}  // namespace canopy
