// Whole builds: the index holds what the documents say, whatever the threads, the memory and the
// shards.
#include "indexer/build_index.h"

#include <sys/resource.h>

#include <atomic>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shard/check_shard.h"
#include "shard/generation.h"
#include "shard/term_bounds_format.h"
#include "shard/term_bounds_writer.h"
#include "tests/indexer/build_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;

class BuildIndexTest : public ::testing::Test {
 protected:
  BuildOptions Options(const std::string& name) const {
    BuildOptions options;
    options.output = directory_.File(name);
    options.analyzer = "ascii";
    options.threads = 2;
    return options;
  }

  absl::StatusOr<BuildSummary> Build(const Corpus& corpus, const BuildOptions& options) const {
    CorpusSource source(corpus);
    return BuildIndexFrom(source, options);
  }

  // A build of JSON Lines.
  absl::StatusOr<BuildSummary> BuildLines(const std::string& lines, BuildOptions options) const {
    const std::string path = directory_.File("input.jsonl");
    EXPECT_TRUE(WriteFileAtomically(files_, path, lines).ok());
    options.inputs = {path};
    return BuildIndex(options);
  }

  const TempDir directory_{MemoryTempRoot()};
  FileSystem& files_ = LocalFileSystem();
};

TEST_F(BuildIndexTest, IndexHoldsWhatTheDocumentsSayForAnyNumberOfShards) {
  const uint64_t seed = TestSeed(1);
  for (const uint32_t shards : {1u, 2u, 3u, 8u}) {
    const Corpus corpus = RandomCorpus(seed + shards, {.docs = 300});
    BuildOptions options = Options(Concat("index-", shards));
    options.num_shards = shards;
    options.limits.batch_docs = 16;
    const auto summary = Build(corpus, options);
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(CompareIndex(files_, options.output, corpus, true), absl::OkStatus());
    const IndexModel model = MakeModel(corpus, "ascii");
    EXPECT_EQ(summary->documents, corpus.size());
    EXPECT_EQ(summary->terms, model.terms.size());
    EXPECT_EQ(summary->tokens, model.tokens);
    EXPECT_EQ(summary->postings, model.postings);
    EXPECT_EQ(summary->shards, shards);
    EXPECT_EQ(summary->generation, 1);
  }
}

