#include "base/file_system.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/strings.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileSystemTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, std::string_view bytes) {
    const auto file = files_.OpenForWrite(path, /*truncate=*/true);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE(files_.Append(*file, bytes).ok());
    ASSERT_TRUE(files_.Close(*file).ok());
  }

  const TempDir directory_;
  FileSystem& files_ = LocalFileSystem();
};

TEST_F(FileSystemTest, AppendedBytesAreReadBackWholeAndInParts) {
  const std::string path = directory_.File("a");
  const auto file = files_.OpenForWrite(path, true);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(files_.Append(*file, "hello ").ok());
  EXPECT_TRUE(files_.Append(*file, "").ok());
  EXPECT_TRUE(files_.Append(*file, "world").ok());
  EXPECT_TRUE(files_.Sync(*file).ok());
  EXPECT_TRUE(files_.Close(*file).ok());
  EXPECT_EQ(*files_.Size(path), 11u);
  EXPECT_EQ(*ReadFile(files_, path), "hello world");
  EXPECT_EQ(*files_.ReadAt(path, 6, 3), "wor");
  EXPECT_EQ(*files_.ReadAt(path, 6, 1000), "world");
  EXPECT_EQ(*files_.ReadAt(path, 50, 10), "");
  EXPECT_EQ(*files_.ReadAt(path, UINT64_MAX, SIZE_MAX), "");
}

TEST_F(FileSystemTest, OpeningWithoutTruncateAppends) {
  const std::string path = directory_.File("a");
  Write(path, "one");
  const auto file = files_.OpenForWrite(path, /*truncate=*/false);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(files_.Append(*file, "two").ok());
  EXPECT_TRUE(files_.Close(*file).ok());
  EXPECT_EQ(*ReadFile(files_, path), "onetwo");
  Write(path, "x");
  EXPECT_EQ(*ReadFile(files_, path), "x");
}

TEST_F(FileSystemTest, AMappingOutlivesTheNameOfItsFile) {
  const std::string path = directory_.File("a");
  Write(path, "mapped bytes");
  auto mapped = files_.Map(path);
  ASSERT_TRUE(mapped.ok());
  ASSERT_TRUE(files_.Remove(path).ok());
  EXPECT_EQ(mapped->bytes(), "mapped bytes");
  MappedFile moved = *std::move(mapped);
  MappedFile assigned;
  assigned = std::move(moved);
  EXPECT_EQ(assigned.bytes(), "mapped bytes");
}

TEST_F(FileSystemTest, ReleasedPagesComeBackFromTheFile) {
  const std::string path = directory_.File("a");
  Write(path, "mapped bytes");
  const auto mapped = files_.Map(path);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->bytes(), "mapped bytes");
  mapped->ReleasePages();
  EXPECT_EQ(mapped->bytes(), "mapped bytes");
  MappedFile().ReleasePages();
}

TEST_F(FileSystemTest, AnEmptyFileIsMappedAsNoBytes) {
  Write(directory_.File("empty"), "");
  const auto mapped = files_.Map(directory_.File("empty"));
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_EQ(mapped->bytes(), "");
}

