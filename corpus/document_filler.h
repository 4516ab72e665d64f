// Fills a Document while the buffers of the one before are reused: strings keep their capacity.
#pragma once

#include <string>
#include <string_view>

#include "corpus/document_source.h"

namespace canopy {

// Thread safety: one thread. Lifetime: borrows the document.
class DocumentFiller final {
 public:
  explicit DocumentFiller(Document& document);

  // The external id, empty at first.
  std::string& id() { return document_.id; }
  // The value of the field, or nullptr. REQUIRES of the pointer: lives until the next Add or
  // Remove.
  std::string* Find(std::string_view name);
  // A new field at the end; its value is empty. REQUIRES: !Find(name).
  std::string& Add(std::string_view name);
  void Remove(std::string_view name);
  // The field's value, added if there is none, with a newline behind what it holds already (if
  // anything).
  std::string& AddOrContinue(std::string_view name);
  size_t fields() const { return fields_; }

  // Replaces what is not UTF-8 in the id and the values, and counts it. Formats call this whose
  // records may hold any bytes.
  void RepairUtf8();
  // Ends the document, and drops what is left of the one before. Why the record is bad, or an empty
  // string.
  std::string Finish(uint64_t input_bytes);

 private:
  Document& document_;
  size_t fields_ = 0;
};

}  // namespace canopy
