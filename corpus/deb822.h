// Paragraphs of `Name: value` lines, as Debian writes its package lists (deb822(5)). The rules
// stand in document_source.h.
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
  uint64_t BytesTotal() const override { return 0; }

 private:
  class Paragraph;

  const SourceOptions& options_;
  LineReader lines_;
};

}  // namespace canopy
