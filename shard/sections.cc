#include "shard/sections.h"

#include "absl/strings/str_format.h"
#include "base/byte_io.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr SectionId kRequired[] = {
    SectionId::kHeader,           SectionId::kStored,     SectionId::kPostings,
    SectionId::kPositions,        SectionId::kDictionary, SectionId::kDictionaryKeys,
    SectionId::kDictionaryPlaces, SectionId::kLengths,    SectionId::kStoredDirectory,
    SectionId::kStatistics,
};

// The first place of `bytes` that is not zero, or npos.
size_t FirstNonZero(std::string_view bytes) { return bytes.find_first_not_of('\0'); }

}  // namespace

absl::Status Section::Damage(uint64_t offset, std::string_view problem) const {
  return absl::DataLossError(
      Concat(*path, ": section \"", SectionName(id), "\" offset ", offset, ": ", problem));
}

absl::Status Section::VerifyChecksum() const { return CompareChecksum(Checksum(bytes)); }

absl::Status Section::CompareChecksum(uint64_t found) const {
  if (found == checksum) return absl::OkStatus();
  return absl::DataLossError(absl::StrFormat(
      "%s: section \"%s\" at file offset %d, %d bytes: checksum %016x, expected %016x", *path,
      ToAbsl(SectionName(id)), file_offset, size(), found, checksum));
}

absl::Status Section::WrongLength(uint64_t count, size_t element_size) const {
  return Damage(0, Concat(size(), " bytes, expected ", count, " times ", element_size));
}

SectionTable::SectionTable(std::string path, std::string_view bytes)
    : path_(std::make_unique<const std::string>(std::move(path))), bytes_(bytes) {
  for (uint32_t id = 0; id < kSectionIds; ++id) {
    sections_[id].id = static_cast<SectionId>(id);
    sections_[id].path = path_.get();
  }
}

absl::StatusOr<SectionTable> SectionTable::Read(std::string path, std::string_view bytes) {
  SectionTable table(std::move(path), bytes);
  RETURN_IF_ERROR(table.CheckVersion());
  RETURN_IF_ERROR(table.ReadTable());
  RETURN_IF_ERROR(table.ReadHeader());
  RETURN_IF_ERROR(table.CheckRequired());
  return table;
}

absl::Status SectionTable::FrameDamage(std::string_view part, uint64_t offset,
                                       std::string_view problem) const {
  return absl::DataLossError(
      Concat(path(), ": section \"", part, "\" offset ", offset, ": ", problem));
}

// Before everything else, so that a file of another version, whose layout is another one, is told
// from a damaged one.
absl::Status SectionTable::CheckVersion() const {
  if (bytes_.size() < kHeaderBytes) {
    return FrameDamage(
        "header", 0,
        Concat("the file has ", bytes_.size(), " bytes, a shard has at least ", kHeaderBytes));
  }
  if (bytes_.substr(0, kHeaderMagic.size()) != kHeaderMagic)
    return FrameDamage("header", 0, "not a shard file");
  ByteReader reader(bytes_.substr(kHeaderMagic.size(), sizeof(uint32_t)), "header");
  const uint32_t version = reader.U32();
  if (version > kFormatVersion) {
    return absl::FailedPreconditionError(Concat(path(), ": format version ", version,
                                                " is newer than this program's ", kFormatVersion));
  }
  if (version == 0) return FrameDamage("header", 8, "format version 0 does not exist");
  if (version < kFormatVersion) {
    return absl::FailedPreconditionError(Concat(path(), ": format version ", version,
                                                " is older than this program's ", kFormatVersion,
                                                "; build the index again"));
  }
  return absl::OkStatus();
}

