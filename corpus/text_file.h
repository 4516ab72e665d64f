// A text file as one document. docs/input_formats.md has the rules.
#pragma once

#include <memory>
#include <string>

#include "corpus/byte_stream.h"
#include "corpus/document_source.h"

namespace canopy {

// The one document of one stream.
// Thread safety: one thread. Lifetime: borrows the options.
class TextFileSource final : public DocumentSource {
 public:
  // `id`: also the field `path`.
  TextFileSource(std::unique_ptr<ByteStream> stream, std::string id, const SourceOptions& options);

  absl::StatusOr<bool> Next(Document& document) override;
  uint64_t BytesRead() const override { return stream_->bytes_read(); }

 private:
  absl::StatusOr<std::string> ReadInto(Document& document);

  std::unique_ptr<ByteStream> stream_;
  const std::string id_;
  const SourceOptions& options_;
  bool done_ = false;
};

}  // namespace canopy
