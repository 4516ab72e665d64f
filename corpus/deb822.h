// Paragraphs of `Name: value` lines, as Debian writes its package lists (deb822(5)).
// docs/input_formats.md has the rules.
#pragma once

#include <memory>
#include <string>

#include "corpus/document_filler.h"
#include "corpus/document_source.h"
#include "corpus/line_reader.h"

namespace canopy {

// The documents of one stream, a paragraph each.
// Thread safety: one thread. Lifetime: borrows the options.
class Deb822Source final : public DocumentSource {
 public:
  Deb822Source(std::unique_ptr<ByteStream> stream, const SourceOptions& options);

  absl::StatusOr<bool> Next(Document& document) override;
  uint64_t BytesRead() const override { return lines_.stream().bytes_read(); }

 private:
  class Paragraph;

  const SourceOptions& options_;
  const std::string id_field_;  // names are in lower case
  LineReader lines_;
};

}  // namespace canopy
