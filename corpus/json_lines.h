// JSON Lines: one object a line. docs/input_formats.md has the rules.
#pragma once

#include <memory>

#include "corpus/document_source.h"
#include "corpus/line_reader.h"

namespace canopy {

// The documents of one stream.
// Thread safety: one thread. Lifetime: borrows the options.
class JsonLinesSource final : public DocumentSource {
 public:
  // How deep arrays and objects may stand in each other.
  static constexpr int kMaxDepth = 256;

  JsonLinesSource(std::unique_ptr<ByteStream> stream, const SourceOptions& options);
  ~JsonLinesSource() override;

  absl::StatusOr<bool> Next(Document& document) override;
  uint64_t BytesRead() const override { return lines_.stream().bytes_read(); }

 private:
  class Parser;  // keeps simdjson's header, 31,000 lines, out of this one

  const SourceOptions& options_;
  LineReader lines_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace canopy
