#include "indexer/build_index.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "base/thread_pool.h"
#include "indexer/batch_worker.h"
#include "indexer/build_directory.h"
#include "indexer/document_batch.h"
#include "indexer/joiner.h"
#include "indexer/memory_plan.h"
#include "indexer/ordered_stage.h"
#include "indexer/progress_reporter.h"
#include "indexer/run_reducer.h"
#include "indexer/spill_area.h"
#include "shard/check_shard.h"
#include "shard/generation.h"
#include "shard/shard_writer.h"
#include "shard/term_bounds_format.h"
#include "shard/term_bounds_writer.h"
#include "text/analyzer.h"

namespace canopy {
namespace {

constexpr size_t kMaxJoinRuns = 16;

absl::Status CheckNumber(std::string_view what, uint64_t value, uint64_t min, uint64_t max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Concat(what, " is ", value, ", it must be from ", min, " to ", max));
}

absl::Status CheckMemory(const BuildOptions& options) {
  const size_t threads = std::max<size_t>(options.threads, 1);
  const uint64_t least = MinBuildMemory(threads, options.num_shards);
  if (options.memory_bytes >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(Concat(
      "memory of ", options.memory_bytes >> 20, " MiB is not enough: ", threads, " threads and ",
      options.num_shards, " shards need at least ", (least + (1 << 20) - 1) >> 20, " MiB"));
}

// `limit` is BuildOptions::Limits's: 0 is none.
size_t Limited(size_t value, size_t limit) { return limit == 0 ? value : std::min(value, limit); }

BatchLimits LimitedBatch(BatchLimits limits, size_t docs) {
  limits.docs = Limited(limits.docs, docs);
  return limits;
}

// As many threads as the machine runs at once and the memory is enough for.
size_t DefaultThreads(const BuildOptions& options) {
  size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMaxBuildThreads);
  while (threads > 1 && MinBuildMemory(threads, options.num_shards) > options.memory_bytes) {
    --threads;
  }
  return threads;
}

uint64_t MaxDocumentBytes(const BuildOptions& options) {
  return options.max_document_bytes != 0 ? options.max_document_bytes
                                         : DefaultMaxDocumentBytes(options.memory_bytes);
}

bool IsStored(const StoredFields& stored, std::string_view name) {
  switch (stored.mode) {
    case StoredFields::Mode::kAll:
      return true;
    case StoredFields::Mode::kNone:
      return false;
    case StoredFields::Mode::kListed:
      return std::find(stored.names.begin(), stored.names.end(), name) != stored.names.end();
  }
  return true;
}

// One build. Its steps are called in the order in which they stand.
// Thread safety: none; the parallel parts see to themselves. Lifetime: borrows the source, the
// options and `progress`.
class IndexBuild final {
 public:
  IndexBuild(DocumentSource& source, const BuildOptions& options, const BuildProgressFn& progress)
      : options_(options),
        files_(options.files != nullptr ? *options.files : LocalFileSystem()),
        clock_(options.clock != nullptr ? *options.clock : SteadyClock()),
        plan_(PlanMemory(options.memory_bytes,
                         options.threads != 0 ? options.threads : DefaultThreads(options),
                         options.num_shards)),
        reader_(source, LimitedBatch(plan_.batch, options.limits.batch_docs),
                [&options](std::string_view name) { return IsStored(options.stored, name); }),
        docs_stage_(
            plan_.batches_ahead,
            [this](std::vector<EncodedDocs> shards) { return AppendDocs(std::move(shards)); }),
        reporter_(progress, clock_) {}

  absl::StatusOr<BuildSummary> Run();

 private:
  absl::Status Prepare();
  absl::Status ReadDocuments();
  absl::Status JoinTerms();
  absl::Status FinishShards();
  absl::Status VerifyShards();
  absl::Status Publish();

  absl::Status TakeBatches(BatchWorker& worker);
  absl::Status AppendDocs(std::vector<EncodedDocs> shards);
  void LimitRuns(uint64_t writer_bytes);
  absl::Status SumUp();
  absl::StatusOr<std::vector<RunFile>> ReduceSpilledRuns();
  void DescribeGeneration(absl::Span<const ShardSummary> shards, const TermBoundsSummary& bounds);
  void ReportReading();
  void Report(BuildStage stage, uint64_t done = 0, uint64_t total = 0);
  // Runs `step` and gives the time it took.
  template <typename Step>
  absl::Status Time(absl::Duration& time, Step step);

