#include "shard/dictionary_writer.h"

#include <algorithm>

#include "base/byte_io.h"
#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/dictionary_reader.h"
#include "shard/format.h"

namespace canopy {
namespace {

constexpr uint32_t kFullNibble = 15;

uint64_t SumOfTfs(const DictionaryEntry& entry) {
  return entry.df == 1 ? entry.single_tf : entry.df;
}

}  // namespace

uint64_t DictionaryWriter::PostingsStart(const DictionaryEntry& entry) const {
  if (entry.df <= kMaxShortPostings) return postings_end_;
  return AlignUp(postings_end_, entry.has_bitset ? kSectionAlignment : 8);
}

absl::Status DictionaryWriter::Add(const DictionaryEntry& entry) {
  if (entry.term.empty() || entry.term.size() > kMaxDictionaryTermBytes) {
    return absl::InvalidArgumentError(
        Concat("term of ", entry.term.size(), " bytes, must be 1 to ", kMaxDictionaryTermBytes));
  }
  if (terms_ > 0 && entry.term <= last_term_) {
    return absl::InvalidArgumentError(
        Concat("term \"", entry.term, "\" after \"", last_term_, "\""));
  }
  CHECK(entry.df > 0 && entry.positions_size >= SumOfTfs(entry) && entry.global_df >= entry.df);
  const size_t before = output_.entries.size();
  if (terms_ % kDictionaryBlockTerms == 0) {
    StartBlock(entry.term);
  } else {
    AddSuffix(entry.term);
  }
  AddValues(entry);
  bytes_ += output_.entries.size() - before;
  if (bytes_ > kMaxDictionaryBytes) {
    return absl::ResourceExhaustedError(Concat("dictionary of ", bytes_, " bytes, limit ",
                                               kMaxDictionaryBytes, "; use more shards"));
  }
  last_term_.assign(entry.term);
  ++terms_;
  return absl::OkStatus();
}

void DictionaryWriter::Finish() { ByteWriter(output_.places).U32(static_cast<uint32_t>(bytes_)); }

void DictionaryWriter::StartBlock(std::string_view term) {
  ByteWriter(output_.keys).U64(DictionaryKey(term));
  ByteWriter(output_.places).U32(static_cast<uint32_t>(bytes_));
  ByteWriter entries(output_.entries);
  entries.U8(static_cast<uint8_t>(term.size()));
  entries.Bytes(term);
  entries.Varint(postings_end_);
  entries.Varint(positions_end_);
  last_field_ = 0;
}

void DictionaryWriter::AddSuffix(std::string_view term) {
  const auto differ = std::mismatch(term.begin(), term.end(), last_term_.begin(), last_term_.end());
  const auto shared = static_cast<uint32_t>(differ.first - term.begin());
  const auto suffix = static_cast<uint32_t>(term.size()) - shared;
  ByteWriter entries(output_.entries);
  entries.U8(
      static_cast<uint8_t>(std::min(shared, kFullNibble) << 4 | std::min(suffix, kFullNibble)));
  if (shared >= kFullNibble) entries.U8(static_cast<uint8_t>(shared - kFullNibble));
  if (suffix >= kFullNibble) entries.U8(static_cast<uint8_t>(suffix - kFullNibble));
  entries.Bytes(term.substr(shared));
}

void DictionaryWriter::AddValues(const DictionaryEntry& entry) {
  ByteWriter entries(output_.entries);
  const uint64_t fields = OnlyField(entry) == last_field_ ? 0 : 8;
  const uint64_t positions_rest = entry.positions_size - SumOfTfs(entry);
  if (entry.df == 1) {
    const bool tf = entry.single_tf > 1, global = entry.global_df > 1;
    entries.Varint(positions_rest << 4 | fields | (global ? 4 : 0) | (tf ? 2 : 0) | 1);
    entries.Varint(entry.single_doc);
    if (tf) entries.Varint(entry.single_tf - 2);
    if (global) entries.Varint(entry.global_df - 2);
  } else {
    const bool global = entry.global_df > entry.df;
    entries.Varint(uint64_t{entry.df - 2} << 4 | fields | (entry.has_bitset ? 4 : 0) |
                   (global ? 2 : 0));
    if (global) entries.Varint(entry.global_df - entry.df);
    entries.Varint(entry.postings_size);
    entries.Varint(positions_rest);
    postings_end_ = PostingsStart(entry) + entry.postings_size;
  }
  positions_end_ += entry.positions_size;
  if (fields != 0) AddFields(entry);
}

uint32_t DictionaryWriter::OnlyField(const DictionaryEntry& entry) {
  if (entry.global_field_df.empty()) return 0;
  const auto& [field, df] = entry.global_field_df.front();
  return entry.global_field_df.size() == 1 && df == entry.global_df ? field
                                                                    : TermInfo::kSeveralFields;
}

void DictionaryWriter::AddFields(const DictionaryEntry& entry) {
  ByteWriter entries(output_.entries);
  const uint32_t only_field = OnlyField(entry);
  if (only_field != TermInfo::kSeveralFields) {
    entries.Varint(uint64_t{only_field} * 2);
    last_field_ = only_field;
    return;
  }
  entries.Varint(entry.global_field_df.size() * 2 + 1);
  uint32_t next_field = 0;
  for (const auto& [field, df] : entry.global_field_df) {
    entries.Varint(field - next_field);
    entries.Varint(df);
    next_field = field + 1;
  }
}

}  // namespace canopy
