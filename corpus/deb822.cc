#include "corpus/deb822.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "base/status.h"
#include "base/strings.h"
#include "corpus/bad_record.h"
#include "corpus/text_pieces.h"

namespace canopy {
namespace {

constexpr std::string_view kBlanks = " \t";

// deb822(5): printable US-ASCII without colon and space, not starting with "#" or "-".
bool IsFieldName(std::string_view name) {
  if (name.empty() || name.size() > kMaxFieldNameBytes || name[0] == '-') return false;
  for (const char c : name) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

// "description" and "description-en", whatever the language.
bool IsDescription(std::string_view name) {
  constexpr std::string_view kDescription = "description";
  return name == kDescription || (name.starts_with("description-") && name != "description-md5");
}

}  // namespace

// The paragraph that is being read: lines go in, a document or a reason comes out.
class Deb822Source::Paragraph final {
 public:
  explicit Paragraph(Document& document) : filler_(document) {}

  bool empty() const { return bytes_ == 0; }
  uint64_t first_line() const { return first_line_; }

  void Add(const Line& line, std::string_view text, uint64_t max_bytes) {
    if (empty()) first_line_ = line.number;
    bytes_ += line.bytes;
    too_long_ |= line.too_long || bytes_ > max_bytes;
    if (too_long_ || !reason_.empty()) return;
    if (text[0] == ' ' || text[0] == '\t') {
      Continue(text);
    } else {
      Begin(text, line.number);
    }
  }

  // Why the paragraph is no document, or an empty string.
  std::string Finish(std::string_view id_field, uint64_t max_bytes) {
    if (too_long_) return TooLongReason(bytes_, max_bytes);
    if (!reason_.empty()) return reason_;
    if (const std::string* const id = filler_.Find(id_field)) {
      filler_.id() = *id;
      filler_.Remove(id_field);
    } else if (const std::string* const package = filler_.Find("package");
               package != nullptr && id_field == kDefaultIdField) {
      filler_.id() = *package;
    }
    filler_.RepairUtf8();
    return filler_.Finish(bytes_);
  }

 private:
  void Begin(std::string_view text, uint64_t line) {
    const size_t colon = text.find(':');
    if (colon == text.npos || !IsFieldName(text.substr(0, colon))) {
      reason_ = Concat("line ", line, " is neither \"Name: value\" nor a continuation");
      return;
    }
    name_ = absl::AsciiStrToLower(ToAbsl(text.substr(0, colon)));
    const std::string_view value = Trim(text.substr(colon + 1), kBlanks);
    continued_as_.clear();
    // A second description, in another language, keeps its own name.
    if (IsDescription(name_) && filler_.Find("summary") == nullptr) {
      name_ = "summary";
      continued_as_ = "description";
    }
    if (filler_.Find(name_) != nullptr) {
      reason_ = Concat("line ", line, " gives the field \"", name_, "\" a second time");
    } else if (filler_.fields() < kMaxFieldsPerDocument) {
      filler_.Add(name_) = value;
    } else {
      reason_ = Concat("more than ", kMaxFieldsPerDocument, " fields");
    }
  }

  void Continue(std::string_view text) {
    if (name_.empty()) {
      reason_ = "begins with a continuation line";
      return;
    }
    text.remove_prefix(1);
    if (text == ".") text = "";
    if (!continued_as_.empty()) name_ = std::exchange(continued_as_, "");
    filler_.AddOrContinue(name_) += text;
  }

  DocumentFiller filler_;
  std::string name_;          // the field that continuation lines belong to
  std::string continued_as_;  // not empty: the next continuation line begins this field
  std::string reason_;
  uint64_t bytes_ = 0;
  uint64_t first_line_ = 0;
  bool too_long_ = false;
};

Deb822Source::Deb822Source(std::unique_ptr<ByteStream> stream, const SourceOptions& options)
    : options_(options),
      id_field_(absl::AsciiStrToLower(options.id_field)),
      lines_(std::move(stream), options.max_document_bytes) {}

absl::StatusOr<bool> Deb822Source::Next(Document& document) {
  while (true) {
    Paragraph paragraph(document);
    Line line;
    bool more = true;
    while (true) {
      ASSIGN_OR_RETURN(more, lines_.Next(line));
      if (!more) break;
      const std::string_view text = WithoutCarriageReturn(line.text);
      if (!line.too_long && Trim(text, kBlanks).empty()) {
        if (paragraph.empty()) continue;
        break;
      }
      if (text.starts_with('#')) continue;
      paragraph.Add(line, text, options_.max_document_bytes);
    }
    if (paragraph.empty()) return false;
    std::string reason = paragraph.Finish(id_field_, options_.max_document_bytes);
    if (reason.empty()) return true;
    RETURN_IF_ERROR(ReportBadRecord(options_, lines_.stream().name(), paragraph.first_line(),
                                    std::move(reason)));
  }
}

}  // namespace canopy
