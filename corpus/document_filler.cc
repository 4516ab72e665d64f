#include "corpus/document_filler.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"
#include "corpus/utf8.h"

namespace canopy {

DocumentFiller::DocumentFiller(Document& document) : document_(document) {
  document_.id.clear();
  document_.input_bytes = 0;
  document_.invalid_utf8 = 0;
}

std::string* DocumentFiller::Find(std::string_view name) {
  for (size_t i = 0; i < fields_; ++i) {
    if (document_.fields[i].first == name) return &document_.fields[i].second;
  }
  return nullptr;
}

std::string& DocumentFiller::Add(std::string_view name) {
  if (fields_ == document_.fields.size()) document_.fields.emplace_back();
  auto& [field_name, value] = document_.fields[fields_++];
  field_name = name;
  value.clear();
  return value;
}

void DocumentFiller::Remove(std::string_view name) {
  const auto begin = document_.fields.begin();
  const auto end = begin + static_cast<ptrdiff_t>(fields_);
  const auto found = std::find_if(begin, end, [&](const auto& f) { return f.first == name; });
  CHECK(found != end);
  std::rotate(found, found + 1, end);
  --fields_;
}

std::string& DocumentFiller::AddOrContinue(std::string_view name) {
  std::string* const value = Find(name);
  if (value == nullptr) return Add(name);
  if (!value->empty()) value->push_back('\n');
  return *value;
}

void DocumentFiller::RepairUtf8() {
  document_.invalid_utf8 += ReplaceInvalidUtf8(document_.id);
  for (size_t i = 0; i < fields_; ++i) {
    document_.invalid_utf8 += ReplaceInvalidUtf8(document_.fields[i].second);
  }
}

std::string DocumentFiller::Finish(uint64_t input_bytes) {
  document_.fields.resize(fields_);
  document_.input_bytes = input_bytes;
  if (document_.id.size() > kMaxIdBytes) {
    return Concat("an id of ", document_.id.size(), " bytes, more than ", kMaxIdBytes);
  }
  if (fields_ > kMaxFieldsPerDocument) {
    return Concat(fields_, " text fields, more than ", kMaxFieldsPerDocument);
  }
  for (const auto& [name, value] : document_.fields) {
    if (name.empty()) return "a field without a name";
    if (name.size() > kMaxFieldNameBytes) {
      return Concat("a field name of ", name.size(), " bytes, more than ", kMaxFieldNameBytes);
    }
  }
  return "";
}

}  // namespace canopy
