// Runs on disk and their merging: what is written is read back from any term on, and however
// documents are spread over runs, merging puts the same postings together.
#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "indexer/joiner.h"
#include "indexer/memory_run.h"
#include "indexer/run_file.h"
#include "indexer/run_reducer.h"
#include "indexer/term_merger.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

// Everything a merge says: term, dfs by field, and for each posting document, tf and the positions'
// bytes.
struct MergedTerm {
  std::string term;
  FieldDfs field_dfs;
  std::vector<std::tuple<uint32_t, TermFrequency, std::string>> postings;
  friend bool operator==(const MergedTerm&, const MergedTerm&) = default;
};

absl::StatusOr<std::vector<MergedTerm>> Merge(FileSystem& files,
                                              const std::vector<RunSource>& sources,
                                              const TermRange& range = {}) {
  TermMerger merger(files, sources);
  RETURN_IF_ERROR(merger.Start(range));
  std::vector<MergedTerm> terms;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, merger.Next());
    if (!found) return terms;
    MergedTerm& term = terms.emplace_back();
    term.term = merger.term();
    merger.ReadFieldDfs(term.field_dfs);
    merger.ReadPostings();
    merger.ForEachPosting([&](const Posting& posting) {
      term.postings.emplace_back(posting.doc, posting.tf,
                                 std::string(posting.positions, posting.positions_end));
    });
  }
}

class RunMergeTest : public ::testing::Test {
 protected:
  // Inverts the same documents into `runs` runs, each batch of 5 into a random one.
  std::vector<std::unique_ptr<MemoryRun>> Invert(uint32_t docs, size_t runs, uint32_t seed) {
    std::mt19937 random(seed);
    std::mt19937 spread(seed + static_cast<uint32_t>(runs));
    std::vector<std::unique_ptr<MemoryRun>> inverted;
    for (size_t i = 0; i < runs; ++i) inverted.push_back(*MemoryRun::Create());
    size_t run = 0;
    for (uint32_t doc = 0; doc < docs; ++doc) {
      if (doc % 5 == 0) run = spread() % runs;
      inverted[run]->BeginDocument(doc);
      for (uint16_t field = 0; field < 2; ++field) {
        inverted[run]->BeginField(field);
        for (uint32_t n = random() % 30; n > 0; --n) {
          inverted[run]->AddTerm(Concat("w", random() % (1u << (random() % 14))));
        }
      }
    }
    for (auto& each : inverted) {
      EXPECT_EQ(each->Flush(), absl::OkStatus());
      each->Sort();
    }
    return inverted;
  }

  RunFile Write(const RunSource& source, const std::string& name) {
    auto run = WriteRun(files_, {source}, directory_.File(name));
    EXPECT_TRUE(run.ok()) << run.status();
    return *std::move(run);
  }

  std::vector<RunFile> WriteAll(const std::vector<std::unique_ptr<MemoryRun>>& runs) {
    std::vector<RunFile> written;
    for (size_t i = 0; i < runs.size(); ++i) {
      written.push_back(Write(runs[i].get(), Concat("run-", i)));
    }
    return written;
  }

  const TempDir directory_;
  FileSystem& files_ = LocalFileSystem();
};

TEST_F(RunMergeTest, ARunIsReadBackAsItWasWritten) {
  const auto runs = Invert(3000, 1, TestSeed(21));
  const RunFile file = Write(runs[0].get(), "run");
  EXPECT_GT(file.marks.size(), 3) << "the run should have several frames";
  EXPECT_EQ(file.terms, runs[0]->num_terms());
  EXPECT_EQ(*files_.Size(file.path), file.size_bytes);
  const auto expected = Merge(files_, {runs[0].get()});
  const auto found = Merge(files_, {&file});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(*found == *expected);
}

TEST_F(RunMergeTest, AnEmptyRunIsReadBackEmpty) {
  const auto runs = Invert(0, 1, 1);
  const RunFile file = Write(runs[0].get(), "run");
  const auto found = Merge(files_, {&file, runs[0].get()});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->empty());
}

