// How a build divides the memory it was given. What grows with the corpus (the workers' runs) gets
// what is left after all that has a bound of its own; runs count what they hold (memory_run.h) and
// are spilled when they reach their part.
#pragma once

#include <cstddef>
#include <cstdint>

#include "indexer/document_batch.h"

namespace canopy {

struct MemoryPlan {
  uint64_t memory_bytes = 0;
  uint64_t reserved_bytes = 0;  // the program, batches, the join
  size_t threads = 1;
  BatchLimits batch;
  size_t batches_ahead = 0;   // that may be worked on before the oldest is written
  size_t range_bytes = 0;     // JoinOptions
  uint64_t mapped_bytes = 0;  // of the finished shards, while they are verified

  // What each worker's run may take when the shard writers keep `writer_bytes` in memory and the
  // buffers have become large enough for a document of `document_bytes`.
  struct Taken {
    uint64_t writer_bytes = 0;
    uint64_t document_bytes = 0;
  };
  size_t RunBytes(const Taken& by_others) const;
};

// Where batches end depends on the number of shards alone: the shards' stored fields are compressed
// by the batch, so more shards want larger batches, and threads and memory must leave no trace.
BatchLimits PlanBatches(uint32_t num_shards);

// The largest document that is read when nothing is said about it.
uint64_t DefaultMaxDocumentBytes(uint64_t memory_bytes);

// REQUIRES: memory_bytes >= MinBuildMemory(threads, num_shards) (build_index.h).
MemoryPlan PlanMemory(uint64_t memory_bytes, size_t threads, uint32_t num_shards);

}  // namespace canopy
