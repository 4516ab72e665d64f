#include "cli/snippet.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr int kNoTerm = -1;

// A word, a space or a mark, as UAX #29 cuts the text: bytes [begin, end).
struct Segment {
  size_t begin = 0;
  size_t end = 0;
  size_t code_points = 0;
  int term = kNoTerm;  // number of the query term that it matches
};

// The first kMaxSnippetScanBytes, cut at a code point.
std::string_view ScannedPart(std::string_view text) {
  if (text.size() <= kMaxSnippetScanBytes) return text;
  size_t end = kMaxSnippetScanBytes;
  while (end > 0 && U8_IS_TRAIL(static_cast<uint8_t>(text[end]))) --end;
  return text.substr(0, end);
}

std::vector<Segment> CutIntoSegments(const std::string& text) {
  std::vector<Segment> segments;
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::BreakIterator> words(
      icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status));
  UText view = UTEXT_INITIALIZER;
  utext_openUTF8(&view, text.data(), static_cast<int64_t>(text.size()), &status);
  if (U_SUCCESS(status)) words->setText(&view, status);
  if (U_SUCCESS(status)) {
    size_t begin = 0;
    words->first();
    for (int32_t end = words->next(); end != icu::BreakIterator::DONE; end = words->next()) {
      const auto stop = static_cast<size_t>(end);
      segments.push_back({begin, stop,
                          CountCodePoints(std::string_view(text).substr(begin, stop - begin)),
                          kNoTerm});
      begin = stop;
    }
  }
  utext_close(&view);
  return segments;
}

void MatchTerms(std::string_view text, const absl::flat_hash_set<std::string>& terms,
                Analyzer& analyzer, std::vector<Segment>& segments) {
  absl::flat_hash_map<std::string, int> numbers;
  for (Segment& segment : segments) {
    analyzer.Analyze(
        text.substr(segment.begin, segment.end - segment.begin), [&](std::string_view term) {
          if (segment.term != kNoTerm || !terms.contains(ToAbsl(term))) return;
          segment.term = numbers.try_emplace(std::string(term), static_cast<int>(numbers.size()))
                             .first->second;
        });
  }
}

// Segments [first, last) and what they show.
struct Window {
  size_t first = 0;
  size_t last = 0;
  size_t distinct = 0;
  size_t matches = 0;
};

bool ShowsMore(const Window& a, const Window& b) {
  return a.distinct != b.distinct ? a.distinct > b.distinct : a.matches > b.matches;
}

// Two ends run over the segments; the window between them never has more than kSnippetCodePoints.
Window BestWindow(const std::vector<Segment>& segments) {
  Window window, best;
  size_t code_points = 0;
  absl::flat_hash_map<int, size_t> inside;
  for (; window.last < segments.size(); ++window.last) {
    const Segment& entering = segments[window.last];
    code_points += entering.code_points;
    if (entering.term != kNoTerm) {
      ++window.matches;
      if (inside[entering.term]++ == 0) ++window.distinct;
    }
    for (; code_points > kSnippetCodePoints && window.first < window.last; ++window.first) {
      const Segment& leaving = segments[window.first];
      code_points -= leaving.code_points;
      if (leaving.term == kNoTerm) continue;
      --window.matches;
      if (--inside[leaving.term] == 0) --window.distinct;
    }
    if (ShowsMore(window, best))
      best = {window.first, window.last + 1, window.distinct, window.matches};
  }
  return best;
}

// Gives the room that is left to what stands before and after the matches (without any: after the
// first segment), half to each side when both have some.
void Widen(const std::vector<Segment>& segments, Window& window) {
  size_t room = kSnippetCodePoints;
  if (window.matches == 0) window.last = std::min<size_t>(1, segments.size());
  while (window.matches > 0 && segments[window.first].term == kNoTerm) ++window.first;
  for (size_t at = window.first; at < window.last; ++at) {
    room -= std::min(room, segments[at].code_points);
  }
  bool before = window.first > 0, after = window.last < segments.size();
  while (before || after) {
    if (before) {
      const size_t wanted = segments[window.first - 1].code_points;
      before = wanted <= room;
      if (before) {
        room -= wanted;
        before = --window.first > 0;
      }
    }
    if (after) {
      const size_t wanted = segments[window.last].code_points;
      after = wanted <= room;
      if (after) {
        room -= wanted;
        after = ++window.last < segments.size();
      }
    }
  }
}

std::string Render(std::string_view text, const std::vector<Segment>& segments,
                   const Window& window, bool text_goes_on, Markup markup) {
  std::string out;
  if (window.first > 0) out += "… ";
  for (size_t at = window.first; at < window.last; ++at) {
    const Segment& segment = segments[at];
    const std::string piece =
        Shorten(text.substr(segment.begin, segment.end - segment.begin), kSnippetCodePoints);
    const bool at_an_end = at == window.first || at + 1 == window.last;
    if (at_an_end && piece == " ") continue;
    out += segment.term == kNoTerm ? piece : Concat(markup.begin, piece, markup.end);
  }
  if (window.last < segments.size() || text_goes_on) out += " …";
  return out;
}

}  // namespace

Snippet MakeSnippet(std::string_view text, const absl::flat_hash_set<std::string>& terms,
                    Analyzer& analyzer, Markup markup) {
  const std::string_view scanned = ScannedPart(text);
  const std::string clean = CleanText(scanned);
  std::vector<Segment> segments = CutIntoSegments(clean);
  MatchTerms(clean, terms, analyzer, segments);
  Window window = BestWindow(segments);
  Widen(segments, window);
  return {Render(clean, segments, window, scanned.size() < text.size(), markup), window.distinct,
          window.matches};
}

}  // namespace canopy
