#include "indexer/arena.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace canopy {

absl::StatusOr<PageBuffer> PageBuffer::Create(size_t size_bytes) {
  void* data = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot reserve ", size_bytes, " bytes of address space: ", strerror(errno)));
  }
  // Advice only: where there are no large pages, small ones do.
  madvise(data, size_bytes, MADV_HUGEPAGE);
  return PageBuffer(static_cast<uint8_t*>(data), size_bytes);
}

void PageBuffer::Release(size_t size) {
  // Fails only for pages that are locked into memory; those stay, but have to be zero too.
  if (madvise(data_, size, MADV_DONTNEED) != 0) std::memset(data_, 0, size);
}

PageBuffer::~PageBuffer() {
  if (data_ != nullptr) munmap(data_, size_);
}

absl::StatusOr<Arena> Arena::Create() {
  absl::StatusOr<PageBuffer> pages = PageBuffer::Create(kMaxBytes);
  if (!pages.ok()) return pages.status();
  return Arena(*std::move(pages));
}

}  // namespace canopy
