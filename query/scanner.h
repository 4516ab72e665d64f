// Reads the characters of a query text for the parser (parser.h): words with their escapes and
// wildcards, quoted texts, numbers, keywords; and makes errors that name the column.
// docs/query_language.md has the grammar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace canopy {

// True where `text` has white space that separates words: ASCII's, U+00A0 and U+3000. Its length in
// bytes, else 0.
size_t WhitespaceAt(std::string_view text, size_t position);

// A run of characters up to white space or one of ( ) " ^ ~ : .
struct QueryWord {
  std::string text;      // without escapes
  std::string pattern;   // as WildcardQuery.pattern: only * ? and the backslash are escaped
  size_t wildcards = 0;  // unescaped * and ?
};

// Thread safety: one thread. Lifetime: borrows the text.
class QueryScanner final {
 public:
  explicit QueryScanner(std::string_view text) : text_(text) {}

  bool AtEnd() const { return position_ == text_.size(); }
  size_t position() const { return position_; }
  // The byte here; 0 at the end.
  char Peek() const { return AtEnd() ? '\0' : text_[position_]; }
  // The byte before; REQUIRES: position() > 0.
  char Previous() const { return text_[position_ - 1]; }
  void Skip() { ++position_; }
  bool Take(char c);
  void SkipSpace();
  // At the end or at white space.
  bool AtSpace() const { return AtEnd() || WhitespaceAt(text_, position_) > 0; }

  // Takes AND, OR, NOT, TO when it stands here as a word of its own.
  bool TakeKeyword(std::string_view keyword);
  bool AtKeyword(std::string_view keyword) const;

  // Takes a word, which may be empty. `also_stops`: further characters that end it.
  absl::StatusOr<QueryWord> TakeWord(std::string_view also_stops = "");
  // Takes "...", from quote to quote.
  absl::StatusOr<std::string> TakeQuoted();
  // Takes a decimal number such as 2, 0.5, 1e-05, -3; nullopt (and nothing taken) when there is
  // none or it is too large.
  std::optional<float> TakeFloat();
  std::optional<uint32_t> TakeInteger();

  // INVALID_ARGUMENT: "query syntax error at column 7: " and `what`. Columns count characters,
  // from 1.
  absl::Status ErrorAt(size_t position, std::string_view what) const;
  absl::Status Error(std::string_view what) const { return ErrorAt(position_, what); }
  size_t Column(size_t position) const;
  // What stands here, for messages: "end of the query", "')'".
  std::string Found() const;

 private:
  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace canopy
