#include "shard/encoded_docs.h"

#include <algorithm>

#include "base/byte_io.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/format.h"
#include "shard/length_code.h"

namespace canopy {

void EncodedDocs::Add(const DocRow& row) {
  if (!status_.ok()) return;
  status_ = Annotate(AddRow(row), Concat("document ", docs(), " of the batch"));
}

absl::Status EncodedDocs::AddRow(const DocRow& row) {
  if (row.external_id.size() > kMaxExternalIdBytes) {
    return absl::InvalidArgumentError(
        Concat("external id of ", row.external_id.size(), " bytes, limit ", kMaxExternalIdBytes));
  }
  uint64_t tokens = 0;
  for (const auto& [field, count] : row.field_tokens) {
    if (field >= kMaxFields)
      return absl::InvalidArgumentError(Concat("field ", field, ", limit ", kMaxFields));
    tokens += count;
  }
  for (const auto& [field, value] : row.stored) {
    if (field >= kMaxFields)
      return absl::InvalidArgumentError(Concat("field ", field, ", limit ", kMaxFields));
  }
  if (tokens > kMaxDocTokens)
    return absl::InvalidArgumentError(Concat(tokens, " tokens, limit ", kMaxDocTokens));
  RETURN_IF_ERROR(stored_.Add(row.stored));
  const size_t spans_before = spans_.size();
  ByteWriter spans(spans_);
  for (const auto& [field, count] : row.field_tokens) {
    spans.Varint(field);
    spans.Varint(count);
    fields_ = std::max(fields_, field + 1);
  }
  for (const auto& [field, value] : row.stored) fields_ = std::max(fields_, field + 1);
  span_sizes_.push_back(static_cast<uint32_t>(spans_.size() - spans_before));
  ids_ += row.external_id;
  id_sizes_.push_back(static_cast<uint32_t>(row.external_id.size()));
  lengths_.push_back(static_cast<char>(EncodeLength(static_cast<uint32_t>(tokens))));
  tokens_ += tokens;
  return absl::OkStatus();
}

void EncodedDocs::Seal() { stored_.Seal(); }

size_t EncodedDocs::MemoryBytes() const {
  return lengths_.capacity() + spans_.capacity() + ids_.capacity() + stored_.MemoryBytes() +
         (span_sizes_.capacity() + id_sizes_.capacity()) * sizeof(uint32_t);
}

}  // namespace canopy