  const BuildOptions& options_;
  FileSystem& files_;
  const Clock& clock_;
  const MemoryPlan plan_;
  BatchReader reader_;
  OrderedStage<std::vector<EncodedDocs>> docs_stage_;
  ProgressReporter reporter_;
  std::atomic<size_t> run_bytes_{0};
  std::unique_ptr<BuildDirectory> directory_;
  std::unique_ptr<SpillArea> spill_area_;
  std::vector<std::unique_ptr<ShardWriter>> writers_;
  std::unique_ptr<TermBoundsWriter> bounds_writer_;
  std::vector<std::unique_ptr<BatchWorker>> workers_;
  CollectionStats stats_;
  GenerationInfo generation_;
  BuildSummary summary_;
};

absl::StatusOr<BuildSummary> IndexBuild::Run() {
  RETURN_IF_ERROR(Prepare());
  RETURN_IF_ERROR(Time(summary_.read_time, [this] { return ReadDocuments(); }));
  RETURN_IF_ERROR(Time(summary_.join_time, [this] { return JoinTerms(); }));
  RETURN_IF_ERROR(Time(summary_.finish_time, [this] { return FinishShards(); }));
  RETURN_IF_ERROR(Time(summary_.verify_time, [this] { return VerifyShards(); }));
  RETURN_IF_ERROR(Publish());
  summary_.elapsed = reporter_.elapsed();
  return summary_;
}

template <typename Step>
absl::Status IndexBuild::Time(absl::Duration& time, Step step) {
  const absl::Time start = clock_.Now();
  const absl::Status status = step();
  time = clock_.Now() - start;
  return status;
}

absl::Status IndexBuild::Prepare() {
  ASSIGN_OR_RETURN(directory_,
                   BuildDirectory::Open(files_, options_.output, options_.temp_directory));
  spill_area_ = std::make_unique<SpillArea>(files_, directory_->runs_path());
  for (ShardId shard = 0; shard < options_.num_shards; ++shard) {
    ShardWriterOptions writer;
    writer.shard = shard;
    writer.num_shards = options_.num_shards;
    writer.directory = directory_->path();
    writer.file_name = ShardFileName(shard, options_.num_shards);
    ASSIGN_OR_RETURN(writers_.emplace_back(), ShardWriter::Create(files_, std::move(writer)));
  }
  bounds_writer_ = std::make_unique<TermBoundsWriter>(
      files_, TermBoundsWriterOptions{.num_shards = options_.num_shards,
                                      .directory = directory_->path(),
                                      .piece_bytes = plan_.mapped_bytes});
  LimitRuns(0);
  for (size_t i = 0; i < plan_.threads; ++i) {
    const WorkerOptions options{.analyzer = options_.analyzer,
                                .num_shards = options_.num_shards,
                                .compression_level = options_.compression_level};
    ASSIGN_OR_RETURN(workers_.emplace_back(),
                     BatchWorker::Create(options, *spill_area_, run_bytes_));
  }
  return absl::OkStatus();
}

absl::Status IndexBuild::ReadDocuments() {
  ReportReading();
  RETURN_IF_ERROR(ParallelFor(plan_.threads, plan_.threads, [this](size_t i) {
    const absl::Status status = TakeBatches(*workers_[i]);
    if (!status.ok()) docs_stage_.Fail(status);
    return status;
  }));
  RETURN_IF_ERROR(docs_stage_.status());
  return SumUp();
}

absl::Status IndexBuild::TakeBatches(BatchWorker& worker) {
  DocumentBatch batch;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, reader_.Read(batch));
    if (!found) break;
    RETURN_IF_ERROR(docs_stage_.WaitForRoom(batch.number()));
    ASSIGN_OR_RETURN(std::vector<EncodedDocs> shards, worker.Process(batch));
    RETURN_IF_ERROR(docs_stage_.Put(batch.number(), std::move(shards)));
    ReportReading();
  }
  RETURN_IF_ERROR(worker.Finish());
  worker.run().Sort();
  return absl::OkStatus();
}

absl::Status IndexBuild::AppendDocs(std::vector<EncodedDocs> shards) {
  uint64_t writer_bytes = 0;
  for (size_t i = 0; i < writers_.size(); ++i) {
    RETURN_IF_ERROR(writers_[i]->AddDocs(std::move(shards[i])));
    writer_bytes += 2 * writers_[i]->length_codes().size();  // strings that grow by doubling
  }
  LimitRuns(writer_bytes);
  return absl::OkStatus();
}

void IndexBuild::LimitRuns(uint64_t writer_bytes) {
  const MemoryPlan::Taken taken{.writer_bytes = writer_bytes,
                                .document_bytes = reader_.progress().largest_document};
  run_bytes_ = Limited(plan_.RunBytes(taken), options_.limits.run_bytes);
}

