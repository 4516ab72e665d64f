// One shard of one generation, opened read-only by mapping its file. Everything a search needs is
// read in place; opening checks the header, the table of contents and every offset it will follow,
// and costs no time that grows with the file. Checksums of the sections' bytes are verified by
// VerifyChecksums (check_shard.h), before a shard is served: it is they who vouch for the contents
// of bitmaps, which the kernels do not check again.
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
#include "shard/dictionary_reader.h"
#include "shard/external_ids.h"
#include "shard/field_spans.h"
#include "shard/position_reader.h"
#include "shard/posting_decoder.h"
#include "shard/posting_list.h"
#include "shard/sections.h"
#include "shard/statistics.h"
#include "shard/stored_fields.h"

namespace canopy {

// Thread safety: immutable; all members from any thread.
class ShardFile final {
 public:
  // NOT_FOUND; DATA_LOSS (not a shard, cut, offsets out of bounds: file, section and offset are
  // named); FAILED_PRECONDITION (another format version: both versions are named).
  static absl::StatusOr<std::unique_ptr<ShardFile>> Open(FileSystem& files,
                                                         const std::string& path);
  // The same for a file that is mapped already; `path` is for messages.
  static absl::StatusOr<std::unique_ptr<ShardFile>> OpenMapped(MappedFile map,
                                                               const std::string& path);

  ShardId shard() const { return sections_.shard(); }
  uint32_t docs() const { return static_cast<uint32_t>(statistics_.docs); }  // of this shard
  // Chunks that these take, the last one perhaps in part.
  uint32_t num_chunks() const {
    return static_cast<uint32_t>((statistics_.docs + kChunkDocs - 1) / kChunkDocs);
  }
  uint64_t terms() const { return statistics_.terms; }                     // of this shard
  const CollectionStats& stats() const { return statistics_.collection; }  // of the collection
  const ShardStatistics& shard_statistics() const { return statistics_; }
  const std::string& path() const { return sections_.path(); }
  uint64_t size_bytes() const { return sections_.size_bytes(); }
  // Of the table of contents, which holds those of all sections.
  uint64_t checksum() const { return sections_.checksum(); }

  absl::StatusOr<std::optional<TermInfo>> FindTerm(std::string_view term) const {
    return dictionary_.Find(term);
  }
  // The same of each of `terms`, faster together (DictionaryReader::FindAll), and begins to load
  // their postings.
  absl::Status FindTerms(absl::Span<const std::string_view> terms,
                         absl::Span<std::optional<TermInfo>> infos) const;
  // Documents of the collection that hold the term in the field.
  absl::StatusOr<uint64_t> GlobalFieldDf(const TermInfo& term, uint32_t field) const;
  // Validates every offset of the term's directory before it returns.
  absl::StatusOr<PostingList> Postings(const TermInfo& term) const {
    return postings_->Decode(term);
  }
  absl::StatusOr<PositionReader> Positions(const TermInfo& term, const PostingList& postings) const;

  std::optional<uint32_t> FieldNumber(std::string_view name) const;
  // Length codes (length_code.h) of all text fields together, one a document.
  const uint8_t* length_codes() const { return length_codes_.data(); }
  // False when the collection has at most one field: then `field:term` is the same as `term`.
  bool has_field_spans() const { return field_spans_.stored(); }
  // Positions [first, second) of `field` in the document; empty when the document does not have it.
  // Without field spans field 0 has all positions: [0, UINT32_MAX). REQUIRES: doc < docs().
  absl::StatusOr<std::pair<uint32_t, uint32_t>> FieldSpan(LocalDoc doc, uint32_t field) const;
  // Null when every document is live, else a bit a document, docs() bits in 64-bit words padded to
  // whole chunks.
  const uint64_t* live_docs() const { return live_docs_.data(); }

  // REQUIRES of these: doc < docs().
  absl::StatusOr<std::string> ExternalId(LocalDoc doc) const { return ids_.Get(doc); }
  absl::StatusOr<std::optional<LocalDoc>> FindExternalId(std::string_view id) const {
    return ids_.Find(id);
  }
  // Name and value in the order of the input.
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> StoredFields(LocalDoc doc) const;

  // Whoever has read much of the file and needs the memory calls this (MappedFile::ReleasePages).
  void ReleasePages() const { map_.ReleasePages(); }

  // The parts, for CheckShard and for walking over all terms.
  const SectionTable& sections() const { return sections_; }
  const DictionaryReader& dictionary() const { return dictionary_; }
  const FieldSpanReader& field_spans() const { return field_spans_; }
  const StoredFieldsReader& stored_fields() const { return stored_fields_; }

 private:
  ShardFile(MappedFile map, SectionTable sections)
      : map_(std::move(map)), sections_(std::move(sections)) {}
  absl::Status OpenParts();
  absl::Status OpenLiveDocs();

  MappedFile map_;
  SectionTable sections_;
  ShardStatistics statistics_;
  DictionaryReader dictionary_;
  std::optional<PostingDecoder> postings_;
  absl::Span<const uint8_t> length_codes_;
  absl::Span<const uint64_t> live_docs_;
  FieldSpanReader field_spans_;
  ExternalIdReader ids_;
  StoredFieldsReader stored_fields_;
};

}  // namespace canopy
