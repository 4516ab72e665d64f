#include "shard/shard_file.h"

#include <algorithm>

#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/format.h"

namespace canopy {

absl::StatusOr<std::unique_ptr<ShardFile>> ShardFile::Open(FileSystem& files,
                                                           const std::string& path) {
  ASSIGN_OR_RETURN(MappedFile map, files.Map(path));
  return OpenMapped(std::move(map), path);
}

absl::StatusOr<std::unique_ptr<ShardFile>> ShardFile::OpenMapped(MappedFile map,
                                                                 const std::string& path) {
  ASSIGN_OR_RETURN(SectionTable sections, SectionTable::Read(path, map.bytes()));
  std::unique_ptr<ShardFile> shard(new ShardFile(std::move(map), std::move(sections)));
  RETURN_IF_ERROR(shard->OpenParts());
  return shard;
}

absl::Status ShardFile::OpenParts() {
  const Section& statistics = sections_.Get(SectionId::kStatistics);
  RETURN_IF_ERROR(statistics.VerifyChecksum());
  ASSIGN_OR_RETURN(statistics_, DecodeStatistics(statistics));
  if (statistics_.shard != sections_.shard() ||
      statistics_.collection.num_shards != sections_.num_shards()) {
    return statistics.Damage(
        0, Concat("shard ", statistics_.shard, " of ", statistics_.collection.num_shards,
                  ", the header says ", sections_.shard(), " of ", sections_.num_shards()));
  }
  ASSIGN_OR_RETURN(length_codes_,
                   sections_.Get(SectionId::kLengths).Array<uint8_t>(statistics_.docs));
  DictionaryLimits limits;
  limits.docs = statistics_.docs;
  limits.collection_docs = statistics_.collection.docs;
  limits.terms = statistics_.terms;
  limits.postings_bytes = sections_.Get(SectionId::kPostings).size();
  limits.positions_bytes = sections_.Get(SectionId::kPositions).size();
  ASSIGN_OR_RETURN(dictionary_, DictionaryReader::Open(sections_, limits));
  postings_.emplace(
      sections_.Get(SectionId::kPostings), length_codes_,
      BoundTable(statistics_.average_length, statistics_.collection.k1, statistics_.collection.b));
  ASSIGN_OR_RETURN(field_spans_, FieldSpanReader::Open(sections_, statistics_));
  ASSIGN_OR_RETURN(ids_, ExternalIdReader::Open(sections_, statistics_.docs));
  ASSIGN_OR_RETURN(stored_fields_, StoredFieldsReader::Open(sections_, statistics_.docs));
  return OpenLiveDocs();
}

absl::Status ShardFile::OpenLiveDocs() {
  const Section& section = sections_.Get(SectionId::kLiveDocs);
  if (!section.present) return absl::OkStatus();
  ASSIGN_OR_RETURN(live_docs_, section.Array<uint64_t>(AlignUp(statistics_.docs, kChunkDocs) / 64));
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ShardFile::GlobalFieldDf(const TermInfo& term, uint32_t field) const {
  ASSIGN_OR_RETURN(const DictionaryReader::FieldDfs dfs, dictionary_.GlobalFieldDfs(term));
  for (const auto& [number, df] : dfs) {
    if (number == field) return df;
  }
  return 0;
}

absl::Status ShardFile::FindTerms(absl::Span<const std::string_view> terms,
                                  absl::Span<std::optional<TermInfo>> infos) const {
  RETURN_IF_ERROR(dictionary_.FindAll(terms, infos));
  for (const std::optional<TermInfo>& info : infos) {
    if (info) postings_->Prefetch(*info);
  }
  return absl::OkStatus();
}

absl::StatusOr<PositionReader> ShardFile::Positions(const TermInfo& term,
                                                    const PostingList& postings) const {
  return PositionReader::Open(sections_.Get(SectionId::kPositions), term, postings.frequencies());
}

std::optional<uint32_t> ShardFile::FieldNumber(std::string_view name) const {
  const std::vector<CollectionStats::FieldStats>& fields = stats().fields;
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return field.name == name; });
  if (found == fields.end()) return std::nullopt;
  return static_cast<uint32_t>(found - fields.begin());
}

absl::StatusOr<std::pair<uint32_t, uint32_t>> ShardFile::FieldSpan(LocalDoc doc,
                                                                   uint32_t field) const {
  DCHECK(doc < docs());
  if (has_field_spans()) return field_spans_.Find(doc, field);
  return std::pair{0u, field == 0 ? UINT32_MAX : 0u};
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ShardFile::StoredFields(
    LocalDoc doc) const {
  ASSIGN_OR_RETURN(StoredFieldsReader::Record record, stored_fields_.Read(doc));
  std::vector<std::pair<std::string, std::string>> fields;
  for (auto& [number, value] : record) {
    if (number >= stats().fields.size()) {
      return sections_.Get(SectionId::kStored)
          .Damage(0, Concat("field ", number, " of document ", doc, " does not exist"));
    }
    fields.emplace_back(stats().fields[number].name, std::move(value));
  }
  return fields;
}

}  // namespace canopy
