#include "indexer/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace canopy {
namespace {

// What the holder wrote; nothing when it did not come to that yet.
std::string ReadHolder(int file) {
  char text[32];
  const ssize_t size = pread(file, text, sizeof(text), 0);
  if (size <= 0) return "another process";
  return absl::StrCat("process ", absl::string_view(text, static_cast<size_t>(size)));
}

absl::Status SystemError(const std::string& path, absl::string_view what) {
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot ", what));
}

}  // namespace

absl::StatusOr<DirectoryLock> DirectoryLock::Acquire(const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/", kLockFileName);
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return SystemError(path, "open");
  DirectoryLock lock(file);
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError(path, "lock");
    return absl::FailedPreconditionError(absl::StrCat(
        directory, ": ", ReadHolder(file), " is building an index here (it holds ", path, ")"));
  }
  const std::string holder = absl::StrCat(getpid());
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size())) {
    return SystemError(path, "write");
  }
  return lock;
}

DirectoryLock::~DirectoryLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace canopy
