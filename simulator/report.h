// What came of a simulated run.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/histogram.h"
#include "simulator/event_queue.h"

namespace canopy {

struct SimulationReport {
  uint64_t seed = 0;
  uint64_t queries = 0;
  uint64_t ok = 0;                         // answered, whole or partial
  uint64_t partial = 0;                    // of those, with less than full coverage
  std::map<std::string, uint64_t> errors;  // by the status' name
  Histogram latency_us;                    // of the answered ones, from their arrival

  uint64_t primary_calls = 0;     // searches
  uint64_t retries = 0;           // of searches
  uint64_t hedges = 0;            // of searches and fetches
  uint64_t hedges_won = 0;        // answered before the call that they hedge
  uint64_t hedges_lost = 0;       // answered after it
  uint64_t hedges_cancelled = 0;  // as the other call answered, or the query was over
  uint64_t hedges_failed = 0;
  uint64_t unhedged = 0;       // calls that were late: mode shadow, or something was in the way
  uint64_t fetch_calls = 0;    // of all kinds
  uint64_t fetch_retries = 0;  // among them
  uint64_t refused_calls = 0;  // for a full queue

  Nanos busy = 0;           // of all leaves' threads
  Nanos wasted = 0;         // of that, on work whose result nobody used
  double busiest_leaf = 0;  // its search threads' share of time at work; 0: any number of threads
  Histogram queue_wait_us;  // of search calls that ran
  Histogram leaf_time_us;   // of search calls that answered, from sent to received
  double seconds = 0;       // of virtual time, until the last query had ended
  uint64_t events = 0;

  // Extra search calls / primary search calls; 0 when there were none.
  double extra_load() const { return Ratio(retries + hedges, primary_calls); }
  double wasted_ratio() const { return Ratio(wasted, busy); }
  double failed_ratio() const { return Ratio(queries - ok, queries); }

 private:
  template <typename Number>
  static double Ratio(Number part, Number whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

}  // namespace canopy
