// Places of variable-size records in a section: a u32 a record relative to a u64 for each 65,536 of
// them, so that any record is found in one step at 4 bytes a record. Used for field spans and
// external ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "shard/sections.h"

namespace canopy {

// Thread safety: one thread.
class OffsetTableWriter final {
 public:
  // Bytes to append to the two sections. The caller empties them when it has written them out.
  struct Output {
    std::string places, bases;
  };

  // Notes where the next record starts: where those before it end. RESOURCE_EXHAUSTED: the records
  // of 65,536 documents take more than 4 GiB.
  absl::Status Add(uint64_t record_size);
  // Notes the end of the last record; no Add after it.
  absl::Status Finish() { return Add(0); }

  Output& output() { return output_; }

 private:
  Output output_;
  uint64_t records_ = 0;
  uint64_t base_ = 0;
  uint64_t end_ = 0;
};

// Thread safety: immutable. Lifetime: borrows the mapped file.
class OffsetTable final {
 public:
  OffsetTable() = default;
  // DATA_LOSS: the sections' lengths do not fit `records`.
  static absl::StatusOr<OffsetTable> Open(const Section& data, const Section& places,
                                          const Section& bases, uint64_t records);

  // The bytes of a record. DATA_LOSS: out of bounds. REQUIRES: record < records.
  absl::StatusOr<std::string_view> Get(uint64_t record) const;
  const Section& data() const { return *data_; }

 private:
  const Section* data_ = nullptr;
  absl::Span<const uint32_t> places_;
  absl::Span<const uint64_t> bases_;
};

}  // namespace canopy
