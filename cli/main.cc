// The `canopy` command: a local cluster, searches, and measurements.
#include "base/main.h"

#include "cli/commands.h"

int main(int argc, char** argv) {
  constexpr canopy::Subcommand kSubcommands[] = {
      {"up", "run a whole cluster on this machine", canopy::UpCommand},
      {"search", "find the best documents", canopy::SearchCommand},
      {"count", "count the documents that match", canopy::CountCommand},
      {"status", "show what a cluster serves", canopy::StatusCommand},
      {"drain", "take a leaf out of service, gently", canopy::DrainCommand},
      {"game", "time the shards of an index in one thread", canopy::GameSubcommand},
      {"bench", "load a cluster and measure it", canopy::BenchCommand},
      {"simulate", "play a cluster on a virtual clock", canopy::SimulateCommand},
      {"plan", "find the cheapest cluster for a load", canopy::PlanCommand},
  };
  return canopy::RunSubcommand("canopy", "Searches with Canopy.", kSubcommands, argc, argv);
}
