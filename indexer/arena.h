// Memory of an in-memory inversion: one run of addresses that grows at its end and is given back
// whole. What lies in it is named by 32-bit offsets, half the size of pointers. The pages come from
// the system one by one as they are touched, in large pages where the system has them (the
// inversion jumps about in it, and misses in the TLB cost as much as those in the cache).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"

namespace canopy {

// Anonymous memory straight from the system, all zero, so that giving it back is real and not a
// matter of malloc's mood. Thread safety: none.
class PageBuffer final {
 public:
  // RESOURCE_EXHAUSTED: the system refuses that many addresses. Only what is touched takes memory.
  static absl::StatusOr<PageBuffer> Create(size_t size_bytes);
  PageBuffer() = default;
  ~PageBuffer();
  PageBuffer(PageBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PageBuffer& operator=(PageBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

  // Gives the first `size` bytes (or a few more, to the page's end) back to the system: they are
  // zero again. REQUIRES: size <= size().
  void Release(size_t size);

 private:
  PageBuffer(uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Thread safety: none. Lifetime: pointers stay good until Clear or the destructor.
class Arena final {
 public:
  // The most that 32-bit offsets can name.
  static constexpr size_t kMaxBytes = size_t{1} << 32;

  static absl::StatusOr<Arena> Create();

  // `size` bytes that hold anything. The offset is a multiple of 4 and not 0. REQUIRES: size <=
  // free_bytes().
  uint32_t Allocate(uint32_t size) {
    const size_t offset = used_;
    used_ += (size + 3) & ~size_t{3};
    return static_cast<uint32_t>(offset);
  }
  template <typename T = uint8_t>
  T* At(uint32_t offset) const {
    return reinterpret_cast<T*>(pages_.data() + offset);
  }

  size_t free_bytes() const { return kMaxBytes - used_; }
  // The memory that is held, to a page.
  size_t used_bytes() const { return used_; }
  // Gives all of it back to the system.
  void Clear() {
    pages_.Release(used_);
    used_ = kStart;
  }

 private:
  static constexpr size_t kStart = 64;  // so that no offset is 0

  explicit Arena(PageBuffer pages) : pages_(std::move(pages)) {}

  PageBuffer pages_;
  size_t used_ = kStart;
};

}  // namespace canopy
