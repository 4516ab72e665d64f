// TREC text: <DOC> records with SGML-like markup inside, as the collections of the Text REtrieval
// Conference come. docs/input_formats.md has the rules.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "corpus/document_source.h"
#include "corpus/line_reader.h"

namespace canopy {

// The documents of one stream.
// Thread safety: one thread. Lifetime: borrows the options.
class TrecSource final : public DocumentSource {
 public:
  // More tags in one record: it is a bad one.
  static constexpr size_t kMaxTags = 1 << 20;

  TrecSource(std::unique_ptr<ByteStream> stream, const SourceOptions& options);

  absl::StatusOr<bool> Next(Document& document) override;
  uint64_t BytesRead() const override { return lines_.stream().bytes_read(); }

 private:
  // One record's text as it is gathered line by line.
  struct Record {
    std::string text;  // between <DOC> and </DOC>; empty when the record is too long
    uint64_t bytes = 0;
    uint64_t line = 0;  // where it begins
    bool complete = false;
    bool too_long = false;
  };

  absl::StatusOr<bool> NextLine();
  absl::StatusOr<bool> FindRecord();
  absl::Status ReadRecord();
  void AddToRecord(std::string_view text);
  absl::Status Report(uint64_t line, std::string reason) const;

  const SourceOptions& options_;
  LineReader lines_;
  Line line_;
  std::string_view rest_;  // of line_, not yet looked at
  Record record_;
};

// Takes apart what stands between <DOC> and </DOC>, `bytes` bytes of input. Why it is no document,
// or an empty string.
std::string ParseTrecRecord(std::string_view record, uint64_t bytes, Document& document);

}  // namespace canopy
