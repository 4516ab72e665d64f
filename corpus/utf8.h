// Makes text UTF-8 at the border: whatever bytes a file holds, what is indexed, stored and sent is
// well-formed.
#pragma once

#include <cstddef>
#include <string>

namespace canopy {

// Replaces each maximal subpart of an ill-formed sequence (The Unicode Standard, section 3.9,
// "U+FFFD Substitution of Maximal Subparts") by U+FFFD, and says how many there were.
size_t ReplaceInvalidUtf8(std::string& text);

}  // namespace canopy
