#include "corpus/utf8.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "simdjson.h"

namespace canopy {
namespace {

// Table 3-7, "Well-Formed UTF-8 Byte Sequences": how many bytes follow this lead byte, and the
// range of the first of them (the others are 80..BF). No followers and lead >= 0x80: not a lead
// byte.
struct Sequence {
  int followers;
  uint8_t low, high;
};

Sequence SequenceOf(uint8_t lead) {
  if (lead < 0xc2) return {0, 0, 0};
  if (lead < 0xe0) return {1, 0x80, 0xbf};
  if (lead < 0xf0) {
    return {2, static_cast<uint8_t>(lead == 0xe0 ? 0xa0 : 0x80),
            static_cast<uint8_t>(lead == 0xed ? 0x9f : 0xbf)};
  }
  if (lead < 0xf5) {
    return {3, static_cast<uint8_t>(lead == 0xf0 ? 0x90 : 0x80),
            static_cast<uint8_t>(lead == 0xf4 ? 0x8f : 0xbf)};
  }
  return {0, 0, 0};
}

}  // namespace

size_t ReplaceInvalidUtf8(std::string& text) {
  if (simdjson::validate_utf8(text.data(), text.size())) return 0;
  std::string repaired;
  repaired.reserve(text.size() + text.size() / 8);
  size_t replaced = 0;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    size_t length = 1;
    Sequence sequence = SequenceOf(lead);
    const bool has_tail = sequence.followers > 0;
    while (sequence.followers > 0 && i + length < text.size()) {
      const auto next = static_cast<uint8_t>(text[i + length]);
      if (next < sequence.low || next > sequence.high) break;
      ++length;
      sequence = {sequence.followers - 1, 0x80, 0xbf};
    }
    const bool valid = lead < 0x80 || (has_tail && sequence.followers == 0);
    if (valid) {
      repaired.append(text, i, length);
    } else {
      repaired += "\xef\xbf\xbd";
      ++replaced;
    }
    i += length;
  }
  text = std::move(repaired);
  return replaced;
}

}  // namespace canopy
