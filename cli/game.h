// `canopy game`: the protocol of the public "search benchmark game" over an index directory, in one
// process and one thread, without network. Measures the shards alone, beside peers that print the
// same format; or, beside peers that are distributed, a cluster as one caller sees it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "canopy/v1/search.pb.h"
#include "cli/game_query.h"
#include "shard/shard_file.h"
#include "shard/shard_searcher.h"

namespace canopy {

enum class GameCommand { kCount, kTop10, kTop10Count };

std::string_view GameCommandName(GameCommand command);
// "COUNT,TOP_10" -> both. INVALID_ARGUMENT names the unknown one.
absl::StatusOr<std::vector<GameCommand>> ParseGameCommands(std::string_view list);

struct GameHit {
  DocId doc = 0;
  FixedScore score = 0;
};

struct GameAnswer {
  uint64_t total = 0;
  std::vector<GameHit> hits;  // score descending, then document ascending
};

// The shards of one generation, searched as one collection.
// Thread safety: const members from any thread.
class GameIndex final {
 public:
  // Opens the current generation of `directory` and verifies every checksum, which also brings the
  // files into memory.
  static absl::StatusOr<std::unique_ptr<GameIndex>> Open(FileSystem& files,
                                                         const std::string& directory,
                                                         const Clock& clock);

  const CollectionStats& stats() const { return shards_.front()->stats(); }
  absl::Duration open_time() const { return open_time_; }      // all shards, without verification
  absl::Duration verify_time() const { return verify_time_; }  // every checksum

  // One shard after the other; the k-th score so far is the next shard's threshold.
  absl::StatusOr<GameAnswer> Search(const ShardQuery& query, const SearchOptions& options) const;

 private:
  std::vector<std::unique_ptr<ShardFile>> shards_;  // by shard number
  absl::Duration open_time_;
  absl::Duration verify_time_;
};

struct GameOptions {
  std::vector<GameCommand> commands = {GameCommand::kCount, GameCommand::kTop10,
                                       GameCommand::kTop10Count};
  int warmup = 2;
  int passes = 5;
  SearchStrategy strategy = SearchStrategy::kPruned;
};

// What a root is asked for it: the line as it stands, hits without their fields.
v1::SearchRequest MakeSearchRequest(GameCommand command, const GameQuery& query);

// Answers a query in the way that the command says; the number that the game prints: matches, or
// for TOP_10, which need not know them, hits.
using GamePlayer = absl::FunctionRef<absl::StatusOr<uint64_t>(GameCommand, const GameQuery&)>;

// Every command: `warmup` passes over all queries, then `passes` that are timed. A line for each
// command and query: command, class, count, minimum and median microseconds, query, separated by
// tabs. REQUIRES: options.passes >= 1.
absl::Status RunGame(GamePlayer player, absl::Span<const GameQuery> queries,
                     const GameOptions& options, const Clock& clock, std::FILE* out);
// Over an index.
absl::Status RunGame(const GameIndex& index, absl::Span<const GameQuery> queries,
                     const GameOptions& options, const Clock& clock, std::FILE* out);

// The `k` best of every query: query, rank from 1, document number, score (%.9g), exact count,
// separated by tabs.
absl::Status PrintGameScores(const GameIndex& index, absl::Span<const GameQuery> queries,
                             uint32_t k, SearchStrategy strategy, std::FILE* out);

}  // namespace canopy
