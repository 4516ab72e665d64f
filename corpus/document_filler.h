// Fills a Document while the buffers of the one before are reused: strings keep their capacity.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "corpus/document_source.h"

namespace canopy {

// Thread safety: one thread. Lifetime: borrows the document.
class DocumentFiller final {
 public:
  explicit DocumentFiller(Document& document);

  // The external id, empty at first.
  std::string& id() { return document_.id; }
  // The value of the field, or nullptr. REQUIRES of the pointer: lives until the next Add.
  std::string* Find(std::string_view name);
  // A new field at the end, or one that was removed at its old place; its value is empty. REQUIRES:
  // !Find(name).
  std::string& Add(std::string_view name);
  // REQUIRES: Find(name).
  void Remove(std::string_view name);
  // The field's value, added if there is none, with a newline behind what it holds already (if
  // anything).
  std::string& AddOrContinue(std::string_view name);
  size_t fields() const { return fields_ - num_removed_; }

  // Replaces what is not UTF-8 in the id and the values, and counts it. Formats call this whose
  // records may hold any bytes.
  void RepairUtf8();
  // Ends the document, and drops what is left of the one before. Why the record is bad, or an empty
  // string.
  std::string Finish(uint64_t input_bytes);

 private:
  // Of the field, removed or not; fields_ when there is none.
  size_t IndexOf(std::string_view name);
  bool IsRemoved(size_t index) const { return index < removed_.size() && removed_[index]; }

  Document& document_;
  size_t fields_ = 0;          // with those that are removed
  std::vector<bool> removed_;  // by field, up to the last one that is
  size_t num_removed_ = 0;
  absl::flat_hash_map<std::string, size_t> numbers_;  // by name, of the first ones; see IndexOf
};

}  // namespace canopy
