// How much a term can add to a score, in every shard of the collection: the file of a generation
// that lets whoever holds one shard say what the others cannot reach (score_bounds.h).
// docs/shard_format.md ("The file of term bounds") has the bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file_system.h"
#include "base/types.h"
#include "shard/term_bounds_format.h"

namespace canopy {

// Thread safety: immutable; all members from any thread.
class TermBounds final {
 public:
  // NOT_FOUND; DATA_LOSS (not such a file, cut, offsets out of bounds); FAILED_PRECONDITION
  // (another format version).
  static absl::StatusOr<std::unique_ptr<TermBounds>> Open(FileSystem& files,
                                                          const std::string& path);

  // Reads every byte. DATA_LOSS: not what was written. `progress`, if any, is told of all bytes of
  // the file, some at a time; its error ends the check.
  absl::Status VerifyChecksum(
      const std::function<absl::Status(uint64_t bytes)>& progress = {}) const;

  // Fills one byte a shard: 0 when the shard does not have the term, else at least the bound of all
  // its postings there (docs/shard_format.md, "Bounds"). Returns a number that the term's document
  // frequency in the collection is not below. REQUIRES: bounds.size() == num_shards().
  uint64_t Find(std::string_view term, absl::Span<uint8_t> bounds) const;

  // For walks over terms that ascend; `place` is where the walk is, at first 0. Whether the term
  // has a row; then `place` is its.
  bool FindRow(std::string_view term, size_t& place) const;
  // The row's byte of a shard. REQUIRES: place < frequent_terms().
  uint8_t Bound(size_t place, ShardId shard) const {
    return static_cast<uint8_t>(bounds_[place * num_shards_ + shard]);
  }
  uint64_t LeastDf(size_t place) const { return dfs_[place]; }
  // For terms without a row: false: the shard does not have it.
  bool MayHave(std::string_view term, ShardId shard) const;

  uint32_t num_shards() const { return num_shards_; }
  uint64_t docs() const { return docs_; }  // of the collection
  uint64_t frequent_terms() const { return dfs_.size(); }
  const std::string& path() const { return path_; }
  uint64_t size_bytes() const { return map_.bytes().size(); }
  // Of the footer, which holds that of all the rest.
  uint64_t checksum() const { return checksum_; }

 private:
  TermBounds(MappedFile map, std::string path) : map_(std::move(map)), path_(std::move(path)) {}
  absl::Status ReadHeader();
  absl::Status ReadFooter();
  absl::Status ReadPlaces();
  absl::Status Damage(uint64_t offset, std::string_view problem) const;
  std::string_view Name(size_t place) const {
    return names_.substr(places_[place], places_[place + 1] - places_[place]);
  }
  // REQUIRES of these: filter_rows_ > 0.
  FilterRows RowsOf(std::string_view term) const;
  bool FilterHas(const FilterRows& rows, uint32_t shard) const;

  MappedFile map_;
  const std::string path_;
  uint32_t num_shards_ = 0;
  uint64_t docs_ = 0;
  uint64_t body_checksum_ = 0;
  uint64_t checksum_ = 0;
  absl::Span<const uint32_t> dfs_;
  absl::Span<const uint32_t> places_;
  std::string_view bounds_;
  std::string_view names_;
  uint64_t filter_rows_ = 0;
  std::string_view filter_;
};

}  // namespace canopy