TEST_F(FileSystemTest, ErrorsHaveTheirCodeThePathAndTheSystemsText) {
  const std::string missing = directory_.File("missing");
  EXPECT_EQ(files_.Map(missing).status(),
            absl::NotFoundError(Concat("cannot open ", missing, ": No such file or directory")));
  EXPECT_EQ(files_.Size(missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.List(missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.Remove(missing).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.Rename(missing, missing).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.SyncDirectory(missing).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.OpenForWrite(Concat(missing, "/a"), true).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(files_, missing).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FileSystemTest, FilesAndDirectoriesAreNotMixedUp) {
  const std::string file = directory_.File("file");
  Write(file, "x");
  EXPECT_EQ(
      files_.Map(directory_.path()).status(),
      absl::FailedPreconditionError(Concat("cannot read ", directory_.path(), ": Is a directory")));
  EXPECT_EQ(files_.Size(directory_.path()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(files_.List(file).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(files_.SyncDirectory(file).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(files_.CreateDirectory(file).ok());
}

TEST_F(FileSystemTest, AFullDiskIsResourceExhausted) {
  if (!files_.Exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const auto file = files_.OpenForWrite("/dev/full", false);
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::Status status = files_.Append(*file, "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Message(status), "cannot write to /dev/full: No space left on device");
  EXPECT_TRUE(files_.Close(*file).ok());
}

TEST_F(FileSystemTest, AWriteThatFailsNamesItsFile) {
  const std::string path = directory_.File("read-only");
  Write(path, "x");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_THAT(std::string(Message(files_.Append(fd, "y"))), HasSubstr(path));
  EXPECT_TRUE(files_.Close(fd).ok());
  EXPECT_EQ(files_.Close(fd).code(), absl::StatusCode::kInternal);
}

TEST_F(FileSystemTest, DirectoriesAreMadeWithParentsAndListedSorted) {
  const std::string deep = directory_.File("a/b/c");
  EXPECT_TRUE(files_.CreateDirectory(deep).ok());
  EXPECT_TRUE(files_.CreateDirectory(deep).ok());
  Write(Concat(deep, "/2"), "");
  Write(Concat(deep, "/10"), "");
  EXPECT_TRUE(files_.CreateDirectory(Concat(deep, "/1")).ok());
  EXPECT_THAT(*files_.List(deep), ElementsAre("1", "10", "2"));
  EXPECT_TRUE(files_.SyncDirectory(deep).ok());
  EXPECT_TRUE(files_.Exists(deep));
  EXPECT_FALSE(files_.Exists(Concat(deep, "/3")));
}

TEST_F(FileSystemTest, RenameReplacesTheTarget) {
  Write(directory_.File("a"), "new");
  Write(directory_.File("b"), "old");
  EXPECT_TRUE(files_.Rename(directory_.File("a"), directory_.File("b")).ok());
  EXPECT_EQ(*ReadFile(files_, directory_.File("b")), "new");
  EXPECT_FALSE(files_.Exists(directory_.File("a")));
}

TEST_F(FileSystemTest, RemoveTakesEmptyDirectoriesOnly) {
  const std::string inner = directory_.File("d");
  ASSERT_TRUE(files_.CreateDirectory(inner).ok());
  Write(Concat(inner, "/f"), "");
  EXPECT_EQ(files_.Remove(inner).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(files_.Remove(Concat(inner, "/f")).ok());
  EXPECT_TRUE(files_.Remove(inner).ok());
}

TEST_F(FileSystemTest, WriteFileAtomicallyReplacesAndLeavesNothingElse) {
  const std::string path = directory_.File("CURRENT");
  Write(directory_.File("CURRENT.tmp"), "left by a crash, and longer than what follows");
  EXPECT_TRUE(WriteFileAtomically(files_, path, "gen-000001\n").ok());
  EXPECT_TRUE(WriteFileAtomically(files_, path, "gen-000002\n").ok());
  EXPECT_EQ(*ReadFile(files_, path), "gen-000002\n");
  EXPECT_THAT(*files_.List(directory_.path()), ElementsAre("CURRENT"));
}

TEST_F(FileSystemTest, RemoveRecursivelyTakesATreeButDoesNotFollowLinks) {
  const std::string outside = directory_.File("outside");
  const std::string tree = directory_.File("tree");
  ASSERT_TRUE(files_.CreateDirectory(outside).ok());
  ASSERT_TRUE(files_.CreateDirectory(Concat(tree, "/a/b")).ok());
  Write(Concat(outside, "/precious"), "x");
  Write(Concat(tree, "/a/f"), "x");
  std::filesystem::create_directory_symlink(outside, Concat(tree, "/a/link"));
  std::filesystem::create_symlink("nowhere", Concat(tree, "/dangling"));
  EXPECT_TRUE(RemoveRecursively(files_, tree).ok());
  EXPECT_FALSE(files_.Exists(tree));
  EXPECT_TRUE(files_.Exists(Concat(outside, "/precious")));
}

TEST_F(FileSystemTest, RemoveRecursivelyTakesOneFileOrNothing) {
  Write(directory_.File("f"), "x");
  EXPECT_TRUE(RemoveRecursively(files_, directory_.File("f")).ok());
  EXPECT_TRUE(RemoveRecursively(files_, directory_.File("f")).ok());
  EXPECT_FALSE(files_.Exists(directory_.File("f")));
}

}  // namespace
}  // namespace canopy
