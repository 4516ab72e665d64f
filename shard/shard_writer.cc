#include "shard/shard_writer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/byte_io.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/dictionary_writer.h"
#include "shard/format.h"
#include "shard/id_writer.h"
#include "shard/offset_table.h"
#include "shard/posting_list.h"
#include "shard/section_output.h"

namespace canopy {
namespace {

constexpr size_t kMaxPendingBytes = 4 << 20;

std::string EncodeHeader(const ShardWriterOptions& options) {
  std::string header;
  ByteWriter writer(header);
  writer.Bytes(kHeaderMagic);
  writer.U32(kFormatVersion);
  writer.U32(options.shard);
  writer.U32(options.num_shards);
  writer.AlignTo(kHeaderBytes);
  return header;
}

// What bounds were computed with; the same in every batch.
struct BoundParameters {
  double average_length;
  float k1, b;
  bool operator==(const BoundParameters&) const = default;
};

}  // namespace

// The shard file grows in the order of its sections: header; stored, while documents come;
// postings, while terms come; then the other sections are copied from their spools.
class ShardWriter::Impl final {
 public:
  Impl(FileSystem& files, ShardWriterOptions options)
      : options_(std::move(options)),
        file_(files, options_.directory + "/" + options_.file_name),
        positions_(files, SpoolPath("positions")),
        dictionary_(files, SpoolPath("dictionary")),
        dictionary_keys_(files, SpoolPath("dictionary_keys")),
        dictionary_places_(files, SpoolPath("dictionary_places")),
        field_spans_(files, SpoolPath("field_spans")),
        field_span_places_(files, SpoolPath("field_span_places")),
        field_span_bases_(files, SpoolPath("field_span_bases")),
        stored_directory_(files, SpoolPath("stored_directory")),
        ids_(files, {options_.shard, options_.num_shards, file_.path()}) {}

  ~Impl() {
    if (!finished_) file_.Remove();
  }

  absl::Status Start() {
    RETURN_IF_ERROR(WriteSection(SectionId::kHeader, EncodeHeader(options_)));
    return StartSection();
  }

  absl::Status AddDocs(EncodedDocs&& docs);
  absl::Span<const uint8_t> length_codes() const {
    return {reinterpret_cast<const uint8_t*>(lengths_.data()), lengths_.size()};
  }
  absl::Status AddTerms(EncodedTerms&& terms);
  absl::StatusOr<ShardSummary> Finish(const CollectionStats& stats);

 private:
  struct TocEntry {
    SectionId id;
    uint64_t offset, length, checksum;
  };

  std::string SpoolPath(std::string_view section) const {
    return Concat(file_.path(), ".", section);
  }

  // The section that is being written at the end of the file.
  absl::Status StartSection();
  absl::Status EndSection(SectionId id);
  absl::Status WriteSection(SectionId id, std::string_view bytes);
  absl::Status CopySection(SectionId id, const Spool& spool);

  absl::Status AddStored(const EncodedDocs& docs);
  absl::Status AddFieldSpans(EncodedDocs& docs);
  absl::Status AddIds(const EncodedDocs& docs);
  absl::Status StartTerms();
  absl::Status CheckBatch(const EncodedTerms& terms);
  absl::Status AddRecords(const EncodedTerms& terms);

  absl::Status CheckStats(const CollectionStats& stats) const;
  absl::Status EndInput();
  absl::Status WriteSections(const CollectionStats& stats);
  absl::Status WriteLiveDocs();
  absl::Status WriteTable();

  const ShardWriterOptions options_;
  AppendedFile file_;
  std::vector<TocEntry> toc_;
  std::optional<SectionOutput> section_;
  uint64_t section_offset_ = 0;

  std::string lengths_;
  uint64_t stored_blocks_end_ = 0;
  uint64_t doc_tokens_ = 0;
  uint32_t fields_ = 0;  // above every field number
  OffsetTableWriter field_span_table_;

  bool terms_started_ = false;
  bool finished_ = false;
  std::optional<BoundParameters> bounds_;
  DictionaryWriter dictionary_writer_;
  uint64_t postings_ = 0;
  uint64_t term_tokens_ = 0;
  uint64_t checksum_ = 0;

