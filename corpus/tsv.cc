#include "corpus/tsv.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "corpus/bad_record.h"
#include "corpus/document_filler.h"
#include "corpus/text_pieces.h"
#include "corpus/utf8.h"

namespace canopy {
TsvSource::TsvSource(std::unique_ptr<ByteStream> stream, const SourceOptions& options)
    : options_(options), lines_(std::move(stream), options.max_document_bytes) {}

// False: the stream is empty. INVALID_ARGUMENT: without these names no line can be read.
absl::StatusOr<bool> TsvSource::ReadHeader() {
  const auto bad = [&](std::string_view what) {
    return absl::InvalidArgumentError(Concat(lines_.stream().name(), ": the header line ", what));
  };
  Line line;
  ASSIGN_OR_RETURN(const bool more, lines_.Next(line));
  if (!more) return false;
  if (line.too_long) {
    return bad(Concat("is ", TooLongReason(line.bytes, options_.max_document_bytes)));
  }
  TabCells cells(WithoutCarriageReturn(line.text));
  while (const auto cell = cells.Next()) {
    std::string name(*cell);
    ReplaceInvalidUtf8(name);
    if (name.empty()) return bad(Concat("has no name for column ", columns_.size() + 1));
    if (name.size() > kMaxFieldNameBytes) {
      return bad(Concat("has a name of ", name.size(), " bytes, more than ", kMaxFieldNameBytes));
    }
    if (std::find(columns_.begin(), columns_.end(), name) != columns_.end()) {
      return bad(Concat("names the column \"", name, "\" twice"));
    }
    if (columns_.size() > kMaxFieldsPerDocument) {
      return bad(Concat("has more than ", kMaxFieldsPerDocument + 1, " columns"));
    }
    if (name == options_.id_field) id_column_ = columns_.size();
    columns_.push_back(std::move(name));
  }
  return true;
}

// Why the line is no document, or an empty string.
std::string TsvSource::Parse(const Line& line, Document& document) const {
  const std::string_view text = WithoutCarriageReturn(line.text);
  const size_t count = static_cast<size_t>(std::count(text.begin(), text.end(), '\t')) + 1;
  if (count != columns_.size()) {
    return Concat(count, " columns, the header has ", columns_.size());
  }
  DocumentFiller filler(document);
  TabCells cells(text);
  for (size_t column = 0; column < count; ++column) {
    (column == id_column_ ? filler.id() : filler.Add(columns_[column])) = *cells.Next();
  }
  filler.RepairUtf8();
  return filler.Finish(line.bytes);
}

absl::StatusOr<bool> TsvSource::Next(Document& document) {
  if (columns_.empty()) {
    ASSIGN_OR_RETURN(const bool has_header, ReadHeader());
    if (!has_header) return false;
  }
  Line line;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, lines_.Next(line));
    if (!more) return false;
    if (!line.too_long && WithoutCarriageReturn(line.text).empty()) continue;
    std::string reason = line.too_long ? TooLongReason(line.bytes, options_.max_document_bytes)
                                       : Parse(line, document);
    if (reason.empty()) return true;
    RETURN_IF_ERROR(
        ReportBadRecord(options_, lines_.stream().name(), line.number, std::move(reason)));
  }
}

}  // namespace canopy
