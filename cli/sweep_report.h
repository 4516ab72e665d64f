// How a sweep (sweep.h) is written down: a table, JSON, and what gnuplot draws. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/sweep.h"

namespace canopy {

// What the figures depend on and do not say themselves.
struct SweepContext {
  std::string date = "";  // UTC
  std::string note = "";  // the user's
  std::string cpu = "", kernel = "", system = "";
  uint32_t processors = 0;
  uint64_t memory_bytes = 0;
  double load_before = 0;  // runnable processes over the last minute

  std::string index = "";
  uint64_t generation = 0, docs = 0, checksum = 0;
  uint32_t shards = 0;

  std::string queries = "";  // the file
  uint64_t num_queries = 0, queries_checksum = 0;

  std::string straggler = "";
  double seconds = 0, warm_up_seconds = 0;
  uint64_t seed = 0, size = 0;
  bool omit_fields = false;
  double capacity_qps = 0;  // 0: the rate was given
};

// `context`, options and rows as one JSON object on many lines.
std::string SweepJson(const SweepContext& context, const SweepOptions& options,
                      const std::vector<SweepRow>& rows);

// Milliseconds; "too few" for a p99.9 that would be noise.
std::string SweepTable(const std::vector<SweepRow>& rows);

// The names of what is plotted: "p50", "p99", and "p999" when some row has it.
std::vector<std::string> PlottedQuantiles(const std::vector<SweepRow>& rows);
// sweep.dat: a block for each series (SweepCase::Series, then the limit), a line for each number of
// leaves: leaves, p50, p99, p99.9 in milliseconds.
std::string PlotData(const std::vector<SweepRow>& rows);
// sweep.gp: draws QUANTILE.svg for each from sweep.dat. `straggler` stands in the titles. REQUIRES:
// rows not empty.
std::string PlotScript(const std::vector<SweepRow>& rows, const std::string& straggler);

}  // namespace canopy
