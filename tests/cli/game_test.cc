#include "cli/game.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/strings.h"
#include "indexer/build_index.h"
#include "tests/support/naive_oracle.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Analyzer> Ascii() {
  auto made = Analyzer::Create("ascii");
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

TEST(ParseGameQuery, TellsTheClassesApartAsThePeersDo) {
  const auto analyzer = Ascii();
  const auto class_of = [&](const char* line) {
    return GameClassName(ParseGameQuery(line, *analyzer).query_class);
  };
  EXPECT_EQ(class_of("tree"), "term");
  EXPECT_EQ(class_of("green tree"), "union");
  EXPECT_EQ(class_of("+green +tree"), "intersection");
  EXPECT_EQ(class_of("+green"), "intersection");
  EXPECT_EQ(class_of("\"green tree\""), "phrase");
  EXPECT_EQ(class_of("\"green\""), "phrase");
}

TEST(ParseGameQuery, KeepsTheLineAndAnalyzesItsTerms) {
  const GameQuery query = ParseGameQuery("+Green +foo-bar", *Ascii());
  EXPECT_EQ(query.line, "+Green +foo-bar");
  EXPECT_THAT(query.terms, ElementsAre("green", "foo", "bar"));
}

TEST(ParseGameQueries, LeavesOutEmptyLinesAndRefusesAFileWithoutQueries) {
  const auto queries = ParseGameQueries("a b\r\n\n\nc", *Ascii());
  ASSERT_TRUE(queries.ok());
  EXPECT_EQ(queries->size(), 2u);
  EXPECT_EQ((*queries)[0].line, "a b");
  EXPECT_EQ(ParseGameQueries("\n\n", *Ascii()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ParseGameQueries, RefusesATabWhichWouldBreakTheTable) {
  EXPECT_THAT(Message(ParseGameQueries("a\n\nb\tc\n", *Ascii()).status()),
              HasSubstr("line 3: a tab"));
}

TEST(ParseGameCommands, ReadsAListAndNamesWhatItDoesNotKnow) {
  EXPECT_THAT(*ParseGameCommands("TOP_10,COUNT"),
              ElementsAre(GameCommand::kTop10, GameCommand::kCount));
  EXPECT_THAT(Message(ParseGameCommands("COUNT,TOP_5").status()),
              HasSubstr("unknown command \"TOP_5\""));
}

// What `print` wrote, by lines and tabs.
std::vector<std::vector<std::string>> Rows(const std::function<absl::Status(std::FILE*)>& print) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* const out = open_memstream(&text, &size);
  EXPECT_TRUE(print(out).ok());
  std::fclose(out);
  std::vector<std::vector<std::string>> rows;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    rows.push_back(absl::StrSplit(line, '\t'));
  }
  std::free(text);
  return rows;
}

TEST(MakeSearchRequest, AsksForWhatTheCommandNeedsAndNoIds) {
  const GameQuery query = ParseGameQuery("+a +b", *Ascii());
  const v1::SearchRequest count = MakeSearchRequest(GameCommand::kCount, query);
  EXPECT_EQ(count.query_text(), "+a +b");
  EXPECT_TRUE(count.count_only());
  const v1::SearchRequest top = MakeSearchRequest(GameCommand::kTop10, query);
  EXPECT_EQ(top.k(), 10u);
  EXPECT_TRUE(top.omit_ids());
  EXPECT_TRUE(top.total_may_be_lower_bound());
  EXPECT_FALSE(MakeSearchRequest(GameCommand::kTop10Count, query).total_may_be_lower_bound());
}

TEST(RunGame, PrintsWhatThePlayerCounts) {
  const auto queries = *ParseGameQueries("a b\n", *Ascii());
  int played = 0;
  const auto rows = Rows([&](std::FILE* out) {
    const auto player = [&](GameCommand, const GameQuery&) -> absl::StatusOr<uint64_t> {
      return ++played;
    };
    return RunGame(player, queries, {.commands = {GameCommand::kCount}, .warmup = 2, .passes = 3},
                   SteadyClock(), out);
  });
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_THAT(rows[0], ElementsAre("COUNT", "union", "5", ::testing::_, ::testing::_, "a b"));
}

