// A file system that fails on command, or kills the process, for tests of what happens when the
// disk does: the n-th operation, every operation from the n-th on (a crash: what came before is on
// disk, nothing comes after), or a disk that is full after so many bytes. It also counts, so that a
// test can first run without faults and then fail every single operation in turn.
#pragma once

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/file_system.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {

struct FaultPlan {
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  uint64_t fail_at = kNever;  // number of the operation that fails, from 0
  bool and_all_after = false;
  // Instead of failing the operation kills the process; an append when half of it is written.
  bool kills = false;
  absl::Status error = absl::InternalError("injected fault");
  // Append and no other operation fails with RESOURCE_EXHAUSTED once it would take the bytes
  // written above this; the part that fits is written, as a real disk does.
  uint64_t disk_bytes = kNever;
};

// Every call of the interface is one operation, except Exists, which cannot fail. Close always
// closes the handle, also when it reports a fault. Thread safety: every member may be called from
// any thread. Lifetime: borrows the file system.
class FaultFileSystem final : public FileSystem {
 public:
  explicit FaultFileSystem(FileSystem& files, FaultPlan plan = {})
      : files_(files), plan_(std::move(plan)) {}

  // Operations so far, failed ones included; starts again at a new plan.
  uint64_t operations() const {
    absl::MutexLock lock(&mutex_);
    return operations_;
  }
  uint64_t faults() const {
    absl::MutexLock lock(&mutex_);
    return faults_;
  }
  uint64_t bytes_written() const {
    absl::MutexLock lock(&mutex_);
    return bytes_written_;
  }
  // Opened and not closed.
  int64_t open_handles() const {
    absl::MutexLock lock(&mutex_);
    return open_handles_;
  }
  void SetPlan(FaultPlan plan) {
    absl::MutexLock lock(&mutex_);
    plan_ = std::move(plan);
    operations_ = faults_ = bytes_written_ = 0;
  }

  absl::StatusOr<Handle> OpenForWrite(const std::string& path, bool truncate) override {
    RETURN_IF_ERROR(NextOperation("open", path));
    ASSIGN_OR_RETURN(const Handle file, files_.OpenForWrite(path, truncate));
    absl::MutexLock lock(&mutex_);
    ++open_handles_;
    return file;
  }

  absl::Status Append(Handle file, std::string_view bytes) override {
    if (KillsNext()) files_.Append(file, bytes.substr(0, bytes.size() / 2)).IgnoreError();
    RETURN_IF_ERROR(NextOperation("append"));
    const size_t fits = TakeDiskSpace(bytes.size());
    RETURN_IF_ERROR(files_.Append(file, bytes.substr(0, fits)));
    if (fits == bytes.size()) return absl::OkStatus();
    return absl::ResourceExhaustedError("injected fault: no space left on device");
  }

  absl::Status Sync(Handle file) override {
    RETURN_IF_ERROR(NextOperation("sync"));
    return files_.Sync(file);
  }

  absl::Status Close(Handle file) override {
    const absl::Status fault = NextOperation("close");
    const absl::Status closed = files_.Close(file);
    absl::MutexLock lock(&mutex_);
    --open_handles_;
    return fault.ok() ? closed : fault;
  }

  absl::StatusOr<std::string> ReadAt(const std::string& path, uint64_t offset,
                                     size_t size) override {
    RETURN_IF_ERROR(NextOperation("read", path));
    return files_.ReadAt(path, offset, size);
  }

  absl::StatusOr<MappedFile> Map(const std::string& path) override {
    RETURN_IF_ERROR(NextOperation("map", path));
    return files_.Map(path);
  }

  absl::StatusOr<uint64_t> Size(const std::string& path) override {
    RETURN_IF_ERROR(NextOperation("stat", path));
    return files_.Size(path);
  }

  bool Exists(const std::string& path) override { return files_.Exists(path); }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    RETURN_IF_ERROR(NextOperation("rename", from));
    return files_.Rename(from, to);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    RETURN_IF_ERROR(NextOperation("sync directory", path));
    return files_.SyncDirectory(path);
  }

  absl::Status CreateDirectory(const std::string& path) override {
    RETURN_IF_ERROR(NextOperation("create directory", path));
    return files_.CreateDirectory(path);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    RETURN_IF_ERROR(NextOperation("list", directory));
    return files_.List(directory);
  }

  absl::Status Remove(const std::string& path) override {
    RETURN_IF_ERROR(NextOperation("remove", path));
    return files_.Remove(path);
  }

 private:
  // Counts an operation; its fault, which says what failed, or OK.
  absl::Status NextOperation(std::string_view operation, std::string_view path = "") {
    absl::MutexLock lock(&mutex_);
    const uint64_t number = operations_++;
    const bool fails = number == plan_.fail_at || (plan_.and_all_after && number >= plan_.fail_at);
    if (!fails) return absl::OkStatus();
    if (plan_.kills) raise(SIGKILL);
    ++faults_;
    return absl::Status(plan_.error.code(), ToAbsl(Concat(Message(plan_.error), ": ", operation,
                                                          path.empty() ? "" : " ", path)));
  }

  bool KillsNext() const {
    absl::MutexLock lock(&mutex_);
    return plan_.kills && operations_ == plan_.fail_at;
  }

  // How many of `wanted` bytes the disk still takes.
  size_t TakeDiskSpace(size_t wanted) {
    absl::MutexLock lock(&mutex_);
    const uint64_t left = plan_.disk_bytes - std::min(plan_.disk_bytes, bytes_written_);
    const size_t fits = static_cast<size_t>(std::min<uint64_t>(left, wanted));
    bytes_written_ += fits;
    if (fits < wanted) ++faults_;
    return fits;
  }

  FileSystem& files_;
  mutable absl::Mutex mutex_;
  FaultPlan plan_ ABSL_GUARDED_BY(mutex_);
  uint64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t faults_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_written_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t open_handles_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace canopy
