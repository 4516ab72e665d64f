// The one narrow interface to the disk, so that tests can make any single operation fail or stop
// the world at it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace canopy {

// A read-only mapping of a whole file. Unmapped at destruction.
class MappedFile final {
 public:
  MappedFile() = default;
  MappedFile(const char* data, size_t size) : data_(data), size_(size) {}
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::string_view bytes() const { return {data_, size_}; }
  // Takes the pages that were touched out of the process's memory; they come back from the file
  // when they are touched again. REQUIRES: a mapping of a file, or nothing of it is read again.
  void ReleasePages() const;

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

// Errors carry the path and the system's text: NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED,
// RESOURCE_EXHAUSTED (disk full, too many open files), FAILED_PRECONDITION (a directory where a
// file is wanted or the other way round, a directory that is not empty), INTERNAL (anything else).
// Thread safety: all members from any thread; one file handle is one thread's.
class FileSystem {
 public:
  using Handle = int;

  virtual ~FileSystem() = default;

  // Opens for appending; `truncate`: starts empty.
  virtual absl::StatusOr<Handle> OpenForWrite(const std::string& path, bool truncate) = 0;
  virtual absl::Status Append(Handle file, std::string_view bytes) = 0;
  virtual absl::Status Sync(Handle file) = 0;
  virtual absl::Status Close(Handle file) = 0;
  // Up to `size` bytes at `offset`; fewer only at the end of the file.
  virtual absl::StatusOr<std::string> ReadAt(const std::string& path, uint64_t offset,
                                             size_t size) = 0;
  virtual absl::StatusOr<MappedFile> Map(const std::string& path) = 0;
  virtual absl::StatusOr<uint64_t> Size(const std::string& path) = 0;
  // Follows symbolic links.
  virtual bool Exists(const std::string& path) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  virtual absl::Status CreateDirectory(
      const std::string& path) = 0;  // with parents; fine when it exists
  virtual absl::StatusOr<std::vector<std::string>> List(
      const std::string& directory) = 0;  // names, sorted
  virtual absl::Status Remove(
      const std::string& path) = 0;  // a file, a symbolic link or an empty directory
};

// The machine's. Lives for the whole process.
FileSystem& LocalFileSystem();

// Reads a whole file.
absl::StatusOr<std::string> ReadFile(FileSystem& files, const std::string& path);
// Writes `bytes` to `path` so that after a crash either the old or the new content is there:
// temporary file
// (`path`.tmp, overwritten when a crash left one), sync, rename, directory sync.
absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 std::string_view bytes);
// Removes a file or a directory with all that is in it. Links are removed, not followed. Fine when
// nothing is there.
absl::Status RemoveRecursively(FileSystem& files, const std::string& path);

}  // namespace canopy
