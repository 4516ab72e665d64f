#include "corpus/text_file.h"

#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "corpus/bad_record.h"
#include "corpus/document_filler.h"

namespace canopy {
namespace {

constexpr size_t kStepBytes = 64 << 10;
constexpr size_t kBinaryProbeBytes = 8 << 10;

}  // namespace

TextFileSource::TextFileSource(std::unique_ptr<ByteStream> stream, std::string id,
                               const SourceOptions& options)
    : stream_(std::move(stream)), id_(std::move(id)), options_(options) {}

// Why the file is no document, or an empty string. Reads no more than the document may have.
absl::StatusOr<std::string> TextFileSource::ReadInto(Document& document) {
  DocumentFiller filler(document);
  filler.id() = id_;
  filler.Add("path") = id_;
  std::string& text = filler.Add("text");
  size_t size = 0;
  while (true) {
    text.resize(size + kStepBytes);
    ASSIGN_OR_RETURN(const size_t count, stream_->Read(text.data() + size, kStepBytes));
    size += count;
    text.resize(size);
    if (count == 0) break;
    if (size > options_.max_document_bytes) {
      return Concat("a file of more than ", options_.max_document_bytes,
                    " bytes (--max-document-mb)");
    }
  }
  const size_t nul = std::string_view(text).substr(0, kBinaryProbeBytes).find('\0');
  if (nul != std::string_view::npos) return Concat("a binary file: byte ", nul, " is NUL");
  filler.RepairUtf8();
  return filler.Finish(size);
}

absl::StatusOr<bool> TextFileSource::Next(Document& document) {
  if (std::exchange(done_, true)) return false;
  ASSIGN_OR_RETURN(std::string reason, ReadInto(document));
  if (reason.empty()) return true;
  RETURN_IF_ERROR(ReportBadRecord(options_, stream_->name(), 1, std::move(reason)));
  return false;
}

}  // namespace canopy
