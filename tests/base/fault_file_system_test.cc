#include "tests/support/fault_file_system.h"

#include <string>

#include "base/file_system.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

TEST(FaultFileSystem, WithoutAPlanItOnlyCounts) {
  const TempDir directory;
  FaultFileSystem files(LocalFileSystem());
  EXPECT_TRUE(WriteFileAtomically(files, directory.File("a"), "bytes").ok());
  EXPECT_EQ(files.operations(), 6u);  // open, append, sync, close, rename, sync of the directory
  EXPECT_EQ(files.bytes_written(), 5u);
  EXPECT_EQ(files.faults(), 0u);
  EXPECT_EQ(files.open_handles(), 0);
}

TEST(FaultFileSystem, OneOperationFailsAndTheNextWorks) {
  const TempDir directory;
  FaultFileSystem files(LocalFileSystem(), {.fail_at = 1, .error = absl::UnavailableError("x")});
  EXPECT_TRUE(files.CreateDirectory(directory.File("a")).ok());
  EXPECT_EQ(files.List(directory.path()).status(),
            absl::UnavailableError("x: list " + directory.path()));
  EXPECT_TRUE(files.List(directory.path()).ok());
  EXPECT_EQ(files.faults(), 1u);
}

TEST(FaultFileSystem, AFullDiskTakesThePartThatFits) {
  const TempDir directory;
  FaultFileSystem files(LocalFileSystem(), {.disk_bytes = 5});
  const auto file = files.OpenForWrite(directory.File("a"), true);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(files.Append(*file, "123").ok());
  EXPECT_EQ(files.Append(*file, "456").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(files.Append(*file, "7").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(files.Close(*file).ok());
  EXPECT_EQ(*ReadFile(files, directory.File("a")), "12345");
}

// What WriteFileAtomically promises: whatever fails, and if nothing works after it, either content
// is there.
TEST(WriteFileAtomically, LeavesOldOrNewContentWhicheverOperationFails) {
  for (const bool and_all_after : {false, true}) {
    for (uint64_t fail_at = 0; fail_at < 6; ++fail_at) {
      const TempDir directory;
      const std::string path = directory.File("CURRENT");
      ASSERT_TRUE(WriteFileAtomically(LocalFileSystem(), path, "old").ok());
      FaultFileSystem files(LocalFileSystem(),
                            {.fail_at = fail_at, .and_all_after = and_all_after});
      EXPECT_FALSE(WriteFileAtomically(files, path, "new").ok());
      EXPECT_EQ(files.open_handles(), 0);
      const bool renamed = fail_at == 5;
      EXPECT_EQ(*ReadFile(LocalFileSystem(), path), renamed ? "new" : "old") << fail_at;
      const bool left_over = files.Exists(directory.File("CURRENT.tmp"));
      EXPECT_TRUE(and_all_after || !left_over) << fail_at;
    }
  }
}

TEST(WriteFileAtomically, AFullDiskKeepsTheOldContent) {
  const TempDir directory;
  const std::string path = directory.File("CURRENT");
  ASSERT_TRUE(WriteFileAtomically(LocalFileSystem(), path, "old").ok());
  FaultFileSystem files(LocalFileSystem(), {.disk_bytes = 2});
  EXPECT_EQ(WriteFileAtomically(files, path, "new").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*ReadFile(LocalFileSystem(), path), "old");
}

}  // namespace
}  // namespace canopy
