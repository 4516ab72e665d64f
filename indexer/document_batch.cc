#include "indexer/document_batch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "indexer/posting_stream.h"

namespace canopy {

void DocumentBatch::Clear() {
  text_.clear();
  docs_.clear();
  fields_.clear();
  input_bytes_ = 0;
}

void DocumentBatch::Add(std::string_view id, uint64_t input_bytes) {
  docs_.push_back({Append(id), static_cast<uint32_t>(fields_.size()), 0});
  input_bytes_ += input_bytes;
}

void DocumentBatch::AddField(const Field& field) {
  fields_.push_back({field.number, field.is_stored, Append(field.value)});
  ++docs_.back().num_fields;
}

DocumentBatch::Doc DocumentBatch::doc(size_t index) const {
  const PackedDoc& doc = docs_[index];
  return {View(doc.id), doc.first_field, doc.num_fields};
}

DocumentBatch::Field DocumentBatch::field(size_t index) const {
  const PackedField& field = fields_[index];
  return {field.number, field.is_stored, View(field.value)};
}

size_t DocumentBatch::MemoryBytes() const {
  return sizeof(*this) + text_.capacity() + docs_.capacity() * sizeof(PackedDoc) +
         fields_.capacity() * sizeof(PackedField);
}

DocumentBatch::Text DocumentBatch::Append(std::string_view text) {
  const Text at{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size())};
  text_.append(text);
  return at;
}

absl::StatusOr<bool> BatchReader::Read(DocumentBatch& batch) {
  absl::MutexLock lock(&mutex_);
  if (!status_.ok()) return status_;
  batch.Clear();
  batch.first_doc_ = progress_.docs;
  status_ = Fill(batch);
  progress_.bytes_read = source_.BytesRead();
  progress_.bytes_total = source_.BytesTotal();
  progress_.input_bytes += batch.input_bytes();
  if (!status_.ok()) return status_;
  if (batch.size() == 0) return false;
  batch.number_ = next_batch_++;
  return true;
}

absl::Status BatchReader::Fill(DocumentBatch& batch) {
  while (!at_end_ && batch.text_bytes() < limits_.text_bytes && batch.size() < limits_.docs) {
    ASSIGN_OR_RETURN(const bool found, source_.Next(document_));
    if (!found) {
      at_end_ = true;
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(AddDocument(batch));
  }
  return absl::OkStatus();
}

absl::Status BatchReader::AddDocument(DocumentBatch& batch) {
  if (progress_.docs == kMaxDocs) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", kMaxDocs, " documents in one index"));
  }
  batch.Add(document_.id, document_.input_bytes);
  for (const auto& [name, value] : document_.fields) {
    ASSIGN_OR_RETURN(const FieldName field, FindField(name));
    batch.AddField({field.number, field.is_stored, value});
  }
  ++progress_.docs;
  progress_.invalid_utf8 += document_.invalid_utf8;
  progress_.without_id += document_.id.empty() ? 1 : 0;
  progress_.largest_document = std::max(progress_.largest_document, document_.input_bytes);
  return absl::OkStatus();
}

absl::StatusOr<BatchReader::FieldName> BatchReader::FindField(const std::string& name) {
  const auto found = fields_.find(name);
  if (found != fields_.end()) return found->second;
  if (field_names_.size() == kMaxFieldNames) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", kMaxFieldNames, " names of fields in one index"));
  }
  const FieldName field{static_cast<uint16_t>(field_names_.size()), is_stored_(name)};
  fields_.emplace(name, field);
  field_names_.push_back(name);
  return field;
}

std::vector<std::string> BatchReader::FieldNames() const {
  absl::MutexLock lock(&mutex_);
  return field_names_;
}

BatchReader::Progress BatchReader::progress() const {
  absl::MutexLock lock(&mutex_);
  return progress_;
}

}  // namespace canopy
