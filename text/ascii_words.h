// Words of ASCII text, lower-cased, at close to the speed of memory: the whole analyzer "ascii",
// and the fast path of "standard". The text is lower-cased into a buffer 64 bytes at a time and
// words are handed out as views into it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "text/byte_masks.h"

namespace canopy {

// Which bytes of a block are what.
struct AsciiClasses {
  uint64_t letters = 0;  // A-Z a-z
  uint64_t digits = 0;
  uint64_t underscores = 0;
  uint64_t mid_letters = 0;  // part of a word between two letters: . '
  uint64_t mid_numbers = 0;  // part of a word between two digits: . ' , ;
};

// Copies a block to `out` with A-Z in lower case and returns its letters and digits.
inline uint64_t LowerAlphanumeric(const char* in, char* out) {
  ByteFlags alphanumeric;
  for (size_t i = 0; i < kBlockBytes; ++i) {
    const auto byte = static_cast<uint8_t>(in[i]);
    const uint8_t lower = byte | 0x20;
    const bool letter = static_cast<uint8_t>(lower - 'a') < 26;
    const bool digit = static_cast<uint8_t>(byte - '0') < 10;
    out[i] = static_cast<char>(letter ? lower : byte);
    alphanumeric.flags[i] = letter | digit ? 0xff : 0;
  }
  return ToMask(alphanumeric);
}

// The same with all classes.
inline AsciiClasses LowerAndClassify(const char* in, char* out) {
  ByteFlags letters;
  ByteFlags digits;
  ByteFlags underscores;
  ByteFlags mid_letters;
  ByteFlags mid_numbers;
  for (size_t i = 0; i < kBlockBytes; ++i) {
    const auto byte = static_cast<uint8_t>(in[i]);
    const uint8_t lower = byte | 0x20;
    const bool letter = static_cast<uint8_t>(lower - 'a') < 26;
    const bool mid = (byte == '.') | (byte == '\'');
    out[i] = static_cast<char>(letter ? lower : byte);
    letters.flags[i] = letter ? 0xff : 0;
    digits.flags[i] = static_cast<uint8_t>(byte - '0') < 10 ? 0xff : 0;
    underscores.flags[i] = byte == '_' ? 0xff : 0;
    mid_letters.flags[i] = mid ? 0xff : 0;
    mid_numbers.flags[i] = mid | (byte == ',') | (byte == ';') ? 0xff : 0;
  }
  return {ToMask(letters), ToMask(digits), ToMask(underscores), ToMask(mid_letters),
          ToMask(mid_numbers)};
}

// Calls block(in, out, base) for every 64 bytes of `text`, where `out` are the bytes of `buffer`
// that stand for them. The last block is filled up with zeros.
template <typename Block>
void ForEachBlock(std::string_view text, std::string& buffer, Block block) {
  if (buffer.size() < text.size() + kBlockBytes) buffer.resize(text.size() + kBlockBytes);
  size_t base = 0;
  for (; base + kBlockBytes <= text.size(); base += kBlockBytes) {
    block(text.data() + base, buffer.data() + base, base);
  }
  if (base == text.size()) return;
  char last[kBlockBytes] = {};
  std::memcpy(last, text.data() + base, text.size() - base);
  block(last, buffer.data() + base, base);
}

// Calls word(view) for every maximal run of [A-Za-z0-9] of `text`, in lower case. Other bytes, also
// those that are no ASCII, only separate. Lifetime: the views point into `buffer`.
template <typename Word>
void ForEachAlphanumericRun(std::string_view text, std::string& buffer, Word word) {
  RunFinder runs;
  const auto emit = [&](size_t begin, size_t end) {
    word(std::string_view(buffer.data() + begin, end - begin));
  };
  ForEachBlock(text, buffer, [&](const char* in, char* out, size_t base) {
    runs.Feed(LowerAlphanumeric(in, out), base, emit);
  });
  runs.Finish(text.size(), emit);
}

// The bytes of a block that belong to words by UAX #29 restricted to ASCII: letters, digits and
// underscores always (WB5, WB8 to WB10, WB13a and b), the characters in the middle where both
// neighbours are right (WB6, WB7, WB11, WB12). ICU's root rules do not count the colon among the
// latter.
inline uint64_t WordBytes(const AsciiClasses& before, const AsciiClasses& here,
                          const AsciiClasses& after) {
  const uint64_t letter_left = here.letters << 1 | before.letters >> 63;
  const uint64_t letter_right = here.letters >> 1 | after.letters << 63;
  const uint64_t digit_left = here.digits << 1 | before.digits >> 63;
  const uint64_t digit_right = here.digits >> 1 | after.digits << 63;
  return here.letters | here.digits | here.underscores |
         (here.mid_letters & letter_left & letter_right) |
         (here.mid_numbers & digit_left & digit_right);
}

// Calls word(view) for every Unicode word of `text` that has a letter or a digit, in lower case:
// exactly what UnicodeWords (text/unicode_words.h) finds, which a test shows. Lifetime: the views
// point into `buffer`. REQUIRES: `text` is pure ASCII.
template <typename Word>
void ForEachAsciiWord(std::string_view text, std::string& buffer, Word word) {
  RunFinder runs;
  const auto emit = [&](size_t begin, size_t end) {
    const std::string_view view(buffer.data() + begin, end - begin);
    if (view.find_first_not_of('_') != std::string_view::npos) word(view);
  };
  // A block is finished one step late, when the block after it is known.
  AsciiClasses before;
  AsciiClasses here;
  size_t base = 0;
  ForEachBlock(text, buffer, [&](const char* in, char* out, size_t next_base) {
    const AsciiClasses after = LowerAndClassify(in, out);
    if (next_base > 0) runs.Feed(WordBytes(before, here, after), base, emit);
    before = here;
    here = after;
    base = next_base;
  });
  if (text.empty()) return;
  runs.Feed(WordBytes(before, here, AsciiClasses()), base, emit);
  runs.Finish(text.size(), emit);
}

// The position of the first byte at or behind `from` that is no ASCII, or the size of `text`.
inline size_t FindNonAscii(std::string_view text, size_t from) {
  for (; from + kBlockBytes <= text.size(); from += kBlockBytes) {
    uint8_t any = 0;
    for (size_t i = 0; i < kBlockBytes; ++i) any |= static_cast<uint8_t>(text[from + i]);
    if (any >= 0x80) break;
  }
  while (from < text.size() && static_cast<uint8_t>(text[from]) < 0x80) ++from;
  return from;
}

}  // namespace canopy
