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

// Most documents have a few fields, and compare names fastest; hostile ones have many.
size_t DocumentFiller::IndexOf(std::string_view name) {
  constexpr size_t kFewFields = 16;
  if (fields_ <= kFewFields) {
    const auto begin = document_.fields.begin();
    return std::find_if(begin, begin + static_cast<ptrdiff_t>(fields_),
                        [&](const auto& field) { return field.first == name; }) -
           begin;
  }
  for (size_t i = numbers_.size(); i < fields_; ++i) numbers_.emplace(document_.fields[i].first, i);
  const auto found = numbers_.find(ToAbsl(name));
  return found == numbers_.end() ? fields_ : found->second;
}

std::string* DocumentFiller::Find(std::string_view name) {
  const size_t index = IndexOf(name);
  return index == fields_ || IsRemoved(index) ? nullptr : &document_.fields[index].second;
}

std::string& DocumentFiller::Add(std::string_view name) {
  const size_t index = num_removed_ == 0 ? fields_ : IndexOf(name);
  if (index < fields_) {
    CHECK(IsRemoved(index));
    removed_[index] = false;
    --num_removed_;
  } else {
    if (fields_ == document_.fields.size()) document_.fields.emplace_back();
    document_.fields[fields_++].first = name;
  }
  std::string& value = document_.fields[index].second;
  value.clear();
  return value;
}

void DocumentFiller::Remove(std::string_view name) {
  const size_t index = IndexOf(name);
  CHECK(index < fields_ && !IsRemoved(index));
  if (removed_.size() <= index) removed_.resize(index + 1);
  removed_[index] = true;
  ++num_removed_;
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
  size_t kept = 0;
  for (size_t i = 0; i < fields_; ++i) {
    if (IsRemoved(i)) continue;
    if (i != kept) std::swap(document_.fields[i], document_.fields[kept]);
    ++kept;
  }
  document_.fields.resize(kept);
  document_.input_bytes = input_bytes;
  if (document_.id.size() > kMaxIdBytes) {
    return Concat("an id of ", document_.id.size(), " bytes, more than ", kMaxIdBytes);
  }
  if (kept > kMaxFieldsPerDocument) {
    return Concat(kept, " text fields, more than ", kMaxFieldsPerDocument);
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
