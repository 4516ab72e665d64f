// The piece of a stored text that shows best why a document matched. For people only; the search
// itself never runs this.
#pragma once

#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "cli/terminal_text.h"
#include "text/analyzer.h"

namespace canopy {

inline constexpr size_t kSnippetCodePoints = 200;
inline constexpr size_t kMaxSnippetScanBytes =
    256 << 10;  // of a longer text only the beginning is looked at

struct Snippet {
  std::string text;           // one line, marked, with an ellipsis where something was left out
  size_t distinct_terms = 0;  // of the query that it shows
  size_t occurrences = 0;     // of those
};

// The passage of `text` of at most kSnippetCodePoints that holds the most different ones of `terms`
// (analyzed, as SearchResponse.highlight_terms has them), then the most occurrences, then the
// first. A word matches when the analyzer makes one of the terms of it. Without any match: the
// beginning.
Snippet MakeSnippet(std::string_view text, const absl::flat_hash_set<std::string>& terms,
                    Analyzer& analyzer, Markup markup);

}  // namespace canopy
