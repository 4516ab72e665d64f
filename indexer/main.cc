// canopy-indexer: builds index directories, verifies them, says what is in them.
#include "base/main.h"

#include "indexer/commands.h"

int main(int argc, char** argv) {
  return canopy::RunSubcommand(
      "canopy-indexer", "Builds and checks Canopy's index directories.",
      {{"build", "builds a new generation of an index from documents", canopy::BuildCommand},
       {"verify", "checks every byte of the current generation", canopy::VerifyCommand},
       {"info", "says what the current generation holds", canopy::InfoCommand}},
      argc, argv);
}
