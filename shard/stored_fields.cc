#include "shard/stored_fields.h"

#include <zstd.h>

#include <algorithm>
#include <memory>

#include "base/byte_io.h"
#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/format.h"
#include "shard/varint.h"

namespace canopy {
namespace {

// A context is expensive to make (160 KiB that the allocator returns to the system each time), so
// each thread keeps one.
ZSTD_CCtx* CompressionContext() {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  CHECK(context != nullptr);
  return context.get();
}

ZSTD_DCtx* DecompressionContext() {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  CHECK(context != nullptr);
  return context.get();
}

// A block ends with the record that reaches kStoredBlockBytes, and each document adds a size of at
// most 5 bytes.
constexpr uint64_t kMaxRawBytes = kMaxStoredRecordBytes + 8 * kStoredBlockBytes;
constexpr uint32_t kMaxBlockDocuments = kStoredBlockBytes;  // a record takes at least a byte

}  // namespace

absl::Status StoredFieldsEncoder::Add(StoredRecord record) {
  uint64_t size = VarintSize(record.size());
  for (const auto& [field, value] : record)
    size += VarintSize(field) + VarintSize(value.size()) + value.size();
  if (size > kMaxStoredRecordBytes) {
    return absl::InvalidArgumentError(
        Concat("stored fields of ", size, " bytes, limit ", kMaxStoredRecordBytes));
  }
  ByteWriter(record_sizes_).Varint(size);
  ByteWriter writer(records_);
  writer.Varint(record.size());
  for (const auto& [field, value] : record) {
    writer.Varint(field);
    writer.SizedBytes(value);
  }
  ++documents_;
  if (records_.size() >= kStoredBlockBytes) EndBlock();
  return absl::OkStatus();
}

void StoredFieldsEncoder::Seal() {
  EndBlock();
  record_sizes_ = {};
  records_ = {};
}

void StoredFieldsEncoder::EndBlock() {
  if (documents_ == 0) return;
  record_sizes_ += records_;
  const size_t before = bytes_.size();
  bytes_.resize(before + ZSTD_compressBound(record_sizes_.size()));
  const size_t compressed =
      ZSTD_compressCCtx(CompressionContext(), bytes_.data() + before, bytes_.size() - before,
                        record_sizes_.data(), record_sizes_.size(), level_);
  CHECK(!ZSTD_isError(compressed));  // the only errors are a small target and no memory
  bytes_.resize(before + compressed);
  blocks_.push_back({documents_, static_cast<uint32_t>(record_sizes_.size()), compressed});
  record_sizes_.clear();
  records_.clear();
  documents_ = 0;
}

size_t StoredFieldsEncoder::MemoryBytes() const {
  return bytes_.capacity() + record_sizes_.capacity() + records_.capacity() +
         blocks_.capacity() * sizeof(Block);
}

absl::StatusOr<StoredFieldsReader> StoredFieldsReader::Open(const SectionTable& sections,
                                                            uint64_t docs) {
  static_assert(sizeof(DirectoryEntry) == kStoredDirectoryEntryBytes);
  StoredFieldsReader reader;
  reader.section_ = &sections.Get(SectionId::kStored);
  const Section& directory = sections.Get(SectionId::kStoredDirectory);
  reader.directory_section_ = &directory;
  ASSIGN_OR_RETURN(reader.directory_,
                   directory.Array<DirectoryEntry>(directory.size() / sizeof(DirectoryEntry)));
  if (reader.directory_.empty()) return directory.Damage(0, "no entries");
  const DirectoryEntry& last = reader.directory_.back();
  if (last.offset != reader.section_->size() || last.first_doc != docs || last.raw_size != 0 ||
      reader.directory_.front().first_doc != 0) {
    return directory.Damage(0, Concat("ends at ", last.offset, " with document ", last.first_doc,
                                      ", expected ", reader.section_->size(), " and ", docs));
  }
  return reader;
}

absl::Status StoredFieldsReader::CheckEntry(uint64_t block) const {
  const DirectoryEntry& entry = directory_[block];
  const DirectoryEntry& next = directory_[block + 1];
  if (entry.offset >= next.offset || next.offset > section_->size() ||
      entry.first_doc >= next.first_doc || next.first_doc - entry.first_doc > kMaxBlockDocuments ||
      entry.raw_size > kMaxRawBytes) {
    return directory_section_->Damage(
        block * sizeof(DirectoryEntry),
        Concat("block ", block, " at ", entry.offset, " to ", next.offset, ", documents ",
               entry.first_doc, " to ", next.first_doc, ", ", entry.raw_size, " bytes"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> StoredFieldsReader::Decompress(uint64_t block) const {
  RETURN_IF_ERROR(CheckEntry(block));
  const DirectoryEntry& entry = directory_[block];
  const std::string_view compressed =
      section_->bytes.substr(entry.offset, directory_[block + 1].offset - entry.offset);
  // The frame says how long it is; a length that is a lie must not make us allocate.
  if (ZSTD_getFrameContentSize(compressed.data(), compressed.size()) != entry.raw_size) {
    return section_->Damage(entry.offset,
                            Concat("block ", block, " does not have ", entry.raw_size, " bytes"));
  }
  std::string raw(entry.raw_size, '\0');
  const size_t size = ZSTD_decompressDCtx(DecompressionContext(), raw.data(), raw.size(),
                                          compressed.data(), compressed.size());
  if (ZSTD_isError(size) || size != raw.size()) {
    return section_->Damage(
        entry.offset,
        Concat("block ", block, " cannot be decompressed", ZSTD_isError(size) ? ": " : "",
               ZSTD_isError(size) ? ZSTD_getErrorName(size) : ""));
  }
  return raw;
}

absl::StatusOr<std::vector<std::string_view>> StoredFieldsReader::CutRecords(
    uint64_t block, std::string_view raw) const {
  const DirectoryEntry& entry = directory_[block];
  const uint32_t documents = directory_[block + 1].first_doc - entry.first_doc;
  VarintCursor cursor(raw);
  std::vector<uint64_t> sizes(documents);
  for (uint64_t& size : sizes) size = cursor.Varint();
  std::vector<std::string_view> records;
  records.reserve(documents);
  for (const uint64_t size : sizes) records.push_back(cursor.Bytes(size));
  if (!cursor.ok() || !cursor.done()) {
    return section_->Damage(entry.offset,
                            Concat("block ", block, " is not ", documents, " records"));
  }
  return records;
}

absl::StatusOr<StoredFieldsReader::Record> StoredFieldsReader::ParseRecord(
    uint64_t block, std::string_view record) const {
  VarintCursor cursor(record);
  const uint64_t fields = cursor.Varint();
  Record parsed;
  for (uint64_t i = 0; i < fields && cursor.ok(); ++i) {
    const uint32_t field = cursor.Varint32();
    parsed.emplace_back(field, std::string(cursor.Bytes(cursor.Varint())));
  }
  if (!cursor.ok() || !cursor.done()) {
    return section_->Damage(directory_[block].offset,
                            Concat("block ", block, " has a damaged record"));
  }
  return parsed;
}

absl::StatusOr<StoredFieldsReader::Record> StoredFieldsReader::Read(LocalDoc doc) const {
  const auto after =
      std::upper_bound(directory_.begin(), directory_.end(), doc,
                       [](LocalDoc d, const DirectoryEntry& entry) { return d < entry.first_doc; });
  const auto block =
      static_cast<uint64_t>(after - directory_.begin()) - 1;  // the first entry's document is 0
  if (block >= blocks())
    return directory_section_->Damage(0, Concat("document ", doc, " has no block"));
  ASSIGN_OR_RETURN(const std::string raw, Decompress(block));
  ASSIGN_OR_RETURN(const std::vector<std::string_view> records, CutRecords(block, raw));
  const uint64_t place = doc - directory_[block].first_doc;
  if (place >= records.size())
    return directory_section_->Damage(0, "first documents do not ascend");
  return ParseRecord(block, records[place]);
}

absl::StatusOr<std::vector<StoredFieldsReader::Record>> StoredFieldsReader::ReadBlock(
    uint64_t block) const {
  ASSIGN_OR_RETURN(const std::string raw, Decompress(block));
  ASSIGN_OR_RETURN(const std::vector<std::string_view> records, CutRecords(block, raw));
  std::vector<Record> parsed;
  for (const std::string_view record : records) {
    ASSIGN_OR_RETURN(Record fields, ParseRecord(block, record));
    parsed.push_back(std::move(fields));
  }
  return parsed;
}

}  // namespace canopy
