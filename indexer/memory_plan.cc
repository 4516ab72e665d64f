#include "indexer/memory_plan.h"

#include <algorithm>

#include "indexer/build_index.h"

namespace canopy {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
// The program itself, its libraries and their tables, and what malloc holds back.
constexpr uint64_t kProgramBytes = 32 * kMiB;
constexpr uint64_t kMinRunBytes = 8 * kMiB;
// Of the runs on disk that one thread merges: 17 readers of four frames each.
constexpr uint64_t kReaderBytes = 5 * kMiB;
constexpr size_t kMinRangeBytes = 256 << 10;
constexpr size_t kMaxRangeBytes = 4 << 20;

// A thread's part of the join: decoded postings, and two ranges that are encoded or wait to be
// written.
uint64_t JoinBytes(size_t range_bytes) { return 8 * uint64_t{range_bytes} + kReaderBytes; }

// Batches that are packed and documents that are encoded, up to two more than there are threads.
uint64_t BatchBytes(size_t threads, const BatchLimits& batch) {
  return (2 * uint64_t{threads} + 2) * batch.text_bytes;
}

uint64_t ReservedBytes(size_t threads, const BatchLimits& batch, size_t range_bytes) {
  return kProgramBytes + std::max(BatchBytes(threads, batch), threads * JoinBytes(range_bytes));
}

}  // namespace

size_t MemoryPlan::RunBytes(const Taken& by_others) const {
  // The line, the document and a worker's batch, each with room to grow.
  constexpr uint64_t kCopiesOfDocument = 4;
  const uint64_t taken = std::min(memory_bytes, reserved_bytes + by_others.writer_bytes +
                                                    kCopiesOfDocument * by_others.document_bytes);
  // A corpus whose documents alone exceed the budget still gets runs of a useful size.
  return std::max<uint64_t>((memory_bytes - taken) / threads, kMinRunBytes);
}

uint64_t DefaultMaxDocumentBytes(uint64_t memory_bytes) {
  return std::min(memory_bytes / 16, 64 * kMiB);
}

BatchLimits PlanBatches(uint32_t num_shards) {
  constexpr size_t kTextOfShard = 64 << 10;
  return {.text_bytes = std::clamp<size_t>(num_shards * kTextOfShard, 4 * kMiB, 16 * kMiB)};
}

MemoryPlan PlanMemory(uint64_t memory_bytes, size_t threads, uint32_t num_shards) {
  constexpr size_t kMemoryOfRange = 64;  // a range takes at most this part of a thread's memory
  MemoryPlan plan;
  plan.memory_bytes = memory_bytes;
  plan.threads = threads;
  plan.batch = PlanBatches(num_shards);
  plan.batches_ahead = threads + 2;
  plan.range_bytes =
      std::clamp<size_t>(memory_bytes / threads / kMemoryOfRange, kMinRangeBytes, kMaxRangeBytes);
  plan.mapped_bytes = memory_bytes / 4;
  plan.reserved_bytes = ReservedBytes(threads, plan.batch, plan.range_bytes);
  return plan;
}

uint64_t MinBuildMemory(size_t threads, uint32_t num_shards) {
  return ReservedBytes(threads, PlanBatches(num_shards), kMinRangeBytes) + threads * kMinRunBytes;
}

}  // namespace canopy
