// Columns of text, aligned for a fixed-width font.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace canopy {

class TextTable final {
 public:
  // A title that starts with ">" makes its column right-aligned.
  explicit TextTable(std::vector<std::string> titles);
  // REQUIRES: one cell a title.
  void AddRow(std::vector<std::string> cells);
  // Lines that end with a line break, two spaces between columns, each line after `indent`.
  std::string ToString(std::string_view indent = "") const;

 private:
  std::vector<bool> right_aligned_;
  std::vector<std::vector<std::string>> rows_;  // the titles first
};

}  // namespace canopy
