// A build that the disk lets down, or that is killed, at any of its operations: the error is clean,
// the current generation is what it was, and the next build cleans up and succeeds.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "indexer/build_index.h"
#include "shard/generation.h"
#include "tests/indexer/build_model.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

// How many operations lie between two faults of a sweep: all of them are met when
// CANOPY_TEST_EXHAUSTIVE is set (the slow form of this test), else every `usual`-th.
uint64_t Stride(uint64_t usual) {
  return std::getenv("CANOPY_TEST_EXHAUSTIVE") != nullptr ? 1 : usual;
}

using Shards = std::map<std::string, std::string>;

// Builds two corpora by turns into one directory. What the shards of each have to be is known from
// undisturbed builds.
class BuildFaultsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (size_t i = 0; i < 2; ++i) {
      corpora_[i] = RandomCorpus(i + 1, {.docs = 40, .max_tokens = 20});
      const std::string index = directory_.File(Concat("reference-", i));
      ASSERT_EQ(Build(i, index, files_), absl::OkStatus());
      auto shards = ReadShards(files_, index);
      ASSERT_TRUE(shards.ok()) << shards.status();
      expected_[i] = *std::move(shards);
    }
    ASSERT_NE(expected_[0], expected_[1]);
    ASSERT_EQ(Build(0, index_, files_), absl::OkStatus());
  }

  absl::Status Build(size_t corpus, const std::string& index, FileSystem& files,
                     size_t threads = 1) const {
    BuildOptions options;
    options.output = index;
    options.analyzer = "ascii";
    options.num_shards = 2;
    options.threads = threads;
    options.files = &files;
    options.temp_directory = temp_directory_;
    // Runs on disk, and more of them than are joined at once.
    options.limits = {.run_bytes = 1, .join_runs = 4, .batch_docs = 15};
    if (!spills_) options.limits.run_bytes = 0;
    CorpusSource source(corpora_[corpus]);
    return BuildIndexFrom(source, options).status();
  }

  // True when the current generation is complete and holds the corpus, byte by byte.
  bool CurrentIs(size_t corpus) const {
    const auto shards = ReadShards(files_, index_);
    return shards.ok() && *shards == expected_[corpus];
  }

  // Names in the index directory that no finished build leaves there.
  std::vector<std::string> LeftOvers() const {
    std::vector<std::string> found;
    const auto names = files_.List(index_);
    EXPECT_TRUE(names.ok()) << names.status();
    size_t generations = 0;
    for (const std::string& name : *names) {
      if (ParseGenerationName(name).has_value()) {
        ++generations;
      } else if (name != "CURRENT" && name != "LOCK") {
        found.push_back(name);
      }
    }
    EXPECT_LE(generations, 2);
    return found;
  }

  // After a disturbed build of `corpus` over the other one: either nothing has happened, or all of
  // it; and the next build succeeds and leaves nothing behind. Returns whether the new generation
  // is the current one.
  bool Recover(size_t corpus, const std::string& where) const {
    const bool is_new = CurrentIs(corpus);
    EXPECT_TRUE(is_new || CurrentIs(1 - corpus)) << where;
    EXPECT_EQ(Build(corpus, index_, files_), absl::OkStatus()) << where;
    EXPECT_TRUE(CurrentIs(corpus)) << where;
    EXPECT_EQ(LeftOvers(), std::vector<std::string>()) << where;
    return is_new;
  }

  // Builds with ever later faults until one comes too late to be met. `plan(n)` is the n-th.
  template <typename Plan>
  void SweepFaults(Plan plan, size_t threads) {
    size_t corpus = 1;
    for (uint64_t n = 0;; ++n, corpus = 1 - corpus) {
      const std::string where = Concat("fault ", n);
      FaultFileSystem faulty(files_, plan(n));
      const absl::Status built = Build(corpus, index_, faulty, threads);
      EXPECT_EQ(faulty.open_handles(), 0) << where;
      const bool met = faulty.faults() > 0;
      const bool is_new = Recover(corpus, where);
      if (built.ok()) {
        EXPECT_TRUE(is_new) << where;
      } else {
        // Only the sync after the switch itself can fail when the switch is done.
        const std::string fault = "injected fault";
        const std::string expected = is_new ? Concat(fault, ": sync directory ", index_) : fault;
        EXPECT_THAT(std::string(built.message()), ::testing::HasSubstr(expected)) << where;
      }
      if (!met) {
        EXPECT_EQ(built, absl::OkStatus());
        EXPECT_GE(n, 8) << "the sweep ended too early to mean anything";
        break;
      }
      ASSERT_FALSE(HasFailure()) << where;
    }
  }

  const TempDir directory_{MemoryTempRoot()};
  FileSystem& files_ = LocalFileSystem();
  const std::string index_ = directory_.File("index");
  std::string temp_directory_;
  bool spills_ = true;
  Corpus corpora_[2];
  Shards expected_[2];
};