TEST_F(BuildIndexTest, NotASingleByteDependsOnThreadsOrMemory) {
  const Corpus corpus = RandomCorpus(TestSeed(2), {.docs = 250});
  for (const uint32_t shards : {1u, 3u}) {
    std::map<std::string, std::string> expected;
    int builds = 0;
    for (const size_t threads : {1, 2, 4}) {
      // No limit; a few runs; a run a document, so that pairs of pairs are reduced.
      for (const size_t run_bytes : {0, 150'000, 1}) {
        BuildOptions options = Options(Concat("index-", shards, "-", builds++));
        options.num_shards = shards;
        options.threads = threads;
        options.limits = {.run_bytes = run_bytes, .join_runs = 3, .batch_docs = 10};
        const auto summary = Build(corpus, options);
        ASSERT_TRUE(summary.ok()) << summary.status();
        if (run_bytes == 1) {
          EXPECT_EQ(summary->spilled_runs, corpus.size());
        }
        const auto written = ReadShards(files_, options.output);
        ASSERT_TRUE(written.ok()) << written.status();
        if (expected.empty()) {
          expected = *written;
          EXPECT_EQ(CompareIndex(files_, options.output, corpus, true), absl::OkStatus());
        }
        EXPECT_TRUE(*written == expected)
            << shards << " shards, " << threads << " threads, run of " << run_bytes;
      }
    }
  }
}

TEST_F(BuildIndexTest, RunsThatAreSpilledByTheRealBudgetChangeNothing) {
  // The least memory that a build takes: runs of 8 MiB.
  const Corpus corpus =
      RandomCorpus(TestSeed(3), {.docs = 12000, .max_tokens = 400, .vocabulary = 4'000'000});
  std::map<std::string, std::string> expected;
  for (const uint64_t memory : {uint64_t{1} << 30, MinBuildMemory(2, 2)}) {
    BuildOptions options = Options(Concat("index-", memory));
    options.num_shards = 2;
    options.memory_bytes = memory;
    options.stored.mode = StoredFields::Mode::kNone;
    options.limits.batch_docs = 500;
    const auto summary = Build(corpus, options);
    ASSERT_TRUE(summary.ok()) << summary.status();
    const auto written = ReadShards(files_, options.output);
    ASSERT_TRUE(written.ok()) << written.status();
    if (expected.empty()) {
      EXPECT_EQ(summary->spilled_runs, 0);
      expected = *written;
    } else {
      EXPECT_GT(summary->spilled_runs, 1);
      // Eight times 8 MiB hold the corpus, give or take what threads decide.
      EXPECT_LE(summary->spilled_runs, 10);
    }
    EXPECT_TRUE(*written == expected);
  }
}

TEST_F(BuildIndexTest, ALargeDocumentDoesNotMakeTheRunsAfterItSmall) {
  Corpus corpus(501);
  std::string& text = corpus[0].fields.emplace_back("text", "").second;
  for (int i = 0; i < 400'000; ++i) absl::StrAppend(&text, "term", i, " ");
  for (size_t i = 1; i < corpus.size(); ++i) corpus[i].fields = {{"text", Concat("small ", i)}};
  BuildOptions options = Options("index");
  options.threads = 1;
  options.memory_bytes = MinBuildMemory(1, 1);
  const auto summary = Build(corpus, options);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->spilled_runs, 1);
}

TEST_F(BuildIndexTest, StoredFieldsAreAllNoneOrThoseThatAreListed) {
  const Corpus corpus = {{.id = "a", .fields = {{"title", "one"}, {"body", "two"}}}};
  BuildOptions options = Options("none");
  options.stored.mode = StoredFields::Mode::kNone;
  ASSERT_TRUE(Build(corpus, options).ok());
  EXPECT_EQ(CompareIndex(files_, options.output, corpus, false), absl::OkStatus());

  options = Options("listed");
  options.stored = {.mode = StoredFields::Mode::kListed, .names = {"body"}};
  ASSERT_TRUE(Build(corpus, options).ok());
  const auto generation = ReadCurrentGeneration(files_, options.output);
  ASSERT_TRUE(generation.ok()) << generation.status();
  const auto shard = OpenShard(files_, *generation, 0);
  ASSERT_TRUE(shard.ok()) << shard.status();
  const auto fields = (*shard)->StoredFields(0);
  ASSERT_TRUE(fields.ok()) << fields.status();
  EXPECT_THAT(*fields, ::testing::ElementsAre(std::pair("body", "two")));
}

TEST_F(BuildIndexTest, MoreShardsThanDocumentsLeavesShardsEmpty) {
  const Corpus corpus = RandomCorpus(TestSeed(4), {.docs = 3});
  BuildOptions options = Options("index");
  options.num_shards = 8;
  ASSERT_TRUE(Build(corpus, options).ok());
  EXPECT_EQ(CompareIndex(files_, options.output, corpus, true), absl::OkStatus());
}

TEST_F(BuildIndexTest, DocumentsWithoutAnyTermAreDocumentsAllTheSame) {
  const Corpus corpus(5);
  BuildOptions options = Options("index");
  options.num_shards = 2;
  ASSERT_TRUE(Build(corpus, options).ok());
  EXPECT_EQ(CompareIndex(files_, options.output, corpus, true), absl::OkStatus());
}

TEST_F(BuildIndexTest, AnInputWithoutDocumentsIsAnError) {
  const BuildOptions options = Options("index");
  const absl::Status status = BuildLines("", options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no documents"));
  EXPECT_FALSE(files_.Exists(options.output + "/CURRENT"));
  EXPECT_FALSE(files_.Exists(options.output + "/building-000001"));
}

TEST_F(BuildIndexTest, AMissingInputLeavesNoIndexDirectoryBehind) {
  BuildOptions options = Options("index");
  options.inputs = {directory_.File("nowhere.jsonl")};
  EXPECT_TRUE(absl::IsNotFound(BuildIndex(options).status()));
  EXPECT_FALSE(files_.Exists(options.output));
}

constexpr char kTwoBadLines[] = R"({"id": "a", "text": "one"}
{"id": "b", "text":
{"id": "c", "text": "two"}
nonsense
)";

TEST_F(BuildIndexTest, BadLinesAreCountedReportedAndSkipped) {
  BuildOptions options = Options("index");
  std::vector<std::pair<std::string, uint64_t>> reported;
  options.on_bad_record = [&](const BadRecord& record) {
    reported.emplace_back(record.file, record.line);
    EXPECT_FALSE(record.reason.empty());
  };
  const auto summary = BuildLines(kTwoBadLines, options);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->documents, 2);
  EXPECT_EQ(summary->skipped, 2);
  const std::string file = directory_.File("input.jsonl");
  EXPECT_THAT(reported, ::testing::ElementsAre(std::pair(file, 2), std::pair(file, 4)));
}

TEST_F(BuildIndexTest, StrictMakesTheFirstBadLineFatal) {
  BuildOptions options = Options("index");
  options.strict = true;
  const absl::Status status = BuildLines(kTwoBadLines, options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("input.jsonl:2: "));
  EXPECT_FALSE(files_.Exists(options.output + "/CURRENT"));
}

TEST_F(BuildIndexTest, MoreBadLinesThanAllowedAreFatal) {
  BuildOptions options = Options("index");
  options.max_errors = 2;
  EXPECT_TRUE(BuildLines(kTwoBadLines, options).ok());
  options.max_errors = 1;
  const absl::Status status = BuildLines(kTwoBadLines, options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("more than 1 bad records"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("input.jsonl:4: "));
}

TEST_F(BuildIndexTest, OptionsOutOfTheirLimitsAreRefused) {
  const Corpus corpus = RandomCorpus(1, {.docs = 1});
  const auto refused = [&](auto change) {
    BuildOptions options = Options("index");
    change(options);
    return absl::IsInvalidArgument(Build(corpus, options).status()) &&
           !files_.Exists(directory_.File("index"));
  };
  EXPECT_TRUE(refused([](BuildOptions& options) { options.num_shards = 0; }));
  EXPECT_TRUE(refused([](BuildOptions& options) { options.num_shards = kMaxShards + 1; }));
  EXPECT_TRUE(refused([](BuildOptions& options) { options.threads = kMaxBuildThreads + 1; }));
  EXPECT_TRUE(refused([](BuildOptions& options) { options.output.clear(); }));
  EXPECT_TRUE(refused([](BuildOptions& options) { options.k1 = -1; }));
  EXPECT_TRUE(refused([](BuildOptions& options) { options.b = 1.5; }));
  EXPECT_TRUE(refused([](BuildOptions& options) { options.compression_level = 0; }));
  EXPECT_TRUE(refused([](BuildOptions& options) {
    options.memory_bytes = MinBuildMemory(options.threads, options.num_shards) - 1;
  }));
}

TEST_F(BuildIndexTest, AnUnknownAnalyzerIsNotFound) {
  BuildOptions options = Options("index");
  options.analyzer = "klingon";
  EXPECT_TRUE(absl::IsNotFound(Build(RandomCorpus(1, {.docs = 1}), options).status()));
}

TEST_F(BuildIndexTest, ProgressNamesEveryStageAndEndsWithAllDocuments) {
  const Corpus corpus = RandomCorpus(TestSeed(5), {.docs = 50});
  CorpusSource source(corpus);
  std::vector<BuildStage> stages;
  uint64_t docs = 0;
  const auto summary = BuildIndexFrom(source, Options("index"), [&](const BuildProgress& progress) {
    if (stages.empty() || stages.back() != progress.stage) stages.push_back(progress.stage);
    docs = progress.docs;
  });
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(stages, ::testing::ElementsAre(BuildStage::kReading, BuildStage::kReducing,
                                             BuildStage::kJoining, BuildStage::kFinishing,
                                             BuildStage::kVerifying, BuildStage::kPublishing));
  EXPECT_EQ(docs, corpus.size());
}

TEST_F(BuildIndexTest, ProgressOfJoiningFinishingAndVerifyingEndsWithAllOfIt) {
  const Corpus corpus = RandomCorpus(TestSeed(7), {.docs = 50});
  CorpusSource source(corpus);
  std::map<BuildStage, BuildProgress> last;
  // Every look at the clock is a second later, so that every report is passed on.
  class TickingClock final : public Clock {
   public:
    absl::Time Now() const override { return absl::FromUnixSeconds(++seconds_); }

   private:
    mutable std::atomic<int64_t> seconds_{0};
  } clock;
  BuildOptions options = Options("index");
  options.num_shards = 3;
  options.clock = &clock;
  const auto summary = BuildIndexFrom(
      source, options, [&](const BuildProgress& progress) { last[progress.stage] = progress; });
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(last[BuildStage::kReading].total, corpus.size());
  for (const BuildStage stage : {BuildStage::kReading, BuildStage::kJoining, BuildStage::kFinishing,
                                 BuildStage::kVerifying}) {
    EXPECT_GT(last[stage].total, 0);
    EXPECT_EQ(last[stage].done, last[stage].total) << static_cast<int>(stage);
  }
  EXPECT_EQ(last[BuildStage::kVerifying].total, summary->index_bytes);
}

TEST_F(BuildIndexTest, NamesThatNoDocumentHasAreCounted) {
  BuildOptions options = Options("index");
  options.id_field = "nosuch";
  options.stored = {.mode = StoredFields::Mode::kListed, .names = {"text", "nosuch"}};
  const auto summary = BuildLines("{\"id\": \"a\", \"text\": \"one\"}\n", options);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->without_id, 1);
  EXPECT_THAT(summary->never_stored, ::testing::ElementsAre("nosuch"));
}

TEST_F(BuildIndexTest, ADocumentAboveTheLimitIsABadRecord) {
  const std::string lines = Concat(R"({"text": ")", std::string(1 << 20, 'x'), "\"}\n{}\n");
  BuildOptions options = Options("index");
  EXPECT_EQ(BuildLines(lines, options)->skipped, 0);
  options.max_document_bytes = 1 << 20;
  EXPECT_EQ(BuildLines(lines, options)->skipped, 1);
  options.max_document_bytes = 0;
  options.memory_bytes = MinBuildMemory(2, 1);
  EXPECT_EQ(BuildLines(lines, options)->skipped, 0);
}

