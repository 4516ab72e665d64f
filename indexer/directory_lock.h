// Keeps two builds out of one index directory: an flock on its file LOCK, which the system gives up
// when the process ends, however it ends. The file stays; it holds the process number of who locked
// it last.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace canopy {

inline constexpr char kLockFileName[] = "LOCK";

// Thread safety: none.
class DirectoryLock final {
 public:
  // FAILED_PRECONDITION: someone else holds it (the message names the process). REQUIRES: the
  // directory exists.
  static absl::StatusOr<DirectoryLock> Acquire(const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(DirectoryLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }

 private:
  explicit DirectoryLock(int file) : file_(file) {}

  int file_;
};

}  // namespace canopy
