#include "corpus/json_lines.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "corpus/bad_record.h"
#include "corpus/document_filler.h"
#include "corpus/text_pieces.h"
#include "simdjson.h"

namespace canopy {
namespace {

using simdjson::error_code;
namespace ondemand = simdjson::ondemand;

static_assert(LineReader::kPaddingBytes >= simdjson::SIMDJSON_PADDING);

// After a line this long, the parser's buffers (some 7 bytes for each of the line) are given back.
constexpr size_t kKeepParserBytes = 1 << 20;

constexpr std::string_view kJsonSpace = " \t\r\n";

// The longest run of digits at the beginning of `text` is cut off. False: there is none.
bool TakeDigits(std::string_view& text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  text.remove_prefix(digits);
  return digits > 0;
}

// RFC 8259, section 6. Of any size: numbers are not kept as numbers.
bool IsJsonNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  const size_t before = text.size();
  if (!TakeDigits(text)) return false;
  if (zero && before - text.size() > 1) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!TakeDigits(text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!TakeDigits(text)) return false;
  }
  return text.empty();
}

// simdjson checks what it is asked for, and no more. This asks for everything in a value that is
// not kept, so that a line is either JSON or a bad record.
error_code CheckValue(ondemand::value value, int depth) {
  if (depth > JsonLinesSource::kMaxDepth) return simdjson::DEPTH_ERROR;
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  switch (type) {
    case ondemand::json_type::array: {
      ondemand::array array;
      if (const error_code error = value.get_array().get(array)) return error;
      for (auto element : array) {
        ondemand::value inner;
        if (const error_code error = element.get(inner)) return error;
        if (const error_code error = CheckValue(inner, depth + 1)) return error;
      }
      return simdjson::SUCCESS;
    }
    case ondemand::json_type::object: {
      ondemand::object object;
      if (const error_code error = value.get_object().get(object)) return error;
      for (auto field : object) {
        std::string_view key;
        if (const error_code error = field.unescaped_key().get(key)) return error;
        ondemand::value inner;
        if (const error_code error = field.value().get(inner)) return error;
        if (const error_code error = CheckValue(inner, depth + 1)) return error;
      }
      return simdjson::SUCCESS;
    }
    case ondemand::json_type::string: {
      std::string_view text;
      return value.get_string().get(text);
    }
    case ondemand::json_type::number:
      return IsJsonNumber(Trim(value.raw_json_token(), kJsonSpace)) ? simdjson::SUCCESS
                                                                    : simdjson::NUMBER_ERROR;
    case ondemand::json_type::boolean: {
      bool boolean = false;
      return value.get_bool().get(boolean);
    }
    case ondemand::json_type::null: {
      bool null = false;
      if (const error_code error = value.is_null().get(null)) return error;
      return null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
    }
  }
  return simdjson::TAPE_ERROR;
}

std::string Reason(error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR:
      return "not valid UTF-8";
    case simdjson::UNESCAPED_CHARS:
      return "not JSON: a control character in a string";
    case simdjson::UNCLOSED_STRING:
      return "not JSON: a string without an end";
    case simdjson::STRING_ERROR:
      return "not JSON: a bad escape in a string";
    case simdjson::NUMBER_ERROR:
      return "not JSON: a bad number";
    case simdjson::DEPTH_ERROR:
      return Concat("nested deeper than ", JsonLinesSource::kMaxDepth);
    case simdjson::INCORRECT_TYPE:
      return "not a JSON object";
    default:
      return Concat("not JSON: ", simdjson::error_message(error));
  }
}

}  // namespace

class JsonLinesSource::Parser final {
 public:
  explicit Parser(std::string_view id_field) : id_field_(id_field) {}

  // Why the line is no document, or an empty string. REQUIRES: kPaddingBytes bytes behind the text
  // can be read.
  std::string Parse(const Line& line, Document& document) {
    DocumentFiller filler(document);
    std::string reason;
    if (const error_code error = ParseObject(line.text, filler, reason)) reason = Reason(error);
    if (line.text.size() > kKeepParserBytes) parser_ = ondemand::parser();
    return reason.empty() ? filler.Finish(line.bytes) : reason;
  }

 private:
  error_code ParseObject(std::string_view text, DocumentFiller& filler, std::string& reason) {
    ondemand::document json;
    if (const error_code error =
            parser_.iterate(text.data(), text.size(), text.size() + LineReader::kPaddingBytes)
                .get(json)) {
      return error;
    }
    ondemand::object object;
    if (const error_code error = json.get_object().get(object)) return error;
    for (auto field : object) {
      std::string_view key;
      if (const error_code error = field.unescaped_key().get(key)) return error;
      ondemand::value value;
      if (const error_code error = field.value().get(value)) return error;
      const error_code error =
          key == id_field_ ? TakeId(value, filler, reason) : TakeField(key, value, filler);
      if (error) return error;
      // A bad record already.
      if (!reason.empty() || filler.fields() > kMaxFieldsPerDocument) return simdjson::SUCCESS;
    }
    // Behind the object there is nothing, or the line is no JSON.
    return json.current_location().error() == simdjson::OUT_OF_BOUNDS ? simdjson::SUCCESS
                                                                      : simdjson::TRAILING_CONTENT;
  }

  static error_code TakeField(std::string_view key, ondemand::value value, DocumentFiller& filler) {
    ondemand::json_type type;
    if (const error_code error = value.type().get(type)) return error;
    std::string* const before = filler.Find(key);
    if (type != ondemand::json_type::string) {
      if (before != nullptr) filler.Remove(key);
      return CheckValue(value, 1);
    }
    std::string_view text;
    if (const error_code error = value.get_string().get(text)) return error;
    std::string& target = before != nullptr ? *before : filler.Add(key);
    target = text;
    return simdjson::SUCCESS;
  }

  static error_code TakeId(ondemand::value value, DocumentFiller& filler, std::string& reason) {
    ondemand::json_type type;
    if (const error_code error = value.type().get(type)) return error;
    filler.id().clear();
    if (type == ondemand::json_type::string) {
      std::string_view text;
      if (const error_code error = value.get_string().get(text)) return error;
      filler.id() = text;
      return simdjson::SUCCESS;
    }
    if (type == ondemand::json_type::number) {
      filler.id() = Trim(value.raw_json_token(), kJsonSpace);
    } else if (type != ondemand::json_type::null) {
      reason = "the id is neither a string nor a number";
    }
    return CheckValue(value, 1);
  }

  const std::string_view id_field_;
  ondemand::parser parser_;
};

JsonLinesSource::JsonLinesSource(std::unique_ptr<ByteStream> stream, const SourceOptions& options)
    : options_(options),
      lines_(std::move(stream), options.max_document_bytes),
      parser_(std::make_unique<Parser>(options.id_field)) {}

JsonLinesSource::~JsonLinesSource() = default;

absl::StatusOr<bool> JsonLinesSource::Next(Document& document) {
  Line line;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, lines_.Next(line));
    if (!more) return false;
    std::string reason;
    if (line.too_long) {
      reason = TooLongReason(line.bytes, options_.max_document_bytes);
    } else if (line.text.find_first_not_of(kJsonSpace) == line.text.npos) {
      continue;
    } else {
      reason = parser_->Parse(line, document);
    }
    if (reason.empty()) return true;
    RETURN_IF_ERROR(
        ReportBadRecord(options_, lines_.stream().name(), line.number, std::move(reason)));
  }
}

}  // namespace canopy
