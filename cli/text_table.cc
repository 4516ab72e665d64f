#include "cli/text_table.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "cli/terminal_text.h"

namespace canopy {

TextTable::TextTable(std::vector<std::string> titles) {
  for (std::string& title : titles) {
    right_aligned_.push_back(title.starts_with('>'));
    if (right_aligned_.back()) title.erase(0, 1);
  }
  rows_.push_back(std::move(titles));
}

void TextTable::AddRow(std::vector<std::string> cells) {
  CHECK(cells.size() == right_aligned_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::ToString(std::string_view indent) const {
  std::vector<size_t> widths(right_aligned_.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], CountCodePoints(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent);
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - CountCodePoints(row[i]), ' ');
      if (i > 0) line += "  ";
      line += right_aligned_[i] ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace canopy
