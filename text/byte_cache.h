// A small cache from byte strings to byte strings, for work that natural text repeats: words come
// by Zipf's law, so a few thousand entries answer most questions. Direct-mapped: a new entry takes
// the place of the one with the same slot.
#pragma once

#define XXH_INLINE_ALL  // a call would cost as much as hashing a word
#include <xxhash.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace canopy {

// An entry takes kKeyBytes + kValueBytes + 2 bytes; longer keys and values are not kept.
// Thread safety: none.
template <size_t kEntries, size_t kKeyBytes, size_t kValueBytes>
class ByteCache final {
 public:
  static_assert((kEntries & (kEntries - 1)) == 0 && kKeyBytes < 256 && kValueBytes < 256);

  // The value of `key`, or nothing. Lifetime: until the next Put.
  std::optional<std::string_view> Get(std::string_view key) const {
    if (key.empty() || key.size() > kKeyBytes) return std::nullopt;
    const Entry& entry = entries_[SlotOf(key)];
    if (std::string_view(entry.key, entry.key_size) != key) return std::nullopt;
    return std::string_view(entry.value, entry.value_size);
  }

  void Put(std::string_view key, std::string_view value) {
    if (key.empty() || key.size() > kKeyBytes || value.size() > kValueBytes) return;
    Entry& entry = entries_[SlotOf(key)];
    entry.key_size = static_cast<uint8_t>(key.size());
    entry.value_size = static_cast<uint8_t>(value.size());
    std::memcpy(entry.key, key.data(), key.size());
    std::memcpy(entry.value, value.data(), value.size());
  }

 private:
  struct Entry {
    uint8_t key_size = 0;  // 0: empty
    uint8_t value_size = 0;
    char key[kKeyBytes];
    char value[kValueBytes];
  };

  static size_t SlotOf(std::string_view key) {
    return XXH3_64bits(key.data(), key.size()) & (kEntries - 1);
  }

  std::vector<Entry> entries_ = std::vector<Entry>(kEntries);
};

}  // namespace canopy
