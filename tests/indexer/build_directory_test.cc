// Generations: how they appear, which are kept, and what is left behind.
#include "indexer/build_directory.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

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

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BuildDirectoryTest : public ::testing::Test {
 protected:
  absl::StatusOr<BuildSummary> Build(uint64_t seed) {
    BuildOptions options;
    options.output = index_;
    options.analyzer = "ascii";
    options.threads = 1;
    const Corpus corpus = RandomCorpus(seed, {.docs = 5});
    CorpusSource source(corpus);
    return BuildIndexFrom(source, options);
  }

  std::vector<std::string> Names() const { return *files_.List(index_); }
  uint64_t Current() const { return ReadCurrentGeneration(files_, index_)->number; }
  void Write(const std::string& name, std::string_view bytes) {
    ASSERT_EQ(WriteFileAtomically(files_, index_ + "/" + name, bytes), absl::OkStatus());
  }

  const TempDir directory_{MemoryTempRoot()};
  FileSystem& files_ = LocalFileSystem();
  const std::string index_ = directory_.File("deep/index");
};

TEST_F(BuildDirectoryTest, TheFirstBuildCreatesTheDirectoryAndGenerationOne) {
  const auto summary = Build(1);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->generation, 1);
  EXPECT_THAT(Names(), ElementsAre("CURRENT", "LOCK", "gen-000001"));
  EXPECT_EQ(*ReadFile(files_, index_ + "/CURRENT"), "gen-000001\n");
}

TEST_F(BuildDirectoryTest, TheGenerationBeforeIsKeptAndOlderOnesAreRemoved) {
  ASSERT_TRUE(Build(1).ok());
  const auto first = ReadShards(files_, index_);
  ASSERT_TRUE(Build(2).ok());
  EXPECT_EQ(Current(), 2);
  EXPECT_THAT(Names(), ElementsAre("CURRENT", "LOCK", "gen-000001", "gen-000002"));
  const auto kept = ReadGeneration(files_, index_, "gen-000001");
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_TRUE(*ReadFile(files_, kept->PathOf(kept->shards[0])) == first->begin()->second);
  ASSERT_TRUE(Build(3).ok());
  EXPECT_EQ(Current(), 3);
  EXPECT_THAT(Names(), ElementsAre("CURRENT", "LOCK", "gen-000002", "gen-000003"));
}

TEST_F(BuildDirectoryTest, AfterARollbackTheGenerationRolledBackToIsKept) {
  ASSERT_TRUE(Build(1).ok());
  ASSERT_TRUE(Build(2).ok());
  Write("CURRENT", "gen-000001\n");
  ASSERT_TRUE(Build(3).ok());
  EXPECT_THAT(Names(), ElementsAre("CURRENT", "LOCK", "gen-000001", "gen-000003"));
}

TEST_F(BuildDirectoryTest, LeftOversOfKilledBuildsAreRemovedAndTheirNumbersNotUsedAgain) {
  ASSERT_TRUE(Build(1).ok());
  ASSERT_EQ(files_.CreateDirectory(index_ + "/building-000002/runs"), absl::OkStatus());
  Write("building-000002/runs/spill-0.run", "x");
  ASSERT_EQ(files_.CreateDirectory(index_ + "/gen-000007"), absl::OkStatus());
  Write("gen-000007/manifest.json", "never published");
  const auto summary = Build(2);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->generation, 8);
  EXPECT_THAT(Names(), ElementsAre("CURRENT", "LOCK", "gen-000001", "gen-000008"));
}

TEST_F(BuildDirectoryTest, FilesOfOthersAreLeftAlone) {
  ASSERT_EQ(files_.CreateDirectory(index_ + "/gen-notes"), absl::OkStatus());
  Write("gen-notes/a.txt", "x");
  Write("notes.txt", "y");
  ASSERT_TRUE(Build(1).ok());
  EXPECT_THAT(Names(), ElementsAre("CURRENT", "LOCK", "gen-000001", "gen-notes", "notes.txt"));
}

