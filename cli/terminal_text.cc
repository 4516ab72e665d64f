#include "cli/terminal_text.h"

#include <sys/ioctl.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr UChar32 kReplacement = 0xFFFD;

void AppendCodePoint(UChar32 c, std::string& out) {
  char bytes[U8_MAX_LENGTH];
  int32_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, c);
  out.append(bytes, static_cast<size_t>(size));
}

// Controls, formats (bidirectional overrides, zero-width characters), surrogates and what Unicode
// has not assigned. Joiners stay: scripts and emoji need them.
bool MaySteerTerminal(UChar32 c) {
  constexpr UChar32 kZeroWidthNonJoiner = 0x200C, kZeroWidthJoiner = 0x200D;
  if (c == kZeroWidthNonJoiner || c == kZeroWidthJoiner) return false;
  return (U_GET_GC_MASK(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK | U_GC_CN_MASK)) != 0;
}

}  // namespace

std::string CleanText(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool space_pending = false;
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t at = 0; at < size;) {
    UChar32 c;
    U8_NEXT_OR_FFFD(text.data(), at, size, c);
    if (u_isUWhiteSpace(c)) {
      space_pending = !out.empty();
      continue;
    }
    if (c != kReplacement && MaySteerTerminal(c)) continue;
    if (space_pending) out.push_back(' ');
    space_pending = false;
    AppendCodePoint(c, out);
  }
  return out;
}

size_t CountCodePoints(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return !U8_IS_TRAIL(static_cast<uint8_t>(byte));
  }));
}

std::string Shorten(std::string_view text, size_t max_code_points) {
  if (CountCodePoints(text) <= max_code_points) return std::string(text);
  size_t at = 0;
  for (size_t seen = 0; at < text.size(); ++at) {
    if (U8_IS_TRAIL(static_cast<uint8_t>(text[at]))) continue;
    if (++seen == max_code_points) break;
  }
  return Concat(text.substr(0, at), "…");
}

std::string WithThousands(uint64_t number) {
  const std::string digits = Concat(number);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out.push_back(',');
    out.push_back(digits[i]);
  }
  return out;
}

std::string HumanMicroseconds(uint64_t microseconds) {
  const auto us = static_cast<double>(microseconds);
  if (microseconds < 1000) return Concat(microseconds, " us");
  if (microseconds < 1000 * 1000) return absl::StrFormat("%.2f ms", us / 1e3);
  return absl::StrFormat("%.2f s", us / 1e6);
}

TerminalShape ShapeOf(int fd) {
  TerminalShape shape;
  if (!isatty(fd)) return shape;
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) shape.width = size.ws_col;
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {  // the first that is set counts
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string locale = absl::AsciiStrToLower(value);
    shape.unicode = absl::StrContains(locale, "utf-8") || absl::StrContains(locale, "utf8");
    break;
  }
  return shape;
}

Markup MarkupFor(int fd) {
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  const bool can_bold = isatty(fd) && (no_color == nullptr || *no_color == '\0') &&
                        terminal != nullptr && std::string_view(terminal) != "dumb";
  return can_bold ? kBoldMarkup : kPlainMarkup;
}

}  // namespace canopy
