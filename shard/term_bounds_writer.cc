#include "shard/term_bounds_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/byte_io.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/term_bounds_format.h"

namespace canopy {
namespace {

constexpr size_t kPendingBytes = 1 << 20;
constexpr uint64_t kShardMask = 0xFFFF;
static_assert(kSpoolPieceBytes % sizeof(uint64_t) == 0);

}  // namespace

EncodedTermBounds::EncodedTermBounds(uint32_t num_shards) : num_shards_(num_shards) {}

void EncodedTermBounds::Add(const Term& term) {
  DCHECK(term.bounds.size() == num_shards_);
  if (term.global_df < LeastFrequentDf(num_shards_)) {
    const uint64_t key = FilterRows::Key(Checksum(term.term));
    ByteWriter rare(rare_);
    for (const uint32_t shard : term.shards) rare.U64(key | shard);
    return;
  }
  // A frequency that does not fit counts as a smaller one, which can only raise bounds.
  ByteWriter(dfs_).U32(static_cast<uint32_t>(std::min<uint64_t>(term.global_df, UINT32_MAX)));
  bounds_.append(reinterpret_cast<const char*>(term.bounds.data()), term.bounds.size());
  name_sizes_.push_back(static_cast<uint16_t>(term.term.size()));
  names_ += term.term;
}

absl::Status TermBoundsWriter::Part::Append(std::string_view bytes) {
  pending += bytes;
  return pending.size() < kPendingBytes ? absl::OkStatus() : Flush();
}

TermBoundsWriter::TermBoundsWriter(FileSystem& files, TermBoundsWriterOptions options)
    : options_(std::move(options)),
      file_(files, Concat(options_.directory, "/", kTermBoundsName)),
      dfs_{{files, Concat(file_.path(), ".dfs")}, {}},
      places_{{files, Concat(file_.path(), ".places")}, {}},
      bounds_{{files, Concat(file_.path(), ".bounds")}, {}},
      names_{{files, Concat(file_.path(), ".names")}, {}},
      rare_{{files, Concat(file_.path(), ".rare")}, {}} {
  CHECK(options_.num_shards <= kShardMask + 1);
}

TermBoundsWriter::~TermBoundsWriter() {
  if (!finished_) file_.Remove();
}

absl::Status TermBoundsWriter::Add(EncodedTermBounds&& terms) {
  CHECK(terms.num_shards_ == options_.num_shards);
  std::string places;
  ByteWriter writer(places);
  for (const uint16_t size : terms.name_sizes_) {
    writer.U32(static_cast<uint32_t>(names_bytes_));
    names_bytes_ += size;
    if (names_bytes_ > kMaxTermBoundsNames) {
      return absl::ResourceExhaustedError(Concat("the names of frequent terms take more than ",
                                                 kMaxTermBoundsNames, " bytes, the limit"));
    }
  }
  terms_ += terms.name_sizes_.size();
  RETURN_IF_ERROR(dfs_.Append(terms.dfs_));
  RETURN_IF_ERROR(places_.Append(places));
  RETURN_IF_ERROR(bounds_.Append(terms.bounds_));
  RETURN_IF_ERROR(names_.Append(terms.names_));
  return rare_.Append(terms.rare_);
}

absl::Status TermBoundsWriter::WriteHeader(uint64_t docs, SectionOutput& body) {
  std::string header;
  ByteWriter writer(header);
  writer.Bytes(kTermBoundsMagic);
  writer.U32(kTermBoundsVersion);
  writer.U32(options_.num_shards);
  writer.U64(docs);
  writer.AlignTo(kTermBoundsHeaderBytes);
  return body.Append(header);
}

absl::Status TermBoundsWriter::FillFilter(uint64_t rows, uint64_t begin, std::string& piece) {
  const uint64_t num_shards = options_.num_shards;
  const auto set = [&](uint64_t bit) {
    const uint64_t at = bit / 8 - begin;  // far above the size for bytes before `begin`
    if (at < piece.size()) piece[at] = static_cast<char>(piece[at] | 1 << bit % 8);
  };
  return rare_.spool.ForEachPiece([&](std::string_view entries) {
    for (size_t i = 0; i < entries.size(); i += sizeof(uint64_t)) {
      uint64_t entry = 0;
      std::memcpy(&entry, entries.data() + i, sizeof(entry));
      const FilterRows row = FilterRows::Of(FilterRows::Key(entry), rows);
      set(row.first * num_shards + (entry & kShardMask));
      set(row.second * num_shards + (entry & kShardMask));
    }
    return absl::OkStatus();
  });
}

absl::Status TermBoundsWriter::WriteFilter(uint64_t rows, SectionOutput& body) {
  const uint64_t bytes = (rows * options_.num_shards + 7) / 8;
  for (uint64_t begin = 0; begin < bytes;) {
    std::string piece(std::min(bytes - begin, options_.piece_bytes), '\0');
    RETURN_IF_ERROR(FillFilter(rows, begin, piece));
    RETURN_IF_ERROR(body.Append(piece));
    begin += piece.size();
  }
  return absl::OkStatus();
}

absl::StatusOr<TermBoundsSummary> TermBoundsWriter::Finish(uint64_t docs) {
  CHECK(!finished_);
  std::string last_place;
  ByteWriter(last_place).U32(static_cast<uint32_t>(names_bytes_));
  RETURN_IF_ERROR(places_.Append(last_place));
  const uint64_t entries = rare_.size() / sizeof(uint64_t);
  const uint64_t rows =
      (entries * kFilterBitsPerEntry + options_.num_shards - 1) / options_.num_shards;
  SectionOutput body(file_);
  RETURN_IF_ERROR(WriteHeader(docs, body));
  for (Part* part : {&dfs_, &places_, &bounds_, &names_, &rare_}) RETURN_IF_ERROR(part->Flush());
  for (const Part* part : {&dfs_, &places_, &bounds_, &names_}) {
    RETURN_IF_ERROR(
        part->spool.ForEachPiece([&](std::string_view piece) { return body.Append(piece); }));
  }
  RETURN_IF_ERROR(WriteFilter(rows, body));
  std::string footer;
  ByteWriter writer(footer);
  writer.U64(terms_);
  writer.U64(names_bytes_);
  writer.U64(rows);
  writer.U64(body.checksum());
  const uint64_t checksum = Checksum(footer);
  writer.U64(checksum);
  writer.Bytes(kTermBoundsFooterMagic);
  writer.AlignTo(kTermBoundsFooterBytes);
  RETURN_IF_ERROR(file_.Append(footer));
  RETURN_IF_ERROR(file_.Sync());
  finished_ = true;
  return TermBoundsSummary{file_.size(), checksum};
}

}  // namespace canopy
