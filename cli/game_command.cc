// `canopy game`: flags, and then game.h.
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
#include "cli/commands.h"
#include "cli/game.h"

namespace canopy {
namespace {

struct GameFlags {
  std::string index;
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
                  {.value = "DIR", .help = "index directory", .required = true});
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

absl::Status RunGameCommand(const GameFlags& flags) {
  const absl::StatusOr<std::vector<GameCommand>> commands = ParseGameCommands(flags.commands);
  if (!commands.ok()) return UsageError(Concat("--commands: ", Message(commands.status())));
  GameOptions options;
  options.commands = *commands;
  options.warmup = static_cast<int>(flags.warmup);
  options.passes = static_cast<int>(flags.passes);
  options.strategy =
      flags.strategy == "pruned" ? SearchStrategy::kPruned : SearchStrategy::kExhaustive;

  FileSystem& files = LocalFileSystem();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(files, flags.queries));
  ASSIGN_OR_RETURN(const std::unique_ptr<GameIndex> index,
                   GameIndex::Open(files, flags.index, SteadyClock()));
  LogInfo("index opened", {{"shards", index->stats().num_shards},
                           {"open_us", absl::ToDoubleMicroseconds(index->open_time())},
                           {"verify_us", absl::ToDoubleMicroseconds(index->verify_time())}});
  ASSIGN_OR_RETURN(const std::unique_ptr<Analyzer> analyzer,
                   Analyzer::Create(index->stats().analyzer, index->stats().analyzer_version));
  const absl::StatusOr<std::vector<GameQuery>> queries = ParseGameQueries(text, *analyzer);
  if (!queries.ok()) return Annotate(queries.status(), flags.queries);
  if (flags.scores > 0) {
    return PrintGameScores(*index, *queries, static_cast<uint32_t>(flags.scores), options.strategy,
                           stdout);
  }
  return RunGame(*index, *queries, options, SteadyClock(), stdout);
}

}  // namespace

int GameSubcommand(int argc, char** argv) {
  GameFlags options;
  FlagSet flags(
      "canopy game",
      "Times queries over all shards of an index, in one process and one thread: the protocol "
      "of the search benchmark game.");
  AddFlags(flags, options);
  return RunMain(flags, argc, argv, [&] { return RunGameCommand(options); });
}

}  // namespace canopy
