// Stored text and server messages are other people's bytes: before they reach a terminal,
// everything that could steer it (escape sequences, bidirectional overrides, broken UTF-8) is taken
// out. Used by all output for people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace canopy {

// Valid UTF-8 on one line: broken sequences become U+FFFD; control and format characters go; runs
// of white space (line breaks included) become one space; nothing at either end.
std::string CleanText(std::string_view text);

// Code points of valid UTF-8.
size_t CountCodePoints(std::string_view text);

// The first `max_code_points` of valid UTF-8, with an ellipsis in the last place when something was
// cut.
std::string Shorten(std::string_view text, size_t max_code_points);

// 1234567 -> "1,234,567".
std::string WithThousands(uint64_t number);

// 950 us, 1.23 ms, 4.56 s.
std::string HumanMicroseconds(uint64_t microseconds);

struct TerminalShape {
  size_t width = 80;
  bool unicode = false;  // box and block characters can be shown
};
// Of `fd`; the default when it is no terminal. Its width is 80 where the terminal does not say, and
// whether it shows Unicode is what the locale's variables (LC_ALL, LC_CTYPE, LANG) say.
TerminalShape ShapeOf(int fd);

// What stands around a marked word.
struct Markup {
  std::string_view begin;
  std::string_view end;
};
inline constexpr Markup kBoldMarkup{"\x1b[1m", "\x1b[0m"};
inline constexpr Markup kPlainMarkup{"**", "**"};

// Bold when `fd` is a terminal that can show it (and NO_COLOR is not set), else plain.
Markup MarkupFor(int fd);

}  // namespace canopy
