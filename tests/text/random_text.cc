#include "tests/text/random_text.h"

#include <unicode/utf8.h>

namespace canopy {
namespace {

constexpr std::string_view kWordBytes = "abzAMZ019__";
constexpr std::string_view kMiddleBytes = "..''::,,;;";
constexpr std::string_view kSpaces = "  \t\n\r\v\f";

constexpr std::u32string_view kHardCharacters =
    U"\u0301\u0308\u0338\u200d\u200c\u00ad\ufe0f\u200b"  // marks, joiners, ignorables
    U"éÀßİıſΣσςЖя\u0130\u1e9e\ufb01\u01c5"               // letters with case
    U"אבג\u05f3\u05f4\""                                 // Hebrew and its quotes
    U"アｱｶﾞーひら漢字東京ＡＢ１２＿．"                   // East Asian
    U"ไทยภาษากข\u0e31한글ᄀ\u1161\u11a8"                 // Thai, Hangul
    U"٠١٢٫٬،"                                            // Arabic digits and separators
    U"\u2018\u2019\u2024\u00b7\u0387\u2027\ufe52\uff07"  // middle characters
    U"\u00a0\u2028\u0085\u3000\u202f"                    // other white space
    U"½①℡㎏ﷺ…\u00a8\u2260\u226e"                         // compatibility characters
    U"👍🏽👨👩🇩🇪🇫\u20e3❤\ufffd";      // emoji

template <typename View>
auto Pick(std::mt19937& random, View from) {
  return from[random() % from.size()];
}

char32_t AnyCodePoint(std::mt19937& random) {
  while (true) {
    const char32_t limit = random() % 2 == 0 ? 0x3000 : 0x110000;
    const char32_t c = random() % limit;
    if (c < 0xd800 || c > 0xdfff) return c;
  }
}

}  // namespace

void AppendUtf8(char32_t c, std::string& out) {
  char bytes[4];
  int32_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, static_cast<UChar32>(c));
  out.append(bytes, static_cast<size_t>(size));
}

std::string RandomAscii(std::mt19937& random, size_t size) {
  std::string text(size, ' ');
  for (char& c : text) {
    const uint32_t kind = random() % 16;
    if (kind < 9) {
      c = Pick(random, kWordBytes);
    } else if (kind < 13) {
      c = Pick(random, kMiddleBytes);
    } else if (kind < 14) {
      c = Pick(random, kSpaces);
    } else {
      c = static_cast<char>(random() % 128);
    }
  }
  return text;
}

std::string RandomUnicode(std::mt19937& random, size_t size) {
  std::string text;
  // Some texts have little of what is no ASCII, so that stretches of both kinds meet.
  const uint32_t ascii_share = random() % 31;
  while (text.size() < size) {
    if (random() % 32 < ascii_share) {
      text += RandomAscii(random, 1 + random() % 8);
    } else if (random() % 4 != 0) {
      AppendUtf8(Pick(random, kHardCharacters), text);
    } else {
      AppendUtf8(AnyCodePoint(random), text);
    }
  }
  return text;
}

std::string RandomBytes(std::mt19937& random, size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

}  // namespace canopy
