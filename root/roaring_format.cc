#include "root/roaring_format.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "base/byte_io.h"
#include "base/strings.h"

namespace canopy {
namespace {

// Of the format.
constexpr uint32_t kCookie = 12346;
constexpr uint32_t kCookieWithRuns = 12347;  // in the lower half; above it the containers - 1
constexpr size_t kMinOffsets = 4;            // with runs, fewer containers have no offsets
constexpr uint32_t kMaxContainers = 1 << 16;
constexpr uint32_t kMaxArrayDocs = 4096;  // more: a bitset
constexpr size_t kBitsetWords = 1024;

template <typename T>
T At(std::string_view bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

// One bitmap's way through the checks; the reader remembers the first that failed.
class RoaringChecker final {
 public:
  RoaringChecker(std::string_view bytes, uint64_t docs) : in_(bytes, "bitmap"), docs_(docs) {}

  absl::Status Check() {
    ReadHeader();
    for (uint32_t i = 0; in_.ok() && i < containers_; ++i) CheckContainer(i);
    return in_.Finish();
  }

 private:
  void ReadHeader() {
    const uint32_t cookie = in_.U32();
    const bool with_runs = (cookie & 0xFFFF) == kCookieWithRuns;
    if (with_runs) {
      containers_ = (cookie >> 16) + 1;
      is_run_ = in_.Bytes((containers_ + 7) / 8);
      if (in_.ok() && containers_ % 8 != 0 &&
          static_cast<uint8_t>(is_run_.back()) >> containers_ % 8 != 0) {
        in_.Fail(Concat("run flags beyond the ", containers_, " containers"));
      }
    } else if (cookie == kCookie) {
      containers_ = in_.U32();
      if (containers_ > kMaxContainers) in_.Fail(Concat(containers_, " containers"));
    } else {
      in_.Fail(Concat("cookie ", cookie));
    }
    if (!in_.ok()) return;
    descriptions_ = in_.Bytes(size_t{containers_} * 2 * sizeof(uint16_t));
    if (!with_runs || containers_ >= kMinOffsets) {
      offsets_ = in_.Bytes(size_t{containers_} * sizeof(uint32_t));
    }
  }

  void CheckContainer(uint32_t i) {
    const auto key = At<uint16_t>(descriptions_, size_t{i} * 2);
    const uint32_t cardinality = At<uint16_t>(descriptions_, size_t{i} * 2 + 1) + 1;
    if (i > 0 && key <= last_key_) {
      return in_.Fail(Concat("container ", i, " has key ", key, " after ", last_key_));
    }
    last_key_ = key;
    if (!offsets_.empty() && At<uint32_t>(offsets_, i) != in_.offset()) {
      return in_.Fail(Concat("container ", i, " is said to stand at ", At<uint32_t>(offsets_, i)));
    }
    uint16_t last_doc = 0;
    if (!is_run_.empty() && (is_run_[i / 8] >> i % 8 & 1) != 0) {
      last_doc = CheckRuns(cardinality);
    } else if (cardinality <= kMaxArrayDocs) {
      last_doc = CheckArray(cardinality);
    } else {
      last_doc = CheckBitset(cardinality);
    }
    const uint64_t doc = uint64_t{key} << 16 | last_doc;
    if (doc >= docs_) in_.Fail(Concat("document ", doc, " of ", docs_));
  }

  // These return the last document.
  uint16_t CheckArray(uint32_t cardinality) {
    const std::string_view array = in_.Bytes(cardinality * sizeof(uint16_t));
    if (!in_.ok()) return 0;
    uint16_t last = At<uint16_t>(array, 0);
    for (uint32_t i = 1; i < cardinality; ++i) {
      const auto doc = At<uint16_t>(array, i);
      if (doc <= last) in_.Fail(Concat("document ", doc, " after ", last, " in an array"));
      last = doc;
    }
    return last;
  }

  uint16_t CheckBitset(uint32_t cardinality) {
    const std::string_view bitset = in_.Bytes(kBitsetWords * sizeof(uint64_t));
    if (!in_.ok()) return 0;
    uint32_t count = 0;
    size_t last = 0;
    for (size_t w = 0; w < kBitsetWords; ++w) {
      const auto word = At<uint64_t>(bitset, w);
      count += static_cast<uint32_t>(std::popcount(word));
      if (word != 0) last = w * 64 + 63 - static_cast<size_t>(std::countl_zero(word));
    }
    CheckCount(count, cardinality);
    return static_cast<uint16_t>(last);
  }

  uint16_t CheckRuns(uint32_t cardinality) {
    const uint32_t runs = in_.U16();
    const std::string_view pairs = in_.Bytes(runs * 2 * sizeof(uint16_t));
    if (!in_.ok()) return 0;
    uint32_t count = 0, last = 0;
    for (uint32_t i = 0; i < runs; ++i) {
      const uint32_t first = At<uint16_t>(pairs, size_t{i} * 2);
      const uint32_t more = At<uint16_t>(pairs, size_t{i} * 2 + 1);
      if (i > 0 && first <= last + 1) {
        in_.Fail(Concat("a run from ", first, " after one up to ", last));
      }
      last = first + more;
      count += more + 1;
      if (last > 0xFFFF) in_.Fail(Concat("a run up to ", last));
    }
    CheckCount(count, cardinality);
    return static_cast<uint16_t>(last);
  }

  void CheckCount(uint32_t count, uint32_t cardinality) {
    if (count == cardinality) return;
    in_.Fail(Concat("a container of ", count, " documents is said to have ", cardinality));
  }

  ByteReader in_;
  const uint64_t docs_;
  uint32_t containers_ = 0;
  uint16_t last_key_ = 0;
  std::string_view is_run_;        // a bit a container; empty: none is
  std::string_view descriptions_;  // key, cardinality - 1
  std::string_view offsets_;       // empty: there are none
};

}  // namespace

absl::Status CheckRoaring(std::string_view bytes, uint64_t docs) {
  return RoaringChecker(bytes, docs).Check();
}

}  // namespace canopy
