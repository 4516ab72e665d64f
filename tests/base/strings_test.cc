#include "base/strings.h"

#include "gtest/gtest.h"

namespace canopy {
namespace {

TEST(EscapeControls, LeavesTextAsItIs) {
  const std::string text = "Grüße \"世界\"\n\tÂ ¡ \xff";
  EXPECT_EQ(EscapeControls(text), text);
}

TEST(EscapeControls, ShowsControlCharacters) {
  EXPECT_EQ(EscapeControls("\x1b[2J\r\x7f"), "\\x1b[2J\\x0d\\x7f");
  EXPECT_EQ(EscapeControls(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(EscapeControls, ShowsThoseOfEightBits) {
  EXPECT_EQ(EscapeControls("a\u009b2J"), "a\\xc2\\x9b2J");
  EXPECT_EQ(EscapeControls("\x9b"
                           "2J"),
            "\\x9b2J");
}

}  // namespace
}  // namespace canopy
