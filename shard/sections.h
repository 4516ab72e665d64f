// The frame of a shard file: header, table of contents, footer. Reading it checks all three and
// gives the sections as views of the mapped bytes; what stands in them is for the other readers of
// this folder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/types.h"
#include "shard/format.h"

namespace canopy {

// A section's bytes, and what is needed to say what is wrong with them.
// Lifetime: points into the mapped file and into the SectionTable.
struct Section {
  SectionId id = SectionId::kHeader;
  bool present = false;
  std::string_view bytes;
  uint64_t file_offset = 0;
  uint64_t checksum = 0;  // that the table of contents demands
  const std::string* path = nullptr;

  const uint8_t* begin() const { return reinterpret_cast<const uint8_t*>(bytes.data()); }
  uint64_t size() const { return bytes.size(); }

  // DATA_LOSS naming file, section and `offset` (in the section).
  absl::Status Damage(uint64_t offset, std::string_view problem) const;
  // Reads the bytes and compares their checksum.
  absl::Status VerifyChecksum() const;
  // DATA_LOSS when `found` is not the checksum that the table of contents demands.
  absl::Status CompareChecksum(uint64_t found) const;
  // The section as an array of `count` elements of T, exactly; DATA_LOSS when its length is
  // another.
  template <typename T>
  absl::StatusOr<absl::Span<const T>> Array(uint64_t count) const {
    if (size() / sizeof(T) != count || size() % sizeof(T) != 0)
      return WrongLength(count, sizeof(T));
    return absl::Span<const T>(reinterpret_cast<const T*>(bytes.data()), count);
  }

 private:
  absl::Status WrongLength(uint64_t count, size_t element_size) const;
};

// Thread safety: immutable. Lifetime: borrows the file's bytes.
class SectionTable final {
 public:
  // Verifies the footer, the checksum of the table, that sections tile the file, and the header's
  // checksum. DATA_LOSS; FAILED_PRECONDITION: a newer version. `bytes` start at a multiple of 64 in
  // memory.
  static absl::StatusOr<SectionTable> Read(std::string path, std::string_view bytes);

  // A section that the file does not have is empty and not `present`.
  const Section& Get(SectionId id) const { return sections_[static_cast<size_t>(id)]; }
  // Those that the file has, in its order.
  std::vector<const Section*> Present() const;

  const std::string& path() const { return *path_; }
  ShardId shard() const { return shard_; }
  uint32_t num_shards() const { return num_shards_; }
  uint64_t checksum() const { return checksum_; }
  uint64_t size_bytes() const { return bytes_.size(); }
  // DATA_LOSS when a byte between sections is not zero.
  absl::Status VerifyPadding() const;

 private:
  SectionTable(std::string path, std::string_view bytes);
  absl::Status CheckVersion() const;
  absl::Status ReadTable();
  absl::Status AddEntry(std::string_view entry, uint64_t expected_offset, uint64_t table_offset);
  absl::Status ReadHeader();
  absl::Status CheckRequired() const;
  absl::Status FrameDamage(std::string_view part, uint64_t offset, std::string_view problem) const;

  std::unique_ptr<const std::string>
      path_;  // sections point to it, so it stays when this object moves
  std::string_view bytes_;
  std::array<Section, kSectionIds> sections_;
  ShardId shard_ = 0;
  uint32_t num_shards_ = 0;
  uint64_t checksum_ = 0;
};

}  // namespace canopy
