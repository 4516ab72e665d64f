// `canopy game`: flags, and then game.h over an index or a cluster.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/main.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/client_input.h"
#include "cli/commands.h"
#include "cli/game.h"
#include "cli/remote_cluster.h"
#include "text/analyzer.h"

namespace canopy {
namespace {

// Of each query on a cluster.
constexpr absl::Duration kRemoteTimeout = absl::Seconds(30);

struct AnalyzerName {
  std::string analyzer;
  uint32_t version = 0;
};

struct GameFlags {
  std::string index;
  std::string target;
  std::string queries;
  std::string commands = "COUNT,TOP_10,TOP_10_COUNT";
  std::string strategy = "pruned";
  int64_t warmup = 2;
  int64_t passes = 5;
  int64_t scores = 0;
};

void AddFlags(FlagSet& flags, GameFlags& options) {
  flags.Group("Input");
  flags.AddString("index", &options.index,
                  {.value = "DIR", .help = "index directory, searched in this process"});
  flags.AddString("target", &options.target,
                  {.value = "HOST:PORT",
                   .help = "instead of an index: a root, asked one query after the other"});
  flags.AddString("queries", &options.queries,
                  {.value = "FILE",
                   .help = "one query a line: +a +b (all of), a b (any of), \"a b\" (phrase)",
                   .required = true});
  flags.Group("Measurement");
  flags.AddString("commands", &options.commands,
                  {.value = "LIST", .help = "of COUNT, TOP_10, TOP_10_COUNT"});
  flags.AddInt("warmup", &options.warmup, {.help = "passes before timing", .min = 0, .max = 1000});
  flags.AddInt("passes", &options.passes, {.help = "timed passes", .min = 1, .max = 100000});
  flags.AddString("strategy", &options.strategy,
                  {.value = "NAME",
                   .help = "exhaustive scores every match, to compare answers with",
                   .choices = {"pruned", "exhaustive"}});
  flags.AddInt("scores", &options.scores,
               {.value = "K",
                .help = "print the K best documents of each query instead of times; 0: times",
                .min = 0,
                .max = 10000});
}

absl::StatusOr<std::vector<GameQuery>> ReadGameQueries(const GameFlags& flags,
                                                       const AnalyzerName& name) {
  ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.queries));
  ASSIGN_OR_RETURN(const std::unique_ptr<Analyzer> analyzer,
                   Analyzer::Create(name.analyzer, name.version));
  absl::StatusOr<std::vector<GameQuery>> queries = ParseGameQueries(text, *analyzer);
  if (!queries.ok()) return Annotate(queries.status(), flags.queries);
  return queries;
}

absl::Status PlayOnCluster(const GameFlags& flags, const GameOptions& options) {
  RETURN_IF_ERROR(CheckTarget(flags.target));
  RemoteCluster cluster(flags.target);
  ASSIGN_OR_RETURN(const v1::ClusterStatus status, cluster.Status(kRemoteTimeout));
  ASSIGN_OR_RETURN(const std::vector<GameQuery> queries,
                   ReadGameQueries(flags, {status.collection().analyzer(),
                                           status.collection().analyzer_version()}));
  const auto player = [&](GameCommand command, const GameQuery& query) -> absl::StatusOr<uint64_t> {
    ASSIGN_OR_RETURN(const v1::SearchResponse response,
                     cluster.Search(MakeSearchRequest(command, query), kRemoteTimeout));
    return command == GameCommand::kTop10 ? static_cast<uint64_t>(response.hits_size())
                                          : response.total().value();
  };
  return RunGame(player, queries, options, SteadyClock(), stdout);
}

absl::Status PlayOnIndex(const GameFlags& flags, const GameOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<GameIndex> index,
                   GameIndex::Open(LocalFileSystem(), flags.index, SteadyClock()));
  LogInfo("index opened", {{"shards", index->stats().num_shards},
                           {"open_us", absl::ToDoubleMicroseconds(index->open_time())},
                           {"verify_us", absl::ToDoubleMicroseconds(index->verify_time())}});
  ASSIGN_OR_RETURN(
      const std::vector<GameQuery> queries,
      ReadGameQueries(flags, {index->stats().analyzer, index->stats().analyzer_version}));
  if (flags.scores > 0) {
    return PrintGameScores(*index, queries, static_cast<uint32_t>(flags.scores), options.strategy,
                           stdout);
  }
  return RunGame(*index, queries, options, SteadyClock(), stdout);
}

absl::Status CheckSource(const GameFlags& flags) {
  if (flags.index.empty() == flags.target.empty()) {
    return UsageError("give --index or --target, one of them");
  }
  if (!flags.target.empty() && (flags.scores > 0 || flags.strategy != "pruned")) {
    return UsageError("--scores and --strategy need --index");
  }
  return absl::OkStatus();
}

absl::Status RunGameCommand(const GameFlags& flags) {
  RETURN_IF_ERROR(CheckSource(flags));
  const absl::StatusOr<std::vector<GameCommand>> commands = ParseGameCommands(flags.commands);
  if (!commands.ok()) return UsageError(Concat("--commands: ", Message(commands.status())));
  GameOptions options;
  options.commands = *commands;
  options.warmup = static_cast<int>(flags.warmup);
  options.passes = static_cast<int>(flags.passes);
  options.strategy =
      flags.strategy == "pruned" ? SearchStrategy::kPruned : SearchStrategy::kExhaustive;

  return flags.target.empty() ? PlayOnIndex(flags, options) : PlayOnCluster(flags, options);
}

}  // namespace

int GameSubcommand(int argc, char** argv) {
  GameFlags options;
  FlagSet flags(
      "canopy game",
      "Times queries over all shards of an index, in one process and one thread, or on a cluster: "
      "the protocol of the search benchmark game.");
  AddFlags(flags, options);
  return RunMain(flags, argc, argv, [&] { return RunGameCommand(options); });
}

}  // namespace canopy
