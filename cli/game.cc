#include "cli/game.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/check_shard.h"
#include "shard/generation.h"

namespace canopy {
namespace {

constexpr GameCommand kAllCommands[] = {GameCommand::kCount, GameCommand::kTop10,
                                        GameCommand::kTop10Count};

SearchOptions OptionsFor(GameCommand command, SearchStrategy strategy) {
  SearchOptions options;
  options.strategy = strategy;
  options.k = command == GameCommand::kCount ? 0 : 10;
  options.total = command == GameCommand::kTop10 ? TotalMode::kLowerBound : TotalMode::kExact;
  return options;
}

// What the game prints: matches, or for TOP_10, which need not know them, the hits it got.
uint64_t PrintedCount(GameCommand command, const GameAnswer& answer) {
  return command == GameCommand::kTop10 ? answer.hits.size() : answer.total;
}

bool RanksBefore(const GameHit& a, const GameHit& b) {
  return a.score != b.score ? a.score > b.score : a.doc < b.doc;
}

struct Timing {
  uint64_t count = 0;
  std::vector<double> us;  // one a pass
};

absl::Status TimeOnePass(GamePlayer player, absl::Span<const GameQuery> queries,
                         GameCommand command, const Clock& clock, absl::Span<Timing> timings) {
  for (size_t i = 0; i < queries.size(); ++i) {
    const absl::Time start = clock.Now();
    const absl::StatusOr<uint64_t> count = player(command, queries[i]);
    const absl::Duration took = clock.Now() - start;
    if (!count.ok()) return Annotate(count.status(), Concat("query ", queries[i].line));
    timings[i].us.push_back(absl::ToDoubleMicroseconds(took));
    timings[i].count = *count;
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view GameCommandName(GameCommand command) {
  switch (command) {
    case GameCommand::kCount:
      return "COUNT";
    case GameCommand::kTop10:
      return "TOP_10";
    case GameCommand::kTop10Count:
      return "TOP_10_COUNT";
  }
  return "";
}

absl::StatusOr<std::vector<GameCommand>> ParseGameCommands(std::string_view list) {
  std::vector<GameCommand> commands;
  for (const absl::string_view name : absl::StrSplit(ToAbsl(list), ',')) {
    const auto* const found =
        std::find_if(std::begin(kAllCommands), std::end(kAllCommands),
                     [&](GameCommand command) { return GameCommandName(command) == ToStd(name); });
    if (found == std::end(kAllCommands)) {
      return absl::InvalidArgumentError(
          Concat("unknown command \"", name, "\" (known: COUNT, TOP_10, TOP_10_COUNT)"));
    }
    commands.push_back(*found);
  }
  return commands;
}

v1::SearchRequest MakeSearchRequest(GameCommand command, const GameQuery& query) {
  v1::SearchRequest request;
  request.set_query_text(query.line);
  request.set_omit_ids(true);
  if (command == GameCommand::kCount) {
    request.set_count_only(true);
  } else {
    request.set_k(10);
    request.set_total_may_be_lower_bound(command == GameCommand::kTop10);
  }
  return request;
}

absl::StatusOr<std::unique_ptr<GameIndex>> GameIndex::Open(FileSystem& files,
                                                           const std::string& directory,
                                                           const Clock& clock) {
  auto index = std::make_unique<GameIndex>();
  const absl::Time start = clock.Now();
  ASSIGN_OR_RETURN(const GenerationInfo generation, ReadCurrentGeneration(files, directory));
  for (ShardId shard = 0; shard < generation.num_shards(); ++shard) {
    index->shards_.emplace_back();
    ASSIGN_OR_RETURN(index->shards_.back(), OpenShard(files, generation, shard));
  }
  const absl::Time opened = clock.Now();
  for (const std::unique_ptr<ShardFile>& shard : index->shards_) {
    RETURN_IF_ERROR(VerifyChecksums(*shard));
  }
  index->open_time_ = opened - start;
  index->verify_time_ = clock.Now() - opened;
  return index;
}

absl::StatusOr<GameAnswer> GameIndex::Search(const ShardQuery& query,
                                             const SearchOptions& options) const {
  GameAnswer answer;
  SearchOptions shard_options = options;
  const auto num_shards = static_cast<uint32_t>(shards_.size());
  for (const std::unique_ptr<ShardFile>& shard : shards_) {
    ASSIGN_OR_RETURN(const ShardSearchResult part, SearchShard(*shard, query, shard_options));
    answer.total += part.total;
    const size_t before = answer.hits.size();
    for (const ScoredDoc& hit : part.hits) {
      answer.hits.push_back({GlobalDoc({shard->shard(), hit.doc}, num_shards), hit.score});
    }
    if (num_shards == 1 || options.k == 0) continue;
    std::inplace_merge(answer.hits.begin(), answer.hits.begin() + before, answer.hits.end(),
                       [](const GameHit& a, const GameHit& b) { return RanksBefore(a, b); });
    if (answer.hits.size() < options.k) continue;
    answer.hits.resize(options.k);
    shard_options.score_threshold = std::max(options.score_threshold, answer.hits.back().score);
  }
  return answer;
}

absl::Status RunGame(GamePlayer player, absl::Span<const GameQuery> queries,
                     const GameOptions& options, const Clock& clock, std::FILE* out) {
  for (const GameCommand command : options.commands) {
    std::vector<Timing> timings(queries.size());
    for (int pass = -options.warmup; pass < options.passes; ++pass) {
      if (pass == 0) {
        for (Timing& timing : timings) timing.us.clear();
      }
      RETURN_IF_ERROR(TimeOnePass(player, queries, command, clock, absl::MakeSpan(timings)));
    }
    for (size_t i = 0; i < queries.size(); ++i) {
      std::vector<double>& us = timings[i].us;
      std::sort(us.begin(), us.end());
      std::fprintf(out, "%s\t%s\t%llu\t%.1f\t%.1f\t%s\n", GameCommandName(command).data(),
                   GameClassName(queries[i].query_class).data(),
                   static_cast<unsigned long long>(timings[i].count), us.front(), us[us.size() / 2],
                   queries[i].line.c_str());
    }
    std::fflush(out);
  }
  return absl::OkStatus();
}

absl::Status RunGame(const GameIndex& index, absl::Span<const GameQuery> queries,
                     const GameOptions& options, const Clock& clock, std::FILE* out) {
  const auto player = [&](GameCommand command, const GameQuery& query) -> absl::StatusOr<uint64_t> {
    ASSIGN_OR_RETURN(const GameAnswer answer,
                     index.Search(MakeShardQuery(query), OptionsFor(command, options.strategy)));
    return PrintedCount(command, answer);
  };
  return RunGame(player, queries, options, clock, out);
}

absl::Status PrintGameScores(const GameIndex& index, absl::Span<const GameQuery> queries,
                             uint32_t k, SearchStrategy strategy, std::FILE* out) {
  SearchOptions options;
  options.k = k;
  options.strategy = strategy;
  for (const GameQuery& query : queries) {
    absl::StatusOr<GameAnswer> answer = index.Search(MakeShardQuery(query), options);
    if (!answer.ok()) return Annotate(answer.status(), Concat("query ", query.line));
    for (size_t i = 0; i < answer->hits.size(); ++i) {
      std::fprintf(out, "%s\t%zu\t%llu\t%.9g\t%llu\n", query.line.c_str(), i + 1,
                   static_cast<unsigned long long>(answer->hits[i].doc),
                   ToDouble(answer->hits[i].score), static_cast<unsigned long long>(answer->total));
    }
  }
  std::fflush(out);
  return absl::OkStatus();
}

}  // namespace canopy
