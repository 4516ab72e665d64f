// Where to cut bytes that are too long without breaking a character.
#pragma once

#include <cstddef>
#include <string_view>

#include "text/analyzer.h"

namespace canopy {

// A term of ASCII as it is indexed.
inline std::string_view CutAsciiTerm(std::string_view term, AnalyzerCounters& counters) {
  if (term.size() <= kMaxTermBytes) return term;
  ++counters.terms_cut;
  return term.substr(0, kMaxTermBytes);
}

// The largest position <= `limit` that is not inside a UTF-8 sequence of `text`; in ill-formed text
// with no such position among the four last, `limit`. REQUIRES: limit < text.size().
inline size_t CutPosition(std::string_view text, size_t limit) {
  for (size_t cut = limit; cut > 0 && cut + 4 > limit; --cut) {
    const bool continuation = (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80;
    if (!continuation) return cut;
  }
  return limit;
}

}  // namespace canopy
