// The subcommands of `canopy`: each takes the arguments from its own name on and returns the exit
// status (0 done, 1 failed, 2 wrong usage).
#pragma once

namespace canopy {

int UpCommand(int argc, char** argv);
int SearchCommand(int argc, char** argv);
int CountCommand(int argc, char** argv);
int StatusCommand(int argc, char** argv);
int DrainCommand(int argc, char** argv);
int GameSubcommand(int argc, char** argv);
int BenchCommand(int argc, char** argv);
int SimulateCommand(int argc, char** argv);
int PlanCommand(int argc, char** argv);
int SweepSubcommand(int argc, char** argv);  // of `canopy bench`

}  // namespace canopy