TEST_F(BuildDirectoryTest, ADamagedCurrentDoesNotKeepFromBuildingAndNothingIsRemoved) {
  ASSERT_TRUE(Build(1).ok());
  ASSERT_TRUE(Build(2).ok());
  Write("CURRENT", "rubbish");
  ASSERT_TRUE(Build(3).ok());
  EXPECT_EQ(Current(), 3);
  EXPECT_THAT(Names(), ElementsAre("CURRENT", "LOCK", "gen-000001", "gen-000002", "gen-000003"));
}

TEST_F(BuildDirectoryTest, ASecondBuildAtTheSameTimeIsRefusedAndNamesTheProcess) {
  {
    const auto building = BuildDirectory::Open(files_, index_, "");
    ASSERT_TRUE(building.ok()) << building.status();
    const absl::Status status = Build(1).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(Concat("process ", getpid())));
    EXPECT_TRUE(files_.Exists((*building)->runs_path())) << "the refused build must touch nothing";
  }
  EXPECT_TRUE(Build(1).ok());
}

TEST_F(BuildDirectoryTest, WhatIsNotPublishedIsRemovedWithTheObject) {
  const std::string temp = directory_.File("temp");
  {
    const auto building = BuildDirectory::Open(files_, index_, temp);
    ASSERT_TRUE(building.ok()) << building.status();
    EXPECT_THAT((*building)->runs_path(), HasSubstr(temp));
    EXPECT_TRUE(files_.Exists((*building)->path()));
    EXPECT_TRUE(files_.Exists((*building)->runs_path()));
  }
  EXPECT_THAT(Names(), ElementsAre("LOCK"));
  EXPECT_THAT(*files_.List(temp), ElementsAre());
}

TEST_F(BuildDirectoryTest, TheDirectoryForRunsIsTheSameHoweverTheOutputIsWritten) {
  const std::string temp = directory_.File("temp");
  const auto runs_path = [&](const std::string& output) {
    const auto building = BuildDirectory::Open(files_, output, temp);
    EXPECT_TRUE(building.ok()) << building.status();
    return (*building)->runs_path();
  };
  const std::string runs = runs_path(index_);
  EXPECT_EQ(runs_path(index_ + "/"), runs);
  EXPECT_EQ(runs_path(directory_.File("deep/../deep/./index")), runs);
  const std::string link = directory_.File("link");
  ASSERT_EQ(symlink(index_.c_str(), link.c_str()), 0);
  EXPECT_EQ(runs_path(link), runs);
}

TEST_F(BuildDirectoryTest, EveryDirectoryThatIsCreatedIsSyncedIntoItsParent) {
  const auto synced = [this](const std::string& directory) {
    // A failing sync names its directory.
    for (uint64_t n = 0; n < 20; ++n) {
      RemoveRecursively(files_, directory_.File("deep")).IgnoreError();
      FaultFileSystem faulty(files_, {.fail_at = n});
      const absl::Status status = BuildDirectory::Open(faulty, index_, "").status();
      if (Message(status).ends_with(Concat("sync directory ", directory))) return true;
    }
    return false;
  };
  EXPECT_TRUE(synced(directory_.path()));
  EXPECT_TRUE(synced(directory_.File("deep")));
}

TEST_F(BuildDirectoryTest, BuildsOfTwoDirectoriesShareADirectoryForRuns) {
  const std::string temp = directory_.File("temp");
  const auto one = BuildDirectory::Open(files_, directory_.File("one"), temp);
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(WriteFileAtomically(files_, (*one)->runs_path() + "/spill-0.run", "x"),
            absl::OkStatus());
  const auto two = BuildDirectory::Open(files_, directory_.File("two"), temp);
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_NE((*one)->runs_path(), (*two)->runs_path());
  EXPECT_TRUE(files_.Exists((*one)->runs_path() + "/spill-0.run"));
}

}  // namespace
}  // namespace canopy
