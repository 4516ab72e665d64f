// Random text for tests of analyzers: made of what word boundaries, normalization and decoding find
// hard.
#pragma once

#include <random>
#include <string>
#include <string_view>

namespace canopy {

// `size` ASCII bytes: mostly letters, digits and the characters that may stand inside words, in
// random order.
std::string RandomAscii(std::mt19937& random, size_t size);

// About `size` bytes of well-formed UTF-8: words, marks, joiners, emoji, ideographs, kana, Thai,
// Hebrew, compatibility characters and any other code points, with white space here and there.
std::string RandomUnicode(std::mt19937& random, size_t size);

// `size` bytes of anything.
std::string RandomBytes(std::mt19937& random, size_t size);

// Appends the UTF-8 of `c`. REQUIRES: a code point that is no surrogate.
void AppendUtf8(char32_t c, std::string& out);

}  // namespace canopy