  Spool positions_, dictionary_, dictionary_keys_, dictionary_places_;
  Spool field_spans_, field_span_places_, field_span_bases_, stored_directory_;
  IdWriter ids_;
};

absl::Status ShardWriter::Impl::StartSection() {
  const uint64_t offset = AlignUp(file_.size(), kSectionAlignment);
  RETURN_IF_ERROR(file_.Append(std::string(offset - file_.size(), '\0')));
  section_offset_ = offset;
  section_.emplace(file_);
  return absl::OkStatus();
}

absl::Status ShardWriter::Impl::EndSection(SectionId id) {
  toc_.push_back({id, section_offset_, section_->size(), section_->checksum()});
  section_.reset();
  return absl::OkStatus();
}

absl::Status ShardWriter::Impl::WriteSection(SectionId id, std::string_view bytes) {
  RETURN_IF_ERROR(StartSection());
  RETURN_IF_ERROR(section_->Append(bytes));
  return EndSection(id);
}

absl::Status ShardWriter::Impl::CopySection(SectionId id, const Spool& spool) {
  RETURN_IF_ERROR(StartSection());
  RETURN_IF_ERROR(
      spool.ForEachPiece([&](std::string_view piece) { return section_->Append(piece); }));
  return EndSection(id);
}

absl::Status ShardWriter::Impl::AddDocs(EncodedDocs&& docs) {
  if (terms_started_) return absl::InvalidArgumentError("documents after terms");
  RETURN_IF_ERROR(docs.status_);
  if (lengths_.size() + docs.docs() > kMaxDocsPerShard) {
    return absl::ResourceExhaustedError(Concat(lengths_.size() + docs.docs(),
                                               " documents in shard ", options_.shard, ", limit ",
                                               kMaxDocsPerShard, "; use more shards"));
  }
  RETURN_IF_ERROR(AddStored(docs));
  RETURN_IF_ERROR(AddFieldSpans(docs));
  RETURN_IF_ERROR(AddIds(docs));
  lengths_ += docs.lengths_;
  doc_tokens_ += docs.tokens_;
  fields_ = std::max(fields_, docs.fields_);
  return absl::OkStatus();
}

absl::Status ShardWriter::Impl::AddStored(const EncodedDocs& docs) {
  std::string directory;
  ByteWriter writer(directory);
  uint64_t first_doc = lengths_.size();
  for (const StoredFieldsEncoder::Block& block : docs.stored_.blocks()) {
    writer.U64(stored_blocks_end_);
    writer.U32(static_cast<uint32_t>(first_doc));
    writer.U32(block.raw_size);
    stored_blocks_end_ += block.compressed_size;
    first_doc += block.documents;
  }
  CHECK(first_doc == lengths_.size() + docs.docs());  // else Seal was not called
  RETURN_IF_ERROR(section_->Append(docs.stored_.bytes()));
  return stored_directory_.Append(directory);
}

absl::Status ShardWriter::Impl::AddFieldSpans(EncodedDocs& docs) {
  for (const uint32_t size : docs.span_sizes_) RETURN_IF_ERROR(field_span_table_.Add(size));
  RETURN_IF_ERROR(field_spans_.Flush(docs.spans_));
  RETURN_IF_ERROR(field_span_places_.Flush(field_span_table_.output().places));
  return field_span_bases_.Flush(field_span_table_.output().bases);
}

absl::Status ShardWriter::Impl::AddIds(const EncodedDocs& docs) {
  std::string_view ids = docs.ids_;
  for (const uint32_t size : docs.id_sizes_) {
    RETURN_IF_ERROR(ids_.Add(ids.substr(0, size)));
    ids.remove_prefix(size);
  }
  return ids_.Flush();
}

absl::Status ShardWriter::Impl::StartTerms() {
  if (terms_started_) return absl::OkStatus();
  terms_started_ = true;
  RETURN_IF_ERROR(EndSection(SectionId::kStored));
  return StartSection();
}

absl::Status ShardWriter::Impl::CheckBatch(const EncodedTerms& terms) {
  const BoundParameters bounds{terms.average_length_, terms.k1_, terms.b_};
  if (!bounds_) bounds_ = bounds;
  if (bounds != *bounds_ || terms.length_codes_.size() != lengths_.size()) {
    return absl::InvalidArgumentError(Concat(
        "terms encoded with average length ", bounds.average_length, ", k1 ", bounds.k1, ", b ",
        bounds.b, " and ", terms.length_codes_.size(), " lengths, expected ",
        bounds_->average_length, ", ", bounds_->k1, ", ", bounds_->b, " and ", lengths_.size()));
  }
  return absl::OkStatus();
}

absl::Status ShardWriter::Impl::AddTerms(EncodedTerms&& terms) {
  RETURN_IF_ERROR(terms.status_);
  RETURN_IF_ERROR(StartTerms());
  RETURN_IF_ERROR(CheckBatch(terms));
  RETURN_IF_ERROR(AddRecords(terms));
  RETURN_IF_ERROR(positions_.Flush(terms.positions_));
  DictionaryWriter::Output& output = dictionary_writer_.output();
  RETURN_IF_ERROR(dictionary_.Flush(output.entries));
  RETURN_IF_ERROR(dictionary_keys_.Flush(output.keys));
  RETURN_IF_ERROR(dictionary_places_.Flush(output.places));
  postings_ += terms.postings_count_;
  term_tokens_ += terms.tokens_;
  fields_ = std::max(fields_, terms.fields_);
  return absl::OkStatus();
}

absl::Status ShardWriter::Impl::AddRecords(const EncodedTerms& terms) {
  std::string_view names = terms.terms_, blobs = terms.postings_;
  absl::Span<const std::pair<uint32_t, uint64_t>> field_dfs = terms.field_dfs_;
  std::string pending;
  for (const EncodedTerms::Record& record : terms.records_) {
    DictionaryEntry entry;
    entry.term = names.substr(0, record.term_size);
    entry.df = record.df;
    entry.global_df = record.global_df;
    entry.global_field_df = field_dfs.subspan(0, record.field_dfs);
    entry.single_doc = record.single_doc;
    entry.single_tf = record.single_tf;
    entry.postings_size = record.postings_size;
    entry.has_bitset = record.has_bitset;
    entry.positions_size = record.positions_size;
    if (record.df > 1) {
      pending.resize(dictionary_writer_.PostingsStart(entry) - section_->size());
      pending += blobs.substr(0, record.postings_size);
    }
    RETURN_IF_ERROR(dictionary_writer_.Add(entry));
    names.remove_prefix(record.term_size);
    blobs.remove_prefix(record.postings_size);
    field_dfs.remove_prefix(record.field_dfs);
    if (pending.size() > kMaxPendingBytes) RETURN_IF_ERROR(section_->Flush(pending));
  }
  return section_->Flush(pending);
}

absl::Status ShardWriter::Impl::CheckStats(const CollectionStats& stats) const {
  RETURN_IF_ERROR(ValidateStats(stats));
  if (stats.num_shards != options_.num_shards || lengths_.size() > stats.docs ||
      doc_tokens_ > stats.tokens) {
    return absl::InvalidArgumentError(Concat("statistics of ", stats.num_shards, " shards, ",
                                             stats.docs, " documents, ", stats.tokens,
                                             " tokens; this is one of ", options_.num_shards,
                                             " with ", lengths_.size(), " and ", doc_tokens_));
  }
  if (bounds_ && *bounds_ != BoundParameters{stats.AverageLength(), stats.k1, stats.b}) {
    return absl::InvalidArgumentError(
        Concat("statistics say average length ", stats.AverageLength(), ", k1 ", stats.k1, ", b ",
               stats.b, "; terms were encoded with ", bounds_->average_length, ", ", bounds_->k1,
               ", ", bounds_->b));
  }
  if (term_tokens_ != doc_tokens_) {
    return absl::InvalidArgumentError(
        Concat("terms occur ", term_tokens_, " times, documents have ", doc_tokens_, " tokens"));
  }
  if (fields_ > stats.fields.size()) {
    return absl::InvalidArgumentError(
        Concat("field ", fields_ - 1, " of ", stats.fields.size(), " fields"));
  }
  return absl::OkStatus();
}

// Ends the sections that grow with the input.
absl::Status ShardWriter::Impl::EndInput() {
  RETURN_IF_ERROR(StartTerms());
  RETURN_IF_ERROR(EndSection(SectionId::kPostings));
  dictionary_writer_.Finish();
  RETURN_IF_ERROR(dictionary_places_.Flush(dictionary_writer_.output().places));
  RETURN_IF_ERROR(field_span_table_.Finish());
  RETURN_IF_ERROR(field_span_places_.Flush(field_span_table_.output().places));
  RETURN_IF_ERROR(field_span_bases_.Flush(field_span_table_.output().bases));
  std::string last_entry;
  ByteWriter writer(last_entry);
  writer.U64(stored_blocks_end_);
  writer.U32(static_cast<uint32_t>(lengths_.size()));
  writer.U32(0);
  RETURN_IF_ERROR(stored_directory_.Append(last_entry));
  return ids_.Finish();
}

absl::Status ShardWriter::Impl::WriteSections(const CollectionStats& stats) {
  RETURN_IF_ERROR(CopySection(SectionId::kPositions, positions_));
  RETURN_IF_ERROR(CopySection(SectionId::kDictionary, dictionary_));
  RETURN_IF_ERROR(CopySection(SectionId::kDictionaryKeys, dictionary_keys_));
  RETURN_IF_ERROR(CopySection(SectionId::kDictionaryPlaces, dictionary_places_));
  RETURN_IF_ERROR(WriteSection(SectionId::kLengths, lengths_));
  if (stats.fields.size() > 1) {
    RETURN_IF_ERROR(CopySection(SectionId::kFieldSpans, field_spans_));
    RETURN_IF_ERROR(CopySection(SectionId::kFieldSpanPlaces, field_span_places_));
    RETURN_IF_ERROR(CopySection(SectionId::kFieldSpanBases, field_span_bases_));
  }
  RETURN_IF_ERROR(CopySection(SectionId::kStoredDirectory, stored_directory_));
  if (ids_.stored()) {
    RETURN_IF_ERROR(CopySection(SectionId::kIds, ids_.sections().ids));
    RETURN_IF_ERROR(CopySection(SectionId::kIdPlaces, ids_.sections().places));
    RETURN_IF_ERROR(CopySection(SectionId::kIdBases, ids_.sections().bases));
    RETURN_IF_ERROR(CopySection(SectionId::kIdBuckets, ids_.sections().buckets));
    RETURN_IF_ERROR(CopySection(SectionId::kIdDocs, ids_.sections().docs));
  }
  RETURN_IF_ERROR(WriteLiveDocs());
  ShardStatistics statistics;
  statistics.collection = stats;
  statistics.average_length = stats.AverageLength();
  statistics.shard = options_.shard;
  statistics.docs = lengths_.size();
  statistics.terms = dictionary_writer_.terms();
  statistics.postings = postings_;
  statistics.tokens = doc_tokens_;
  return WriteSection(SectionId::kStatistics, EncodeStatistics(statistics));
}

absl::Status ShardWriter::Impl::WriteLiveDocs() {
  if (options_.deleted_docs.empty()) return absl::OkStatus();
  if (options_.deleted_docs.back() >= lengths_.size()) {
    return absl::InvalidArgumentError(
        Concat("deleted document ", options_.deleted_docs.back(), " of ", lengths_.size()));
  }
  std::vector<uint64_t> words(AlignUp(lengths_.size(), kChunkDocs) / 64);
  for (uint64_t doc = 0; doc < lengths_.size(); ++doc) words[doc / 64] |= uint64_t{1} << (doc % 64);
  for (const LocalDoc doc : options_.deleted_docs) words[doc / 64] &= ~(uint64_t{1} << (doc % 64));
  return WriteSection(SectionId::kLiveDocs,
                      std::string_view(reinterpret_cast<const char*>(words.data()),
                                       words.size() * sizeof(uint64_t)));
}

absl::Status ShardWriter::Impl::WriteTable() {
  const uint64_t offset = AlignUp(file_.size(), kSectionAlignment);
  std::string bytes(offset - file_.size(), '\0');
  std::string table;
  ByteWriter entries(table);
  for (const TocEntry& entry : toc_) {
    entries.U32(static_cast<uint32_t>(entry.id));
    entries.U32(0);
    entries.U64(entry.offset);
    entries.U64(entry.length);
    entries.U64(entry.checksum);
  }
  checksum_ = Checksum(table);
  bytes += table;
  ByteWriter footer(bytes);
  footer.U64(offset);
  footer.U32(static_cast<uint32_t>(toc_.size()));
  footer.U32(0);
  footer.U64(checksum_);
  footer.Bytes(kFooterMagic);
  return file_.Append(bytes);
}

absl::StatusOr<ShardSummary> ShardWriter::Impl::Finish(const CollectionStats& stats) {
  CHECK(!finished_);
  RETURN_IF_ERROR(CheckStats(stats));
  RETURN_IF_ERROR(EndInput());
  RETURN_IF_ERROR(WriteSections(stats));
  RETURN_IF_ERROR(WriteTable());
  RETURN_IF_ERROR(file_.Sync());
  finished_ = true;
  ShardSummary summary;
  summary.docs = lengths_.size();
  summary.terms = dictionary_writer_.terms();
  summary.postings = postings_;
  summary.tokens = doc_tokens_;
  summary.size_bytes = file_.size();
  summary.checksum = checksum_;
  return summary;
}

absl::StatusOr<std::unique_ptr<ShardWriter>> ShardWriter::Create(FileSystem& files,
                                                                 ShardWriterOptions options) {
  if (options.shard >= options.num_shards) {
    return absl::InvalidArgumentError(Concat("shard ", options.shard, " of ", options.num_shards));
  }
  const auto& deleted = options.deleted_docs;
  if (std::adjacent_find(deleted.begin(), deleted.end(), std::greater_equal<>()) != deleted.end()) {
    return absl::InvalidArgumentError("deleted documents do not ascend");
  }
  auto impl = std::make_unique<Impl>(files, std::move(options));
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<ShardWriter>(new ShardWriter(std::move(impl)));
}

ShardWriter::ShardWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ShardWriter::~ShardWriter() = default;

absl::Status ShardWriter::AddDocs(EncodedDocs&& docs) { return impl_->AddDocs(std::move(docs)); }
absl::Span<const uint8_t> ShardWriter::length_codes() const { return impl_->length_codes(); }
absl::Status ShardWriter::AddTerms(EncodedTerms&& terms) {
  return impl_->AddTerms(std::move(terms));
}
absl::StatusOr<ShardSummary> ShardWriter::Finish(const CollectionStats& stats) {
  return impl_->Finish(stats);
}

}  // namespace canopy
