// A directory of the test's own, removed with all that is in it when the object goes.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "base/check.h"
#include "base/strings.h"
#include "gtest/gtest.h"

namespace canopy {

// Where files lie in memory, or, where the system has no such place, on disk. For tests that write
// and sync a lot and are about the order of operations, not about the disk. Ends with a '/'.
inline std::string MemoryTempRoot() {
  return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : ::testing::TempDir();
}

// Thread safety: path() and File() from any thread.
class TempDir final {
 public:
  // `root` ends with a '/'.
  explicit TempDir(const std::string& root = ::testing::TempDir())
      : path_(Concat(root, "canopy-XXXXXX")) {
    CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ~TempDir() {
    std::error_code ignored;  // a test may have taken the directory's permissions away
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of `name` in the directory.
  std::string File(std::string_view name) const { return Concat(path_, "/", name); }

 private:
  std::string path_;
};

}  // namespace canopy