absl::Status IndexBuild::SumUp() {
  CorpusStats stats;
  for (const auto& worker : workers_) {
    stats.Add(worker->stats());
    summary_.terms_cut += worker->analyzer().counters().terms_cut;
    summary_.invalid_utf8 += worker->analyzer().counters().invalid_utf8_sequences;
  }
  const BatchReader::Progress progress = reader_.progress();
  summary_.invalid_utf8 += progress.invalid_utf8;
  summary_.without_id = progress.without_id;
  summary_.input_bytes = progress.input_bytes;
  summary_.documents = stats.docs;
  summary_.tokens = stats.tokens;
  summary_.spilled_runs = spill_area_->num_runs();
  summary_.spilled_bytes = spill_area_->bytes_written();
  if (stats.docs == 0) return absl::InvalidArgumentError("the input holds no documents");
  const Analyzer& analyzer = workers_[0]->analyzer();
  stats_.docs = stats.docs;
  stats_.tokens = stats.tokens;
  stats_.num_shards = options_.num_shards;
  stats_.analyzer = std::string(analyzer.name());
  stats_.analyzer_version = analyzer.version();
  stats_.k1 = static_cast<float>(options_.k1);
  stats_.b = static_cast<float>(options_.b);
  stats_.length_histogram.assign(stats.length_histogram.begin(), stats.length_histogram.end());
  const std::vector<std::string> names = reader_.FieldNames();
  for (const std::string& listed : options_.stored.names) {
    const bool is_found = std::find(names.begin(), names.end(), listed) != names.end();
    if (!is_found) summary_.never_stored.push_back(listed);
  }
  stats.fields.resize(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    stats_.fields.push_back({names[i], stats.fields[i].docs, stats.fields[i].tokens});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RunFile>> IndexBuild::ReduceSpilledRuns() {
  Report(BuildStage::kReducing);
  return ReduceRuns(files_, spill_area_->TakeRuns(),
                    {.directory = spill_area_->directory(),
                     .max_runs = Limited(kMaxJoinRuns, options_.limits.join_runs),
                     .threads = plan_.threads});
}

absl::Status IndexBuild::JoinTerms() {
  const absl::Time start = clock_.Now();
  ASSIGN_OR_RETURN(const std::vector<RunFile> files, ReduceSpilledRuns());
  summary_.reduce_time = clock_.Now() - start;
  Report(BuildStage::kJoining);
  std::vector<RunSource> sources;
  for (const RunFile& file : files) sources.emplace_back(&file);
  for (const auto& worker : workers_) sources.emplace_back(&worker->run());
  ASSIGN_OR_RETURN(const JoinSummary joined,
                   JoinRuns(files_, sources, {.shards = writers_, .bounds = bounds_writer_.get()},
                            {.threads = plan_.threads,
                             .range_bytes = plan_.range_bytes,
                             .stats = &stats_,
                             .progress = [this](uint64_t done, uint64_t total) {
                               Report(BuildStage::kJoining, done, total);
                             }}));
  summary_.terms = joined.terms;
  summary_.postings = joined.postings;
  workers_.clear();
  return directory_->RemoveRuns();
}

absl::Status IndexBuild::FinishShards() {
  std::vector<ShardSummary> shards(writers_.size());
  TermBoundsSummary bounds;
  std::atomic<uint64_t> done{0};
  Report(BuildStage::kFinishing, 0, shards.size());
  RETURN_IF_ERROR(ParallelFor(plan_.threads, writers_.size() + 1, [&](size_t i) -> absl::Status {
    if (i == 0) {
      ASSIGN_OR_RETURN(bounds, bounds_writer_->Finish(stats_.docs));
      return absl::OkStatus();
    }
    --i;
    ASSIGN_OR_RETURN(shards[i], writers_[i]->Finish(stats_));
    writers_[i].reset();
    Report(BuildStage::kFinishing, ++done, shards.size());
    return absl::OkStatus();
  }));
  bounds_writer_.reset();
  DescribeGeneration(shards, bounds);
  return absl::OkStatus();
}

void IndexBuild::DescribeGeneration(absl::Span<const ShardSummary> shards,
                                    const TermBoundsSummary& bounds) {
  generation_.number = directory_->generation();
  generation_.directory = directory_->path();
  generation_.docs = stats_.docs;
  generation_.tokens = stats_.tokens;
  generation_.analyzer = stats_.analyzer;
  generation_.analyzer_version = stats_.analyzer_version;
  for (const CollectionStats::FieldStats& field : stats_.fields) {
    generation_.fields.push_back(field.name);
  }
  for (ShardId i = 0; i < options_.num_shards; ++i) {
    const ShardSummary& shard = shards[i];
    generation_.shards.push_back({.file = ShardFileName(i, options_.num_shards),
                                  .size_bytes = shard.size_bytes,
                                  .checksum = shard.checksum,
                                  .docs = shard.docs,
                                  .terms = shard.terms,
                                  .postings = shard.postings});
  }
  generation_.term_bounds = {.file = std::string(kTermBoundsName),
                             .size_bytes = bounds.size_bytes,
                             .checksum = bounds.checksum};
  summary_.index_bytes = generation_.SizeBytes();
}

absl::Status IndexBuild::VerifyShards() {
  Report(BuildStage::kVerifying, 0, summary_.index_bytes);
  RETURN_IF_ERROR(directory_->WriteManifest(EncodeManifest(generation_)));
  const std::string path = Concat(directory_->path(), "/", kManifestName);
  ASSIGN_OR_RETURN(const std::string manifest, ReadFile(files_, path));
  ASSIGN_OR_RETURN(GenerationInfo written, DecodeManifest(manifest, path));
  written.directory = directory_->path();
  std::atomic<uint64_t> done{0};
  return CheckGeneration(files_, written,
                         {.threads = plan_.threads,
                          .mapped_bytes = plan_.mapped_bytes,
                          .progress =
                              [&](uint64_t bytes) {
                                Report(BuildStage::kVerifying, done += bytes, summary_.index_bytes);
                                return absl::OkStatus();
                              },
                          .bounds_filter = false});
}

absl::Status IndexBuild::Publish() {
  Report(BuildStage::kPublishing);
  summary_.generation = generation_.number;
  summary_.shards = options_.num_shards;
  summary_.threads = plan_.threads;
  return directory_->Publish();
}

void IndexBuild::ReportReading() {
  const BatchReader::Progress progress = reader_.progress();
  Report(BuildStage::kReading, progress.bytes_read, progress.bytes_total);
}

void IndexBuild::Report(BuildStage stage, uint64_t done, uint64_t total) {
  const BatchReader::Progress progress = reader_.progress();
  reporter_.Report({.stage = stage,
                    .done = done,
                    .total = total,
                    .docs = progress.docs,
                    .input_bytes = progress.input_bytes,
                    .elapsed = {}});
}

// Counts bad records, passes them on, and says when it is enough.
class BadRecordCounter final {
 public:
  explicit BadRecordCounter(const BuildOptions& options) : options_(options) {}

  absl::Status Count(const BadRecord& record) {
    ++count_;
    if (options_.strict) return absl::InvalidArgumentError(Describe(record));
    if (options_.on_bad_record) options_.on_bad_record(record);
    if (count_ <= options_.max_errors) return absl::OkStatus();
    return absl::InvalidArgumentError(Concat("more than ", options_.max_errors,
                                             " bad records, the last one: ", Describe(record)));
  }
  uint64_t count() const { return count_; }

 private:
  static std::string Describe(const BadRecord& record) {
    return Concat(record.file, ":", record.line, ": ", record.reason);
  }

  const BuildOptions& options_;
  uint64_t count_ = 0;
};

}  // namespace

absl::Status CheckBuildOptions(const BuildOptions& options) {
  if (options.output.empty()) return absl::InvalidArgumentError("no output directory is given");
  RETURN_IF_ERROR(CheckNumber("number of shards", options.num_shards, 1, kMaxShards));
  RETURN_IF_ERROR(CheckNumber("number of threads", options.threads, 0, kMaxBuildThreads));
  RETURN_IF_ERROR(
      CheckNumber("compression level", static_cast<uint64_t>(options.compression_level), 1, 19));
  if (!(options.k1 >= 0 && options.k1 <= 1000)) {
    return absl::InvalidArgumentError(Concat("k1 is ", options.k1, ", it must be from 0 to 1000"));
  }
  if (!(options.b >= 0 && options.b <= 1)) {
    return absl::InvalidArgumentError(Concat("b is ", options.b, ", it must be from 0 to 1"));
  }
  return CheckMemory(options);
}

absl::StatusOr<BuildSummary> BuildIndex(const BuildOptions& options,
                                        const BuildProgressFn& progress) {
  RETURN_IF_ERROR(CheckBuildOptions(options));
  BadRecordCounter bad_records(options);
  ASSIGN_OR_RETURN(
      const std::unique_ptr<DocumentSource> source,
      OpenDocumentSource(
          {.inputs = options.inputs,
           .format = options.format,
           .id_field = options.id_field,
           .on_bad_record = [&](const BadRecord& record) { return bad_records.Count(record); },
           .max_document_bytes = MaxDocumentBytes(options)}));
  ASSIGN_OR_RETURN(BuildSummary summary, BuildIndexFrom(*source, options, progress));
  summary.skipped = bad_records.count();
  return summary;
}

absl::StatusOr<BuildSummary> BuildIndexFrom(DocumentSource& source, const BuildOptions& options,
                                            const BuildProgressFn& progress) {
  RETURN_IF_ERROR(CheckBuildOptions(options));
  return IndexBuild(source, options, progress).Run();
}

}  // namespace canopy
