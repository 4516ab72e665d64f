// External ids: the names that users gave their documents. Most often a name is just the document's
// number, and then nothing is stored. docs/shard_format.md ("ids ...") has the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/types.h"
#include "shard/offset_table.h"
#include "shard/sections.h"

namespace canopy {

// `text` as a number, if it is the way in which a number is written in decimal (no sign, no leading
// zeros).
std::optional<uint64_t> ParseDecimal(std::string_view text);

// How `id_buckets` is cut for a number of documents.
struct IdBuckets {
  explicit IdBuckets(uint64_t docs);
  uint64_t count = 1;  // a power of two
  int shift = 64;      // hash >> shift is the bucket
  uint64_t Of(uint64_t hash) const { return shift == 64 ? 0 : hash >> shift; }
};

// Thread safety: immutable. Lifetime: borrows the mapped file.
class ExternalIdReader final {
 public:
  ExternalIdReader() = default;
  // DATA_LOSS: the sections' lengths do not fit the number of documents.
  static absl::StatusOr<ExternalIdReader> Open(const SectionTable& sections, uint64_t docs);

  // DATA_LOSS: out of bounds. REQUIRES: doc < docs.
  absl::StatusOr<std::string> Get(LocalDoc doc) const;
  // DATA_LOSS: the bucket is damaged.
  absl::StatusOr<std::optional<LocalDoc>> Find(std::string_view id) const;

 private:
  std::optional<LocalDoc> FindNumber(std::string_view id) const;

  bool stored_ = false;
  ShardId shard_ = 0;
  uint32_t num_shards_ = 1;
  uint64_t docs_ = 0;
  OffsetTable table_;
  const Section* buckets_section_ = nullptr;
  absl::Span<const uint32_t> buckets_;
  absl::Span<const uint32_t> bucket_docs_;
};

}  // namespace canopy
