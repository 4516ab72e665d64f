#include "indexer/batch_worker.h"

#include "base/status.h"
#include "base/types.h"

namespace canopy {

absl::StatusOr<std::unique_ptr<BatchWorker>> BatchWorker::Create(
    WorkerOptions options, SpillArea& spill_area, const std::atomic<size_t>& run_bytes) {
  std::unique_ptr<BatchWorker> worker(new BatchWorker(std::move(options), spill_area, run_bytes));
  ASSIGN_OR_RETURN(worker->analyzer_, Analyzer::Create(worker->options_.analyzer));
  ASSIGN_OR_RETURN(worker->run_, MemoryRun::Create());
  return worker;
}

absl::StatusOr<std::vector<EncodedDocs>> BatchWorker::Process(const DocumentBatch& batch) {
  std::vector<EncodedDocs> shards;
  shards.reserve(options_.num_shards);
  for (uint32_t i = 0; i < options_.num_shards; ++i) {
    shards.emplace_back(options_.compression_level);
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    const DocLocation location = LocateDoc(batch.first_doc() + i, options_.num_shards);
    ProcessDocument(batch, i, shards[location.shard]);
    RETURN_IF_ERROR(SpillIfFull());
  }
  for (EncodedDocs& docs : shards) docs.Seal();
  return shards;
}

void BatchWorker::ProcessDocument(const DocumentBatch& batch, size_t index, EncodedDocs& out) {
  const DocumentBatch::Doc doc = batch.doc(index);
  field_tokens_.clear();
  stored_.clear();
  run_->BeginDocument(static_cast<uint32_t>(batch.first_doc() + index));
  for (size_t i = doc.first_field; i < doc.first_field + doc.num_fields; ++i) {
    const DocumentBatch::Field field = batch.field(i);
    run_->BeginField(field.number);
    const uint32_t before = run_->position();
    analyzer_->Analyze(field.value, [this](std::string_view term) { run_->AddTerm(term); });
    field_tokens_.emplace_back(field.number, run_->position() - before);
    if (field.is_stored) stored_.emplace_back(field.number, field.value);
  }
  stats_.CountDocument(field_tokens_);
  out.Add({.external_id = doc.id, .field_tokens = field_tokens_, .stored = stored_});
}

absl::Status BatchWorker::SpillIfFull() {
  RETURN_IF_ERROR(run_->status());
  if (run_->MemoryBytes() < run_bytes_.load(std::memory_order_relaxed) && !run_->IsFull()) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(run_->Flush());
  return spill_area_.Spill(*run_);
}

}  // namespace canopy
