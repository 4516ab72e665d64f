// One shard of one generation, opened read-only by mapping its file. Everything a search needs is read in place;
// opening checks the header, the table of contents and every offset it will follow, and costs no time that grows with
// the file. Checksums of the sections' bytes are verified by CheckShard (check_shard.h), before a shard is served.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file_system.h"
#include "base/types.h"
#include "shard/posting_list.h"

namespace canopy {

// What the whole collection (all shards) knows; the same in every shard of a generation.
struct CollectionStats {
  uint64_t docs = 0;
  uint64_t tokens = 0;       // total length
  uint32_t num_shards = 1;
  std::string analyzer;      // name, e.g. "english"
  uint32_t analyzer_version = 0;
  float k1 = 1.2f;
  float b = 0.75f;
  struct FieldStats {
    std::string name;
    uint64_t docs = 0;    // that have the field
    uint64_t tokens = 0;
  };
  std::vector<FieldStats> fields;        // a field's place here is its number: first seen in the corpus, first here
  std::vector<uint64_t> length_histogram;  // 256 entries: documents by length code (shard/length_code.h)
};

// A term as the dictionary describes it. `postings` and `positions` are byte offsets, opaque outside shard/.
struct TermInfo {
  uint32_t df = 0;         // documents in this shard
  uint64_t global_df = 0;  // documents in the collection
  uint64_t postings = 0;
  uint64_t positions = 0;
  uint64_t ordinal = 0;    // place in the shard's dictionary
};

// Lifetime: borrows from the ShardFile; views from Container() live as long as this object.
class PostingList final {
 public:
  uint32_t df() const { return df_; }
  absl::Span<const ContainerView> containers() const { return containers_; }
  const FrequencyView& frequencies() const { return frequencies_; }

 private:
  friend class ShardFile;
  uint32_t df_ = 0;
  std::vector<ContainerView> containers_;
  FrequencyView frequencies_;
  std::vector<uint16_t> array_scratch_;  // short lists are decoded into these
  std::vector<uint8_t> frequency_scratch_;
  std::vector<FrequencyEscape> escape_scratch_;
};

// Positions of one term's postings, decoded on demand. Positions count tokens over all text fields of a document, one
// after the other without gaps, from 0.
// Thread safety: one thread. Lifetime: borrows from the ShardFile.
class PositionReader final {
 public:
  // Appends the `tf` positions of the posting at `rank` to `out`, ascending. Cheapest when ranks ascend.
  // DATA_LOSS: the bytes end early or positions do not ascend.
  absl::Status Read(uint32_t rank, TermFrequency tf, std::vector<uint32_t>& out);

 private:
  friend class ShardFile;
  const FrequencyView* frequencies_ = nullptr;
  const uint8_t* begin_ = nullptr;
  const uint8_t* end_ = nullptr;
  // (block directory and the place after the last read: see shard_file.cc)
};

// Thread safety: immutable; all members from any thread.
class ShardFile final {
 public:
  // NOT_FOUND; DATA_LOSS (not a shard, cut, offsets out of bounds: file, section and offset are named);
  // FAILED_PRECONDITION (a newer format version: both versions are named).
  static absl::StatusOr<std::unique_ptr<ShardFile>> Open(FileSystem& files, const std::string& path);

  ShardId shard() const;
  uint32_t docs() const;                 // of this shard
  const CollectionStats& stats() const;  // of the collection
  const std::string& path() const;
  uint64_t size_bytes() const;
  uint64_t checksum() const;             // of the table of contents, which holds those of all sections

  absl::StatusOr<std::optional<TermInfo>> FindTerm(std::string_view term) const;
  // Documents of the collection that hold the term in the field.
  absl::StatusOr<uint64_t> GlobalFieldDf(const TermInfo& term, uint32_t field) const;
  // Validates every offset of the term's directory before it returns.
  absl::StatusOr<PostingList> Postings(const TermInfo& term) const;
  absl::StatusOr<PositionReader> Positions(const TermInfo& term, const PostingList& postings) const;

  std::optional<uint32_t> FieldNumber(std::string_view name) const;
  // Length codes (length_code.h) of all text fields together, one a document.
  const uint8_t* length_codes() const;
  // Positions [first, second) of `field` in the document; empty when the document does not have it.
  absl::StatusOr<std::pair<uint32_t, uint32_t>> FieldSpan(LocalDoc doc, uint32_t field) const;
  // Null when every document is live, else a bit a document, docs() bits in 64-bit words padded to whole chunks.
  const uint64_t* live_docs() const;

  absl::StatusOr<std::string> ExternalId(LocalDoc doc) const;
  absl::StatusOr<std::optional<LocalDoc>> FindExternalId(std::string_view id) const;
  // Name and value in the order of the input.
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> StoredFields(LocalDoc doc) const;
};

}  // namespace canopy
