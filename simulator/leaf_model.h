// A simulated leaf process: its threads for searches and for fetches, and what state it is in.
#pragma once

#include <utility>

#include "simulator/options.h"
#include "simulator/worker_pool.h"

namespace canopy {

// Thread safety: none. Lifetime: borrows the event queue.
struct LeafModel {
  LeafModel(EventQueue& events, const ClusterShape& shape, const WorkerPool::OnDone& on_done)
      : searches(events, {.threads = shape.search_threads, .max_queue = shape.max_queue}, on_done),
        fetches(events, {.threads = shape.fetch_threads, .max_queue = shape.max_queue}, on_done) {}

  // Faults of the same kind may overlap.
  int crashes = 0;
  int partitions = 0;
  int pauses = 0;
  double slowness = 1;  // product of the factors
  WorkerPool searches;
  WorkerPool fetches;

  bool crashed() const { return crashes > 0; }
  bool partitioned() const { return partitions > 0; }
  bool paused() const { return pauses > 0; }

  WorkerPool& pool(bool fetch) { return fetch ? fetches : searches; }
  void SetRates() {
    const double rate = paused() ? 0 : 1 / slowness;
    searches.SetRate(rate);
    fetches.SetRate(rate);
  }
};

}  // namespace canopy