absl::Status SectionTable::ReadTable() {
  const uint64_t footer_at =
      bytes_.size() < kHeaderBytes + kFooterBytes ? 0 : bytes_.size() - kFooterBytes;
  if (footer_at == 0) return FrameDamage("footer", 0, "the file is cut");
  ByteReader footer(bytes_.substr(footer_at), "footer");
  const uint64_t table_at = footer.U64();
  const uint32_t entries = footer.U32();
  const uint32_t reserved = footer.U32();
  checksum_ = footer.U64();
  if (footer.Bytes(kFooterMagic.size()) != kFooterMagic) {
    return FrameDamage("footer", footer_at,
                       "no footer at the end of the file; the file is cut or damaged");
  }
  if (reserved != 0) return FrameDamage("footer", footer_at + 12, "reserved bytes are not zero");
  if (entries >= kSectionIds || table_at > footer_at ||
      footer_at - table_at != entries * kTocEntryBytes) {
    return FrameDamage(
        "footer", footer_at,
        Concat("table of contents of ", entries, " entries at ", table_at, " does not end here"));
  }
  const std::string_view table = bytes_.substr(table_at, footer_at - table_at);
  const uint64_t found = Checksum(table);
  if (found != checksum_) {
    return FrameDamage("table of contents", table_at,
                       absl::StrFormat("checksum %016x, expected %016x", found, checksum_));
  }
  uint64_t end = 0;
  uint32_t last_id = 0;
  for (uint32_t i = 0; i < entries; ++i) {
    const std::string_view entry = table.substr(i * kTocEntryBytes, kTocEntryBytes);
    ByteReader reader(entry, "table of contents");
    const uint32_t id = reader.U32();
    const uint64_t at = table_at + i * kTocEntryBytes;
    if (id <= last_id || id >= kSectionIds) {
      return FrameDamage("table of contents", at, Concat("section id ", id, " after ", last_id));
    }
    RETURN_IF_ERROR(AddEntry(entry, AlignUp(end, kSectionAlignment), at));
    last_id = id;
    end = sections_[id].file_offset + sections_[id].size();
  }
  if (AlignUp(end, kSectionAlignment) != table_at) {
    return FrameDamage("table of contents", table_at, Concat("sections end at ", end));
  }
  return absl::OkStatus();
}

absl::Status SectionTable::AddEntry(std::string_view entry, uint64_t expected_offset,
                                    uint64_t table_offset) {
  ByteReader reader(entry, "table of contents");
  Section& section = sections_[reader.U32()];
  const uint32_t reserved = reader.U32();
  const uint64_t offset = reader.U64();
  const uint64_t length = reader.U64();
  section.checksum = reader.U64();
  if (reserved != 0 || offset != expected_offset || offset > bytes_.size() ||
      length > bytes_.size() - offset) {
    return FrameDamage("table of contents", table_offset,
                       Concat("section \"", SectionName(section.id), "\" at ", offset, ", ", length,
                              " bytes, expected at ", expected_offset));
  }
  section.present = true;
  section.file_offset = offset;
  section.bytes = bytes_.substr(offset, length);
  return absl::OkStatus();
}

absl::Status SectionTable::ReadHeader() {
  const Section& header = Get(SectionId::kHeader);
  if (!header.present || header.size() != kHeaderBytes)
    return FrameDamage("header", 0, "not listed in the table");
  RETURN_IF_ERROR(header.VerifyChecksum());
  ByteReader reader(header.bytes.substr(kHeaderMagic.size() + sizeof(uint32_t)), "header");
  shard_ = reader.U32();
  num_shards_ = reader.U32();
  if (shard_ >= num_shards_)
    return header.Damage(12, Concat("shard ", shard_, " of ", num_shards_));
  return absl::OkStatus();
}

absl::Status SectionTable::CheckRequired() const {
  for (const SectionId id : kRequired) {
    if (!Get(id).present) return FrameDamage(SectionName(id), 0, "missing");
  }
  const bool spans = Get(SectionId::kFieldSpans).present;
  for (const SectionId id : {SectionId::kFieldSpanPlaces, SectionId::kFieldSpanBases}) {
    if (Get(id).present != spans)
      return FrameDamage(SectionName(id), 0, "some field span sections are missing");
  }
  const bool ids = Get(SectionId::kIds).present;
  for (const SectionId id :
       {SectionId::kIdPlaces, SectionId::kIdBases, SectionId::kIdBuckets, SectionId::kIdDocs}) {
    if (Get(id).present != ids)
      return FrameDamage(SectionName(id), 0, "some id sections are missing");
  }
  return absl::OkStatus();
}

std::vector<const Section*> SectionTable::Present() const {
  std::vector<const Section*> present;
  for (const Section& section : sections_) {
    if (section.present) present.push_back(&section);
  }
  return present;
}

absl::Status SectionTable::VerifyPadding() const {
  for (const Section* section : Present()) {
    const uint64_t end = section->file_offset + section->size();
    const std::string_view padding = bytes_.substr(end, AlignUp(end, kSectionAlignment) - end);
    const size_t at = FirstNonZero(padding);
    if (at != std::string_view::npos)
      return section->Damage(section->size() + at, "padding is not zero");
  }
  return absl::OkStatus();
}

}  // namespace canopy