TEST_F(RunMergeTest, RecordsLargerThanFramesAndBuffersAreReadBack) {
  auto run = *MemoryRun::Create();
  for (uint32_t doc = 0; doc < 3; ++doc) {
    run->BeginDocument(doc);
    run->BeginField(0);
    for (int i = 0; i < 500'000; ++i) run->AddTerm(i % 3 == 0 ? "a" : "b");
    run->AddTerm(std::string(255, 'z'));
  }
  ASSERT_EQ(run->Flush(), absl::OkStatus());
  run->Sort();
  const RunFile file = Write(run.get(), "run");
  const auto expected = Merge(files_, {run.get()});
  EXPECT_TRUE(*Merge(files_, {&file}) == *expected);
  EXPECT_TRUE(*Merge(files_, {&file}, {.begin = "b", .end = "c"}) ==
              std::vector<MergedTerm>({(*expected)[1]}));
}

TEST_F(RunMergeTest, HoweverDocumentsAreSpreadMergingGivesTheSame) {
  const uint32_t seed = TestSeed(22);
  const auto expected = Merge(files_, {Invert(400, 1, seed)[0].get()});
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (const size_t count : {2u, 3u, 7u, 20u}) {
    const auto runs = Invert(400, count, seed);
    const std::vector<RunFile> written = WriteAll(runs);
    std::vector<RunSource> memory, disk, both;
    for (size_t i = 0; i < count; ++i) {
      memory.push_back(runs[i].get());
      disk.push_back(&written[i]);
      both.push_back(i % 2 == 0 ? memory.back() : disk.back());
    }
    EXPECT_TRUE(*Merge(files_, memory) == *expected) << count;
    EXPECT_TRUE(*Merge(files_, disk) == *expected) << count;
    EXPECT_TRUE(*Merge(files_, both) == *expected) << count;
  }
}

TEST_F(RunMergeTest, RangesPutTogetherAreTheWhole) {
  const auto runs = Invert(4000, 3, TestSeed(23));
  const std::vector<RunFile> written = WriteAll(runs);
  const std::vector<RunSource> sources = {runs[0].get(), &written[1], &written[2]};
  const auto expected = Merge(files_, sources);
  const std::vector<TermRange> ranges = PlanRanges(sources, 1);
  EXPECT_GT(ranges.size(), 5);
  std::vector<MergedTerm> together;
  for (const TermRange& range : ranges) {
    const auto part = Merge(files_, sources, range);
    ASSERT_TRUE(part.ok()) << part.status();
    std::copy(part->begin(), part->end(), std::back_inserter(together));
  }
  EXPECT_TRUE(together == *expected);
}

TEST_F(RunMergeTest, AnyRangeHoldsTheTermsBetweenItsEnds) {
  const uint32_t seed = TestSeed(24);
  const auto runs = Invert(1500, 2, seed);
  const std::vector<RunFile> written = WriteAll(runs);
  const auto all = Merge(files_, {&written[0], &written[1]});
  std::mt19937 random(seed);
  for (int i = 0; i < 30; ++i) {
    TermRange range{.begin = Concat("w", random() % 20000), .end = Concat("w", random() % 20000)};
    if (*range.end < range.begin) std::swap(*range.end, range.begin);
    std::vector<MergedTerm> expected;
    for (const MergedTerm& term : *all) {
      if (term.term >= range.begin && term.term < *range.end) expected.push_back(term);
    }
    EXPECT_TRUE(*Merge(files_, {&written[0], &written[1]}, range) == expected)
        << range.begin << " to " << *range.end;
  }
}

TEST_F(RunMergeTest, ReductionLeavesFewRunsWithTheSameContentAndNoOtherFiles) {
  const uint32_t seed = TestSeed(25);
  for (const size_t threads : {1u, 3u}) {
    const auto runs = Invert(300, 23, seed);
    const auto expected = Merge(files_, {Invert(300, 1, seed)[0].get()});
    const auto reduced =
        ReduceRuns(files_, WriteAll(runs),
                   {.directory = directory_.path(), .max_runs = 3, .threads = threads});
    ASSERT_TRUE(reduced.ok()) << reduced.status();
    ASSERT_EQ(reduced->size(), 3);
    std::vector<RunSource> sources;
    for (const RunFile& run : *reduced) sources.emplace_back(&run);
    EXPECT_TRUE(*Merge(files_, sources) == *expected);
    EXPECT_EQ(files_.List(directory_.path())->size(), 3);
    for (const RunFile& run : *reduced) EXPECT_EQ(files_.Remove(run.path), absl::OkStatus());
  }
}

TEST_F(RunMergeTest, AFlippedByteOfARunIsDataLossThatNamesTheFrame) {
  const auto runs = Invert(2000, 1, TestSeed(26));
  const RunFile file = Write(runs[0].get(), "run");
  const std::string good = *ReadFile(files_, file.path);
  for (const size_t at : {size_t{20}, kRunFrameBytes + 9, good.size() - 1}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    ASSERT_EQ(WriteFileAtomically(files_, file.path, bad), absl::OkStatus());
    const absl::Status status = Merge(files_, {&file}).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                ::testing::HasSubstr(Concat("frame ", at / kRunFrameBytes)));
  }
}

TEST_F(RunMergeTest, ARunThatWasCutIsDataLoss) {
  const auto runs = Invert(2000, 1, TestSeed(27));
  const RunFile file = Write(runs[0].get(), "run");
  const std::string good = *ReadFile(files_, file.path);
  for (const size_t size : {size_t{0}, size_t{7}, kRunFrameBytes, good.size() - 1}) {
    ASSERT_EQ(WriteFileAtomically(files_, file.path, good.substr(0, size)), absl::OkStatus());
    EXPECT_TRUE(absl::IsDataLoss(Merge(files_, {&file}).status())) << size;
  }
}

}  // namespace
}  // namespace canopy
