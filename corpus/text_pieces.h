// Small cuts of text that several formats make.
#pragma once

#include <optional>
#include <string_view>

namespace canopy {

// `text` without those of `blanks` that it begins and ends with.
inline std::string_view Trim(std::string_view text, std::string_view blanks) {
  const size_t from = text.find_first_not_of(blanks);
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

// The cells of a line of tab-separated values; an empty line has one, which is empty.
// Thread safety: none. Lifetime: borrows the text.
class TabCells final {
 public:
  explicit TabCells(std::string_view line) : rest_(line) {}

  // The next cell; nothing behind the last one.
  std::optional<std::string_view> Next() {
    if (!rest_.has_value()) return std::nullopt;
    const size_t tab = rest_->find('\t');
    const std::string_view cell = rest_->substr(0, tab);
    if (tab == rest_->npos) {
      rest_.reset();
    } else {
      rest_->remove_prefix(tab + 1);
    }
    return cell;
  }

 private:
  std::optional<std::string_view> rest_;
};

}  // namespace canopy
