#include "shard/field_spans.h"

#include <set>

#include "base/status.h"
#include "base/strings.h"
#include "shard/format.h"
#include "shard/varint.h"

namespace canopy {

absl::StatusOr<FieldSpanReader> FieldSpanReader::Open(const SectionTable& sections,
                                                      const ShardStatistics& statistics) {
  FieldSpanReader reader;
  reader.fields_ = static_cast<uint32_t>(statistics.collection.fields.size());
  const Section& spans = sections.Get(SectionId::kFieldSpans);
  reader.stored_ = reader.fields_ > 1;
  if (reader.stored_ != spans.present) {
    return spans.Damage(
        0, Concat(spans.present ? "present" : "missing", " with ", reader.fields_, " fields"));
  }
  if (!reader.stored_) return reader;
  ASSIGN_OR_RETURN(reader.table_,
                   OffsetTable::Open(spans, sections.Get(SectionId::kFieldSpanPlaces),
                                     sections.Get(SectionId::kFieldSpanBases), statistics.docs));
  return reader;
}

absl::StatusOr<std::pair<uint32_t, uint32_t>> FieldSpanReader::Find(LocalDoc doc,
                                                                    uint32_t field) const {
  ASSIGN_OR_RETURN(const std::string_view record, table_.Get(doc));
  VarintCursor cursor(record);
  uint64_t first = 0;
  while (!cursor.done()) {
    const uint64_t number = cursor.Varint();
    const uint64_t tokens = cursor.Varint32();
    if (!cursor.ok() || first + tokens > kMaxDocTokens) {
      return table_.data().Damage(0, Concat("fields of document ", doc, " are cut or too long"));
    }
    if (number == field) {
      return std::pair{static_cast<uint32_t>(first), static_cast<uint32_t>(first + tokens)};
    }
    first += tokens;
  }
  return std::pair{0u, 0u};
}

absl::StatusOr<std::vector<std::pair<uint32_t, uint32_t>>> FieldSpanReader::Get(
    LocalDoc doc) const {
  ASSIGN_OR_RETURN(const std::string_view record, table_.Get(doc));
  VarintCursor cursor(record);
  std::vector<std::pair<uint32_t, uint32_t>> fields;
  std::set<uint32_t> seen;
  uint64_t total = 0;
  while (cursor.ok() && !cursor.done()) {
    const uint32_t field = cursor.Varint32();
    const uint32_t tokens = cursor.Varint32();
    total += tokens;
    if (!cursor.ok() || field >= fields_ || total > kMaxDocTokens || !seen.insert(field).second) {
      return table_.data().Damage(0, Concat("fields of document ", doc, " are damaged"));
    }
    fields.emplace_back(field, tokens);
  }
  return fields;
}

}  // namespace canopy
