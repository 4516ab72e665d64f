#include "text/standard_words.h"

#include <utility>

#include "base/status.h"
#include "text/analyzer.h"
#include "text/ascii_words.h"
#include "text/cut.h"

namespace canopy {
namespace {

bool IsAsciiSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The start of the word around `position`: behind the last white space before it.
size_t PieceBegin(std::string_view text, size_t position) {
  while (position > 0 && !IsAsciiSpace(text[position - 1])) --position;
  return position;
}

// The end of the piece that `text` begins with: at white space, or where it gets too long.
size_t PieceEnd(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && end <= UnicodeWords::kMaxBytes && !IsAsciiSpace(text[end])) ++end;
  return end <= UnicodeWords::kMaxBytes ? end : CutPosition(text, UnicodeWords::kMaxBytes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<StandardWords>> StandardWords::Create() {
  ASSIGN_OR_RETURN(std::unique_ptr<UnicodeWords> unicode, UnicodeWords::Create());
  return std::unique_ptr<StandardWords>(new StandardWords(std::move(unicode)));
}

void StandardWords::ForEach(std::string_view text, absl::FunctionRef<void(std::string_view)> word,
                            AnalyzerCounters& counters) {
  while (!text.empty()) {
    const size_t non_ascii = FindNonAscii(text, 0);
    if (non_ascii == text.size()) return AnalyzeAscii(text, word, counters);
    const size_t begin = PieceBegin(text, non_ascii);
    AnalyzeAscii(text.substr(0, begin), word, counters);
    text.remove_prefix(begin);
    const size_t size = PieceEnd(text);
    AnalyzePiece(text.substr(0, size), word, counters);
    text.remove_prefix(size);
  }
}

void StandardWords::AnalyzeAscii(std::string_view text,
                                 absl::FunctionRef<void(std::string_view)> word,
                                 AnalyzerCounters& counters) {
  ForEachAsciiWord(text, lowered_,
                   [&](std::string_view found) { word(CutAsciiTerm(found, counters)); });
}

void StandardWords::AnalyzePiece(std::string_view piece,
                                 absl::FunctionRef<void(std::string_view)> word,
                                 AnalyzerCounters& counters) {
  if (std::optional<std::string_view> known = cache_.Get(piece)) {
    while (!known->empty()) {
      const auto size = static_cast<uint8_t>(known->front());
      word(known->substr(1, size));
      known->remove_prefix(1 + size);
    }
    return;
  }
  const AnalyzerCounters before = counters;
  encoded_.clear();
  const auto keep_and_pass = [&](std::string_view found) {
    encoded_.push_back(static_cast<char>(found.size()));
    encoded_.append(found);
    word(found);
  };
  unicode_->ForEach(piece, keep_and_pass, counters);
  // What was counted must be counted again when the piece comes again.
  if (counters == before) cache_.Put(piece, encoded_);
}

}  // namespace canopy
