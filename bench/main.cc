// Runs the benchmarks of one program, but not in a debug build: its figures would mean nothing.
#include <benchmark/benchmark.h>

#include <cstdio>

int main(int argc, char** argv) {
#ifndef NDEBUG
  std::fprintf(stderr, "%s: a debug build measures nothing, use the release preset\n", argv[0]);
  return 1;
#endif
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
