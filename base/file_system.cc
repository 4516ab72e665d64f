#include "base/file_system.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case EISDIR:
    case ENOTDIR:
    case ENOTEMPTY:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

// `operation` names what failed: "open", "write to".
absl::Status SystemError(int error, std::string_view operation, std::string_view path) {
  return absl::Status(CodeOf(error), Concat("cannot ", operation, " ", path, ": ",
                                            std::generic_category().message(error)));
}

// The path behind an open handle, as the kernel knows it; asked only for messages.
std::string PathOf(FileSystem::Handle file) {
  std::error_code error;
  const std::string link = Concat("/proc/self/fd/", file);
  const std::filesystem::path path = std::filesystem::read_symlink(link, error);
  return error ? Concat("file handle ", file) : path.string();
}

// An open file descriptor, closed at destruction.
class Descriptor final {
 public:
  Descriptor(const std::string& path, int flags) : fd_(OpenRetrying(path, flags)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  static int OpenRetrying(const std::string& path, int flags) {
    int fd;
    do {
      fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
    } while (fd < 0 && errno == EINTR);
    return fd;
  }

  int fd_;
};

absl::StatusOr<uint64_t> SizeOf(const struct stat& info, const std::string& path) {
  if (S_ISDIR(info.st_mode)) return SystemError(EISDIR, "read", path);
  return static_cast<uint64_t>(info.st_size);
}

absl::StatusOr<uint64_t> SizeOf(const Descriptor& file, const std::string& path) {
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return SystemError(errno, "stat", path);
  return SizeOf(info, path);
}

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<Handle> OpenForWrite(const std::string& path, bool truncate) override {
    Descriptor file(path, O_WRONLY | O_CREAT | O_APPEND | (truncate ? O_TRUNC : 0));
    if (!file.valid()) return SystemError(errno, "open for writing", path);
    return file.Release();
  }

  absl::Status Append(Handle file, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return SystemError(errno, "write to", PathOf(file));
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::Status Sync(Handle file) override {
    if (::fsync(file) != 0) return SystemError(errno, "sync", PathOf(file));
    return absl::OkStatus();
  }

  absl::Status Close(Handle file) override {
    const std::string path = PathOf(file);
    // After EINTR the descriptor is closed all the same on Linux.
    if (::close(file) != 0 && errno != EINTR) return SystemError(errno, "close", path);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReadAt(const std::string& path, uint64_t offset,
                                     size_t size) override {
    const Descriptor file(path, O_RDONLY);
    if (!file.valid()) return SystemError(errno, "open", path);
    ASSIGN_OR_RETURN(const uint64_t file_size, SizeOf(file, path));
    const uint64_t available = file_size - std::min(offset, file_size);
    std::string bytes(static_cast<size_t>(std::min<uint64_t>(size, available)), '\0');
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count = ::pread(file.get(), bytes.data() + done, bytes.size() - done,
                                    static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError(errno, "read", path);
      if (count == 0) break;  // the file shrank meanwhile
      done += static_cast<size_t>(count);
    }
    bytes.resize(done);
    return bytes;
  }

  absl::StatusOr<MappedFile> Map(const std::string& path) override {
    const Descriptor file(path, O_RDONLY);
    if (!file.valid()) return SystemError(errno, "open", path);
    ASSIGN_OR_RETURN(const uint64_t size, SizeOf(file, path));
    if (size == 0) return MappedFile();  // mmap refuses empty ranges
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
    if (data == MAP_FAILED) return SystemError(errno, "map", path);
    return MappedFile(static_cast<const char*>(data), size);
  }

  absl::StatusOr<uint64_t> Size(const std::string& path) override {
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) return SystemError(errno, "stat", path);
    return SizeOf(info, path);
  }

  bool Exists(const std::string& path) override {
    struct stat info;
    return ::stat(path.c_str(), &info) == 0;
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return SystemError(errno, "rename", Concat(from, " to ", to));
    }
    return absl::OkStatus();
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const Descriptor directory(path, O_RDONLY | O_DIRECTORY);
    if (!directory.valid()) return SystemError(errno, "open directory", path);
    if (::fsync(directory.get()) != 0) return SystemError(errno, "sync directory", path);
    return absl::OkStatus();
  }

  absl::Status CreateDirectory(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return SystemError(error.value(), "create directory", path);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator entry(directory, error);
    while (!error && entry != std::filesystem::directory_iterator()) {
      names.push_back(entry->path().filename().string());
      entry.increment(error);
    }
    if (error) return SystemError(error.value(), "list", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status Remove(const std::string& path) override {
    if (std::remove(path.c_str()) != 0) return SystemError(errno, "remove", path);
    return absl::OkStatus();
  }
};

absl::Status WriteAndSync(FileSystem& files, const std::string& path, std::string_view bytes) {
  ASSIGN_OR_RETURN(const FileSystem::Handle file, files.OpenForWrite(path, /*truncate=*/true));
  absl::Status status = files.Append(file, bytes);
  if (status.ok()) status = files.Sync(file);
  const absl::Status closed = files.Close(file);
  return status.ok() ? closed : status;
}

std::string DirectoryOf(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

}  // namespace

void MappedFile::ReleasePages() const {
  // Advice only: what cannot be released stays.
  if (data_ != nullptr) ::madvise(const_cast<char*>(data_), size_, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

FileSystem& LocalFileSystem() {
  static PosixFileSystem files;
  return files;
}

absl::StatusOr<std::string> ReadFile(FileSystem& files, const std::string& path) {
  ASSIGN_OR_RETURN(const uint64_t size, files.Size(path));
  return files.ReadAt(path, 0, size);
}

absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 std::string_view bytes) {
  const std::string temporary = Concat(path, ".tmp");
  absl::Status status = WriteAndSync(files, temporary, bytes);
  if (status.ok()) status = files.Rename(temporary, path);
  if (!status.ok()) {
    files.Remove(temporary).IgnoreError();  // the first error is the one to report
    return status;
  }
  return files.SyncDirectory(DirectoryOf(path));
}

absl::Status RemoveRecursively(FileSystem& files, const std::string& path) {
  // Remove comes first because List would follow a symbolic link.
  absl::Status removed = files.Remove(path);
  if (absl::IsNotFound(removed)) return absl::OkStatus();
  const bool not_empty = absl::IsFailedPrecondition(removed) || absl::IsAlreadyExists(removed);
  if (!not_empty) return removed;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(path));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(RemoveRecursively(files, Concat(path, "/", name)));
  }
  return files.Remove(path);
}

}  // namespace canopy
