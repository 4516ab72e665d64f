// Which positions of a document belong to which text field. docs/shard_format.md ("field_spans")
// has the bytes.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/types.h"
#include "shard/offset_table.h"
#include "shard/sections.h"
#include "shard/statistics.h"

namespace canopy {

// Thread safety: immutable. Lifetime: borrows the mapped file.
class FieldSpanReader final {
 public:
  FieldSpanReader() = default;
  // DATA_LOSS: the sections' lengths do not fit the number of documents, or they are missing.
  static absl::StatusOr<FieldSpanReader> Open(const SectionTable& sections,
                                              const ShardStatistics& statistics);

  // False when the collection has at most one field, so that all positions are that field's.
  bool stored() const { return stored_; }
  // Positions [first, second) of the field; empty when the document does not have it. DATA_LOSS.
  // REQUIRES: stored(), doc < docs.
  absl::StatusOr<std::pair<uint32_t, uint32_t>> Find(LocalDoc doc, uint32_t field) const;
  // (field, tokens) in the document's order. DATA_LOSS: also when a field appears twice or does not
  // exist. REQUIRES: stored(), doc < docs.
  absl::StatusOr<std::vector<std::pair<uint32_t, uint32_t>>> Get(LocalDoc doc) const;

 private:
  bool stored_ = false;
  uint32_t fields_ = 0;
  OffsetTable table_;
};

}  // namespace canopy
