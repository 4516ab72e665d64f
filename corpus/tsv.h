// Tab-separated values: a header that names the columns, then one document a line.
// docs/input_formats.md has the rules.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corpus/document_source.h"
#include "corpus/line_reader.h"

namespace canopy {

// The documents of one stream.
// Thread safety: one thread. Lifetime: borrows the options.
class TsvSource final : public DocumentSource {
 public:
  TsvSource(std::unique_ptr<ByteStream> stream, const SourceOptions& options);

  absl::StatusOr<bool> Next(Document& document) override;
  uint64_t BytesRead() const override { return lines_.stream().bytes_read(); }

 private:
  absl::StatusOr<bool> ReadHeader();
  std::string Parse(const Line& line, Document& document) const;

  const SourceOptions& options_;
  LineReader lines_;
  std::vector<std::string> columns_;  // empty before the header was read
  std::optional<size_t> id_column_;
};

}  // namespace canopy
