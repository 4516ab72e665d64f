// What is counted over the documents: by each worker over its own, then summed (all of it is
// integers, so the order does not matter), at last written into every shard as its CollectionStats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace canopy {

// Thread safety: none.
struct CorpusStats {
  struct Field {
    uint64_t docs = 0;  // that have at least one token in the field
    uint64_t tokens = 0;
  };
  uint64_t docs = 0;
  uint64_t tokens = 0;
  std::vector<Field> fields;                     // by number
  std::array<uint64_t, 256> length_histogram{};  // documents by length code

  // (field number, tokens) of a document.
  void CountDocument(absl::Span<const std::pair<uint32_t, uint32_t>> field_tokens);
  void Add(const CorpusStats& other);
};

}  // namespace canopy