TEST_F(BuildFaultsTest, AnyOperationMayFail) {
  spills_ = false;
  SweepFaults([](uint64_t n) { return FaultPlan{.fail_at = n * Stride(2)}; }, 1);
}

TEST_F(BuildFaultsTest, AnyOperationMayFailWhileRunsAreSpilledAndReduced) {
  SweepFaults([](uint64_t n) { return FaultPlan{.fail_at = n * Stride(31)}; }, 1);
}

TEST_F(BuildFaultsTest, AnyOperationOfManyThreadsMayFail) {
  SweepFaults([](uint64_t n) { return FaultPlan{.fail_at = n * Stride(37)}; }, 4);
}

TEST_F(BuildFaultsTest, TheDiskMayBeGoneFromAnyOperationOn) {
  spills_ = false;
  SweepFaults([](uint64_t n) { return FaultPlan{.fail_at = n * Stride(5), .and_all_after = true}; },
              1);
}

TEST_F(BuildFaultsTest, TheDiskMayBeFullAtAnyPoint) {
  SweepFaults([](uint64_t n) { return FaultPlan{.disk_bytes = n * Stride(17) * 101}; }, 2);
}

TEST_F(BuildFaultsTest, TheDirectoryForRunsMayBeElsewhere) {
  temp_directory_ = directory_.File("temp");
  SweepFaults([](uint64_t n) { return FaultPlan{.fail_at = n * Stride(41)}; }, 1);
  const auto names = files_.List(temp_directory_);
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_TRUE(names->empty());
}

// Builds in a child process that is killed at operation n. Returns whether it was.
bool KilledAt(uint64_t n, const std::function<absl::Status(FileSystem&)>& build) {
  const pid_t child = fork();
  if (child == 0) {
    FaultFileSystem files(LocalFileSystem(), {.fail_at = n, .kills = true});
    _exit(build(files).ok() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  EXPECT_TRUE(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
  return killed;
}

TEST_F(BuildFaultsTest, TheProcessMayBeKilledAtAnyOperation) {
  spills_ = false;
  size_t corpus = 1;
  for (uint64_t n = 0;; n += Stride(5), corpus = 1 - corpus) {
    const bool killed =
        KilledAt(n, [&](FileSystem& files) { return Build(corpus, index_, files); });
    Recover(corpus, Concat("killed at ", n));
    if (!killed) {
      EXPECT_GT(n, 10);
      break;
    }
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(BuildFaultsTest, TheProcessMayBeKilledWhileRunsLieInAnotherDirectory) {
  temp_directory_ = directory_.File("temp");
  size_t corpus = 1;
  for (uint64_t n = 0;; n += Stride(43), corpus = 1 - corpus) {
    const bool killed =
        KilledAt(n, [&](FileSystem& files) { return Build(corpus, index_, files, 2); });
    Recover(corpus, Concat("killed at ", n));
    const auto names = files_.List(temp_directory_);
    ASSERT_TRUE(names.ok()) << names.status();
    EXPECT_TRUE(names->empty());
    if (!killed) break;
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace canopy
