// The subcommands of canopy-indexer. Each takes its own argv and returns the exit status
// (base/main.h).
#pragma once

namespace canopy {

int BuildCommand(int argc, char** argv);   // builds an index
int VerifyCommand(int argc, char** argv);  // checks every byte of the current generation
int InfoCommand(int argc, char** argv);    // says what an index holds

}  // namespace canopy
