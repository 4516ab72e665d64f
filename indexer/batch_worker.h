// What one thread does with documents: analyzes them, inverts their terms into its own run, and
// lays out what a shard keeps of each document. Many workers share nothing but the budget and the
// place where runs are spilled.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "indexer/corpus_stats.h"
#include "indexer/document_batch.h"
#include "indexer/memory_run.h"
#include "indexer/spill_area.h"
#include "shard/shard_writer.h"
#include "text/analyzer.h"

namespace canopy {

struct WorkerOptions {
  std::string analyzer;
  uint32_t num_shards = 1;
  int compression_level = 1;  // of stored fields
};

// Thread safety: one thread. Lifetime: borrows the spill area and the limit.
class BatchWorker final {
 public:
  // `run_bytes`: memory that the worker's run may take; may change while the worker works.
  static absl::StatusOr<std::unique_ptr<BatchWorker>> Create(WorkerOptions options,
                                                             SpillArea& spill_area,
                                                             const std::atomic<size_t>& run_bytes);

  // Takes in the batch. Returns the documents of each shard, sealed.
  absl::StatusOr<std::vector<EncodedDocs>> Process(const DocumentBatch& batch);
  // Call after the last batch.
  absl::Status Finish() { return run_->Flush(); }

  // Empty when the last documents were just spilled. Finish comes first.
  MemoryRun& run() { return *run_; }
  const CorpusStats& stats() const { return stats_; }
  const Analyzer& analyzer() const { return *analyzer_; }

 private:
  BatchWorker(WorkerOptions options, SpillArea& spill_area, const std::atomic<size_t>& run_bytes)
      : options_(std::move(options)), spill_area_(spill_area), run_bytes_(run_bytes) {}

  void ProcessDocument(const DocumentBatch& batch, size_t index, EncodedDocs& out);
  absl::Status SpillIfFull();

  const WorkerOptions options_;
  SpillArea& spill_area_;
  const std::atomic<size_t>& run_bytes_;
  std::unique_ptr<Analyzer> analyzer_;
  std::unique_ptr<MemoryRun> run_;
  CorpusStats stats_;
  std::vector<std::pair<uint32_t, uint32_t>> field_tokens_;    // of one document
  std::vector<std::pair<uint32_t, std::string_view>> stored_;  // of one document
};

}  // namespace canopy
