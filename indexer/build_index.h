// Builds an index: documents in, a published generation out. The whole of indexer/ behind one call.
//
// clang-format off
//   read and invert   workers take batches from the source, invert them, spill runs when memory is
//                     used up, and hand each batch's documents to the shard writers in order
//   reduce            spilled runs are merged pairwise until one join can read them all
//   join              terms with collection-wide statistics, dealt out to the shards
//   finish            every shard file, and that of term bounds, is put together: the barrier
//   verify            every shard, and the manifest, is read back and checked
//   publish           the generation appears as a whole, or not at all
// clang-format on
//
// These files are a pure function of the documents and of what BuildOptions says about content
// (shards, analyzer, k1, b, stored fields, compression): threads and memory change how long it
// takes, not a single byte.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "corpus/document_source.h"

namespace canopy {

inline constexpr uint32_t kMaxShards = 1024;
inline constexpr size_t kMaxBuildThreads = 256;

// Which fields' values are kept for being shown.
struct StoredFields {
  enum class Mode { kAll, kNone, kListed };
  Mode mode = Mode::kAll;
  std::vector<std::string> names;  // kListed
};

struct BuildOptions {
  std::vector<std::string> inputs;  // as SourceOptions
  std::string format = "auto";
  std::string id_field = "id";
  bool strict = false;         // the first bad record ends the build
  uint64_t max_errors = 1000;  // more bad records end the build
  // Larger documents are bad records; 0: a sixteenth of memory_bytes, at most 64 MiB.
  uint64_t max_document_bytes = 0;

  std::string output;
  uint32_t num_shards = 1;
  std::string analyzer = "standard";
  double k1 = 1.2;
  double b = 0.75;
  StoredFields stored;
  int compression_level = 1;  // zstd's, of stored fields

  size_t threads = 0;  // 0: as many as the machine runs at once
  uint64_t memory_bytes = uint64_t{1024} << 20;
  std::string temp_directory;  // for spilled runs; empty: in the output directory
  // 0: as memory_bytes allows. Lower numbers are for tests, which want many runs and batches of few
  // documents.
  struct Limits {
    size_t run_bytes = 0;
    size_t join_runs = 0;  // more are reduced before the join
    size_t batch_docs =
        0;  // leaves traces in shard files: stored fields are compressed by the batch
  } limits;

  FileSystem* files = nullptr;   // null: LocalFileSystem()
  const Clock* clock = nullptr;  // null: SteadyClock()
  std::function<void(const BadRecord&)> on_bad_record;
};

enum class BuildStage { kReading, kReducing, kJoining, kFinishing, kVerifying, kPublishing };

struct BuildProgress {
  BuildStage stage = BuildStage::kReading;
  // How much of the stage is done, of how much (0: unknown): reading: bytes of the input as it lies
  // on disk; joining: ranges of terms; finishing: shards; verifying: bytes of shard files.
  uint64_t done = 0;
  uint64_t total = 0;
  uint64_t docs = 0;
  uint64_t input_bytes = 0;  // decompressed
  absl::Duration elapsed = {};
};
// Called now and then, one call at a time, from any of the build's threads.
using BuildProgressFn = std::function<void(const BuildProgress&)>;

struct BuildSummary {
  uint64_t documents = 0;
  uint64_t skipped = 0;  // bad records
  uint64_t terms = 0;    // of the collection
  uint64_t tokens = 0;
  uint64_t postings = 0;
  uint64_t input_bytes = 0;  // decompressed
  uint64_t index_bytes = 0;  // of all files of the generation but the manifest
  uint64_t terms_cut = 0;    // terms longer than kMaxTermBytes
  uint64_t invalid_utf8 = 0;
  uint64_t without_id = 0;                // documents whose number is their id
  std::vector<std::string> never_stored;  // names of StoredFields that no field has
  uint64_t spilled_runs = 0;
  uint64_t spilled_bytes = 0;
  uint64_t generation = 0;
  uint32_t shards = 0;
  size_t threads = 0;
  absl::Duration elapsed;
  absl::Duration read_time, reduce_time, join_time, finish_time, verify_time;  // parts of it
};

// The least memory_bytes for so many threads and shards.
uint64_t MinBuildMemory(size_t threads, uint32_t num_shards);

// INVALID_ARGUMENT: an option is out of its limits. Says nothing about the inputs and the
// directories.
absl::Status CheckBuildOptions(const BuildOptions& options);

// Opens the inputs and builds. Nothing of the current generation is touched before the new one is
// complete; after an error the old one is the current one (BuildDirectory::Publish names the only
// exception), and of the new one nothing is left. INVALID_ARGUMENT: an option is out of its
// limits, the inputs hold no document, a bad record with strict, too many bad records.
// FAILED_PRECONDITION: another build works on the output directory. Others: of the source, of the
// disk.
absl::StatusOr<BuildSummary> BuildIndex(const BuildOptions& options,
                                        const BuildProgressFn& progress = {});

// The same for documents from elsewhere; what options say about inputs and bad records is not used.
absl::StatusOr<BuildSummary> BuildIndexFrom(DocumentSource& source, const BuildOptions& options,
                                            const BuildProgressFn& progress = {});

}  // namespace canopy
