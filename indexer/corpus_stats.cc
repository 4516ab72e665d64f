#include "indexer/corpus_stats.h"

#include "shard/length_code.h"

namespace canopy {

void CorpusStats::CountDocument(absl::Span<const std::pair<uint32_t, uint32_t>> field_tokens) {
  uint32_t length = 0;
  for (const auto& [field, field_length] : field_tokens) {
    if (field_length == 0) continue;
    if (fields.size() <= field) fields.resize(field + 1);
    ++fields[field].docs;
    fields[field].tokens += field_length;
    length += field_length;
  }
  ++docs;
  tokens += length;
  ++length_histogram[EncodeLength(length)];
}

void CorpusStats::Add(const CorpusStats& other) {
  docs += other.docs;
  tokens += other.tokens;
  if (fields.size() < other.fields.size()) fields.resize(other.fields.size());
  for (size_t i = 0; i < other.fields.size(); ++i) {
    fields[i].docs += other.fields[i].docs;
    fields[i].tokens += other.fields[i].tokens;
  }
  for (size_t i = 0; i < length_histogram.size(); ++i) {
    length_histogram[i] += other.length_histogram[i];
  }
}

}  // namespace canopy
