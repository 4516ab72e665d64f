// Stored fields: what documents looked like, compressed in blocks with zstd. Written once, read
// only for the documents that are shown. docs/shard_format.md ("stored and stored_directory") has
// the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/types.h"
#include "shard/sections.h"

namespace canopy {

// (field number, value) in the order of the document.
using StoredRecord = absl::Span<const std::pair<uint32_t, std::string_view>>;

// Turns records into compressed blocks. Thread safety: one thread.
class StoredFieldsEncoder final {
 public:
  struct Block {
    uint32_t documents = 0;
    uint32_t raw_size = 0;         // before compression
    uint64_t compressed_size = 0;  // in `blocks_bytes`
  };

  explicit StoredFieldsEncoder(int compression_level) : level_(compression_level) {}

  // INVALID_ARGUMENT: the record is larger than kMaxStoredRecordBytes; it is not added.
  absl::Status Add(StoredRecord record);
  // Compresses what is left and frees what only Add needs; no Add after it.
  void Seal();

  const std::vector<Block>& blocks() const { return blocks_; }
  const std::string& bytes() const { return bytes_; }  // of all blocks, one after the other
  size_t MemoryBytes() const;

 private:
  void EndBlock();

  int level_;
  std::vector<Block> blocks_;
  std::string bytes_;
  std::string record_sizes_;  // of the block that is being filled
  std::string records_;
  uint32_t documents_ = 0;
};

// Thread safety: immutable. Lifetime: borrows the mapped file.
class StoredFieldsReader final {
 public:
  using Record = std::vector<std::pair<uint32_t, std::string>>;  // field number, value

  StoredFieldsReader() = default;
  // DATA_LOSS: the directory is not that of `docs` documents.
  static absl::StatusOr<StoredFieldsReader> Open(const SectionTable& sections, uint64_t docs);

  // DATA_LOSS: the document's block is damaged. REQUIRES: doc < docs.
  absl::StatusOr<Record> Read(LocalDoc doc) const;

  // For checking: blocks, and the records of all documents of one; the whole block is looked at.
  uint64_t blocks() const { return directory_.size() - 1; }
  absl::StatusOr<std::vector<Record>> ReadBlock(uint64_t block) const;

 private:
  struct DirectoryEntry {
    uint64_t offset;
    uint32_t first_doc;
    uint32_t raw_size;
  };

  absl::Status CheckEntry(uint64_t block) const;
  absl::StatusOr<std::string> Decompress(uint64_t block) const;
  // The bytes of each record of a decompressed block.
  absl::StatusOr<std::vector<std::string_view>> CutRecords(uint64_t block,
                                                           std::string_view raw) const;
  absl::StatusOr<Record> ParseRecord(uint64_t block, std::string_view record) const;

  const Section* section_ = nullptr;
  const Section* directory_section_ = nullptr;
  absl::Span<const DirectoryEntry> directory_;
};

}  // namespace canopy
