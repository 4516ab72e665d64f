#include "base/strings.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace canopy {
namespace {

bool IsAsciiControl(uint8_t byte) {
  return (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
}

// U+0080 to U+009F are C2 80 to C2 9F in UTF-8.
bool IsControlByte(std::string_view text, size_t at) {
  constexpr uint8_t kLead = 0xC2;
  const auto byte = static_cast<uint8_t>(text[at]);
  const auto is_second = [](uint8_t second) { return second >= 0x80 && second <= 0x9F; };
  if (byte == kLead) return at + 1 < text.size() && is_second(static_cast<uint8_t>(text[at + 1]));
  const uint8_t before = at == 0 ? 0 : static_cast<uint8_t>(text[at - 1]);
  // Behind an ASCII character such a byte stands alone; eight-bit terminals take it for a control.
  return IsAsciiControl(byte) || (is_second(byte) && (before == kLead || before < 0x80));
}

}  // namespace

std::string EscapeControls(std::string_view text) {
  std::string escaped;
  for (size_t at = 0; at < text.size(); ++at) {
    if (IsControlByte(text, at)) {
      absl::StrAppendFormat(&escaped, "\\x%02x", static_cast<uint8_t>(text[at]));
    } else {
      escaped.push_back(text[at]);
    }
  }
  return escaped;
}

}  // namespace canopy