TEST_F(BuildIndexTest, AThousandShardsNeedFewOpenFiles) {
  const Corpus corpus = RandomCorpus(TestSeed(6), {.docs = 1500, .max_tokens = 5});
  BuildOptions options = Options("index");
  options.num_shards = kMaxShards;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const absl::Status built = Build(corpus, options).status();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(built, absl::OkStatus());
  const auto generation = ReadCurrentGeneration(files_, options.output);
  ASSERT_TRUE(generation.ok()) << generation.status();
  EXPECT_EQ(generation->num_shards(), kMaxShards);
}

// Term bounds that are whole, and of this collection, but not of its terms.
class BoundsOfOtherTermsTest : public BuildIndexTest {
 protected:
  void SetUp() override {
    const Corpus corpus = RandomCorpus(TestSeed(7), {.docs = 300});
    options_ = Options("index");
    options_.num_shards = 2;
    ASSERT_TRUE(Build(corpus, options_).ok());
    auto generation = ReadCurrentGeneration(files_, options_.output);
    ASSERT_TRUE(generation.ok()) << generation.status();
    generation_ = *std::move(generation);
  }

  // With rows of `bound` for the frequent terms, as far as there are any, and an empty filter.
  absl::Status CheckWith(bool rows, uint8_t bound, bool filter) {
    TermBoundsWriter writer(files_, {.num_shards = 2, .directory = generation_.directory});
    EncodedTermBounds terms(2);
    const std::vector<uint32_t> shards = {0, 1};
    const std::vector<uint8_t> bounds(2, bound);
    const auto shard = OpenShard(files_, generation_, 0);
    TermCursor cursor((*shard)->dictionary());
    while (rows && cursor.Next().value()) {
      if (cursor.info().global_df < kLeastDf) continue;
      terms.Add({.term = cursor.term(), .global_df = kLeastDf, .shards = shards, .bounds = bounds});
    }
    RETURN_IF_ERROR(writer.Add(std::move(terms)));
    ASSIGN_OR_RETURN(const TermBoundsSummary summary, writer.Finish(generation_.docs));
    generation_.term_bounds->size_bytes = summary.size_bytes;
    generation_.term_bounds->checksum = summary.checksum;
    CheckOptions options;
    options.bounds_filter = filter;
    return CheckGeneration(files_, generation_, options);
  }

  static constexpr uint64_t kLeastDf = LeastFrequentDf(2);
  BuildOptions options_;
  GenerationInfo generation_;
};

TEST_F(BoundsOfOtherTermsTest, AreFoundByTheCheckOfAGeneration) {
  absl::Status status = CheckWith(/*rows=*/false, 255, /*filter=*/false);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(Message(status)), HasSubstr("no row"));
  status = CheckWith(/*rows=*/true, 1, /*filter=*/false);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(Message(status)), HasSubstr("bound 1, expected"));
  status = CheckWith(/*rows=*/true, 255, /*filter=*/true);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(Message(status)), HasSubstr("not in the filter"));
  EXPECT_EQ(CheckWith(/*rows=*/true, 255, /*filter=*/false), absl::OkStatus());
}

}  // namespace
}  // namespace canopy
