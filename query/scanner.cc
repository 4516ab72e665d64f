#include "query/scanner.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr std::string_view kWordStops = "()\"^~:";
constexpr std::string_view kNoBreakSpace = "\xC2\xA0";          // U+00A0
constexpr std::string_view kIdeographicSpace = "\xE3\x80\x80";  // U+3000

bool IsContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

size_t WhitespaceAt(std::string_view text, size_t position) {
  const std::string_view rest = text.substr(position);
  if (rest.empty()) return 0;
  if (absl::ascii_isspace(static_cast<unsigned char>(rest[0]))) return 1;
  for (std::string_view space : {kNoBreakSpace, kIdeographicSpace}) {
    if (rest.substr(0, space.size()) == space) return space.size();
  }
  return 0;
}

bool QueryScanner::Take(char c) {
  if (AtEnd() || text_[position_] != c) return false;
  ++position_;
  return true;
}

void QueryScanner::SkipSpace() {
  while (size_t length = WhitespaceAt(text_, position_)) position_ += length;
}

bool QueryScanner::AtKeyword(std::string_view keyword) const {
  if (text_.substr(position_, keyword.size()) != keyword) return false;
  const size_t end = position_ + keyword.size();
  return end == text_.size() || WhitespaceAt(text_, end) > 0 ||
         std::string_view("()\"").find(text_[end]) != std::string_view::npos;
}

bool QueryScanner::TakeKeyword(std::string_view keyword) {
  if (!AtKeyword(keyword)) return false;
  position_ += keyword.size();
  return true;
}

absl::StatusOr<QueryWord> QueryScanner::TakeWord(std::string_view also_stops) {
  QueryWord word;
  while (!AtSpace()) {
    char c = text_[position_];
    if (kWordStops.find(c) != std::string_view::npos) break;
    if (also_stops.find(c) != std::string_view::npos) break;
    ++position_;
    const bool wildcard = c == '*' || c == '?';
    if (c == '\\') {
      if (AtEnd()) return ErrorAt(position_ - 1, "expected a character after '\\'");
      c = text_[position_++];
    }
    word.text.push_back(c);
    word.wildcards += wildcard;
    if (!wildcard && (c == '*' || c == '?' || c == '\\')) word.pattern.push_back('\\');
    word.pattern.push_back(c);
  }
  return word;
}

absl::StatusOr<std::string> QueryScanner::TakeQuoted() {
  const size_t start = position_++;
  std::string quoted;
  while (!AtEnd()) {
    char c = text_[position_++];
    if (c == '"') return quoted;
    if (c == '\\') {
      if (AtEnd()) break;
      c = text_[position_++];
    }
    quoted.push_back(c);
  }
  return ErrorAt(start, "expected a closing '\"' for the one here");
}

std::optional<float> QueryScanner::TakeFloat() {
  const char* begin = text_.data() + position_;
  const char* end = text_.data() + text_.size();
  float value = 0;
  const auto [rest, error] = std::from_chars(begin, end, value);
  // from_chars also reads "inf" and "nan".
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  position_ += rest - begin;
  return value;
}

std::optional<uint32_t> QueryScanner::TakeInteger() {
  const char* begin = text_.data() + position_;
  uint32_t value = 0;
  const auto [rest, error] = std::from_chars(begin, text_.data() + text_.size(), value);
  if (error != std::errc()) return std::nullopt;
  position_ += rest - begin;
  return value;
}

size_t QueryScanner::Column(size_t position) const {
  const std::string_view before = text_.substr(0, position);
  return 1 + before.size() - std::count_if(before.begin(), before.end(), IsContinuationByte);
}

absl::Status QueryScanner::ErrorAt(size_t position, std::string_view what) const {
  return absl::InvalidArgumentError(
      Concat("query syntax error at column ", Column(position), ": ", what));
}

std::string QueryScanner::Found() const {
  if (AtEnd()) return "the end of the query";
  if (AtSpace()) return "white space";
  size_t length = 1;
  while (position_ + length < text_.size() && IsContinuationByte(text_[position_ + length])) {
    ++length;
  }
  return Concat("'", text_.substr(position_, length), "'");
}

}  // namespace canopy
