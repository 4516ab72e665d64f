#include "shard/external_ids.h"

#include <bit>
#include <charconv>

#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/format.h"

namespace canopy {

std::optional<uint64_t> ParseDecimal(std::string_view text) {
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  uint64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

IdBuckets::IdBuckets(uint64_t docs) {
  while (count * 4 < docs) count *= 2;
  shift = 64 - std::countr_zero(count);
}

absl::StatusOr<ExternalIdReader> ExternalIdReader::Open(const SectionTable& sections,
                                                        uint64_t docs) {
  ExternalIdReader reader;
  reader.shard_ = sections.shard();
  reader.num_shards_ = sections.num_shards();
  reader.docs_ = docs;
  reader.stored_ = sections.Get(SectionId::kIds).present;
  if (!reader.stored_) return reader;
  ASSIGN_OR_RETURN(reader.table_, OffsetTable::Open(sections.Get(SectionId::kIds),
                                                    sections.Get(SectionId::kIdPlaces),
                                                    sections.Get(SectionId::kIdBases), docs));
  reader.buckets_section_ = &sections.Get(SectionId::kIdBuckets);
  ASSIGN_OR_RETURN(reader.buckets_,
                   reader.buckets_section_->Array<uint32_t>(IdBuckets(docs).count + 1));
  ASSIGN_OR_RETURN(reader.bucket_docs_, sections.Get(SectionId::kIdDocs).Array<uint32_t>(docs));
  return reader;
}

absl::StatusOr<std::string> ExternalIdReader::Get(LocalDoc doc) const {
  if (stored_) {
    ASSIGN_OR_RETURN(const std::string_view id, table_.Get(doc));
    if (!id.empty()) return std::string(id);
  }
  return Concat(GlobalDoc({shard_, doc}, num_shards_));
}

std::optional<LocalDoc> ExternalIdReader::FindNumber(std::string_view id) const {
  const std::optional<uint64_t> number = ParseDecimal(id);
  if (!number || *number % num_shards_ != shard_ || *number / num_shards_ >= docs_)
    return std::nullopt;
  return static_cast<LocalDoc>(*number / num_shards_);
}

absl::StatusOr<std::optional<LocalDoc>> ExternalIdReader::Find(std::string_view id) const {
  if (!stored_) return FindNumber(id);
  if (docs_ == 0) return std::nullopt;
  const uint64_t bucket = IdBuckets(docs_).Of(Checksum(id));
  const uint32_t begin = buckets_[bucket], end = buckets_[bucket + 1];
  if (begin > end || end > bucket_docs_.size()) {
    return buckets_section_->Damage(bucket * sizeof(uint32_t),
                                    Concat("bucket ", bucket, " ends at ", end));
  }
  for (uint32_t i = begin; i < end; ++i) {
    const LocalDoc doc = bucket_docs_[i];
    if (doc >= docs_)
      return buckets_section_->Damage(bucket * sizeof(uint32_t), Concat("document ", doc));
    ASSIGN_OR_RETURN(const std::string candidate, Get(doc));
    if (candidate == id) return doc;
  }
  return std::nullopt;
}

}  // namespace canopy