// Words w0, w1, ...; small numbers are frequent.
class GameIndexTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kSeed = 20240611;
  static constexpr int kDocs = 3000;

  void SetUp() override {
    RecordProperty("seed", static_cast<int>(kSeed));
    std::geometric_distribution<int> word(0.03);
    std::uniform_int_distribution<int> length(3, 60);
    std::string lines;
    std::vector<OracleDoc> docs;
    for (int i = 0; i < kDocs; ++i) {
      OracleDoc doc;
      doc.fields = {{"title", {Word(word)}}, {"body", {}}};
      for (int n = length(random_); n > 0; --n) doc.fields[1].second.push_back(Word(word));
      lines += Concat(R"({"id": )", i, R"(, "title": ")", doc.fields[0].second[0],
                      R"(", "body": ")", absl::StrJoin(doc.fields[1].second, " "), "\"}\n");
      docs.push_back(std::move(doc));
    }
    ASSERT_TRUE(WriteFileAtomically(LocalFileSystem(), dir_.File("corpus.jsonl"), lines).ok());
    oracle_ = std::make_unique<NaiveOracle>(std::move(docs));
  }

  std::string Word(std::geometric_distribution<int>& word) { return Concat("w", word(random_)); }

  std::string BuildShards(uint32_t shards) {
    BuildOptions options;
    options.inputs = {dir_.File("corpus.jsonl")};
    options.output = dir_.File(Concat("index-", shards));
    options.num_shards = shards;
    options.analyzer = "ascii";
    options.threads = 1;
    const auto summary = BuildIndex(options);
    EXPECT_TRUE(summary.ok()) << summary.status();
    return options.output;
  }

  std::vector<GameQuery> Queries() {
    std::string lines;
    std::geometric_distribution<int> word(0.03);
    for (int i = 0; i < 40; ++i) {
      const std::string a = Word(word), b = Word(word), c = Word(word);
      lines += Concat(a, "\n", a, " ", b, " ", c, "\n+", a, " +", b, "\n\"", a, " ", b, "\"\n");
    }
    return *ParseGameQueries(lines + "absent\n+w0 +absent\n...\n", *Ascii());
  }

  TempDir dir_;
  std::mt19937_64 random_{kSeed};
  std::unique_ptr<NaiveOracle> oracle_;
};

TEST_F(GameIndexTest, AnswersAsTheOracleDoesHoweverTheCorpusIsCut) {
  const std::vector<GameQuery> queries = Queries();
  for (const uint32_t shards : {1u, 2u, 3u, 8u}) {
    const auto index = GameIndex::Open(LocalFileSystem(), BuildShards(shards), SteadyClock());
    ASSERT_TRUE(index.ok()) << index.status();
    for (const GameQuery& query : queries) {
      const ShardQuery shard_query = MakeShardQuery(query);
      const OracleAnswer want = oracle_->Search(shard_query, 10);
      for (const SearchStrategy strategy : {SearchStrategy::kPruned, SearchStrategy::kExhaustive}) {
        for (const TotalMode total : {TotalMode::kExact, TotalMode::kLowerBound}) {
          const auto got =
              (*index)->Search(shard_query, {.k = 10, .total = total, .strategy = strategy});
          ASSERT_TRUE(got.ok()) << query.line << ": " << got.status();
          if (total == TotalMode::kExact) {
            EXPECT_EQ(got->total, want.total) << query.line << ", " << shards << " shards";
          }
          ASSERT_EQ(got->hits.size(), want.hits.size()) << query.line;
          for (size_t i = 0; i < want.hits.size(); ++i) {
            EXPECT_EQ(got->hits[i].doc, want.hits[i].doc) << query.line << " hit " << i;
            EXPECT_EQ(got->hits[i].score, want.hits[i].score) << query.line << " hit " << i;
          }
        }
      }
    }
  }
}

TEST_F(GameIndexTest, PrintsARowForEveryCommandAndQuery) {
  const auto index = GameIndex::Open(LocalFileSystem(), BuildShards(2), SteadyClock());
  ASSERT_TRUE(index.ok()) << index.status();
  const auto queries = *ParseGameQueries("w0\n\"w0 w1\"\n", *Ascii());
  const auto rows = Rows([&](std::FILE* out) {
    return RunGame(**index, queries, {.warmup = 1, .passes = 3}, SteadyClock(), out);
  });
  ASSERT_EQ(rows.size(), 6u);
  const std::string total = absl::StrCat(oracle_->Search(ShardQuery::Term("w0"), 0).total);
  EXPECT_THAT(rows[0], ElementsAre("COUNT", "term", total, ::testing::_, ::testing::_, "w0"));
  EXPECT_THAT(rows[2], ElementsAre("TOP_10", "term", "10", ::testing::_, ::testing::_, "w0"));
  EXPECT_THAT(rows[5][0], "TOP_10_COUNT");
  EXPECT_THAT(rows[5][5], "\"w0 w1\"");
  for (const auto& row : rows) EXPECT_LE(std::stod(row[3]), std::stod(row[4]));
}

TEST_F(GameIndexTest, PrintsScores) {
  const auto index = GameIndex::Open(LocalFileSystem(), BuildShards(3), SteadyClock());
  ASSERT_TRUE(index.ok()) << index.status();
  const auto queries = *ParseGameQueries("w3 w4\n", *Ascii());
  const auto rows = Rows([&](std::FILE* out) {
    return PrintGameScores(**index, queries, 5, SearchStrategy::kPruned, out);
  });
  const OracleAnswer want = oracle_->Search(MakeShardQuery(queries[0]), 5);
  ASSERT_EQ(rows.size(), 5u);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i][0], "w3 w4");
    EXPECT_EQ(rows[i][1], absl::StrCat(i + 1));
    EXPECT_EQ(rows[i][2], absl::StrCat(want.hits[i].doc));
    EXPECT_NEAR(std::stod(rows[i][3]), ToDouble(want.hits[i].score), 1e-7);
    EXPECT_EQ(rows[i][4], absl::StrCat(want.total));
  }
}

TEST_F(GameIndexTest, SaysThatADirectoryHoldsNoIndex) {
  const auto index = GameIndex::Open(LocalFileSystem(), dir_.path(), SteadyClock());
  EXPECT_FALSE(index.ok());
  EXPECT_THAT(Message(index.status()), HasSubstr(dir_.path()));
}

}  // namespace
}  // namespace canopy
