#include "indexer/run_reducer.h"

#include <algorithm>
#include <utility>

#include "base/byte_io.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread_pool.h"

namespace canopy {
namespace {

// Puts the postings of a term that stands in several runs together as one stream.
void MergeStreams(TermMerger& merger, std::string& stream) {
  stream.clear();
  ByteWriter writer(stream);
  uint32_t last_doc = 0;
  merger.ForEachPosting([&](const Posting& posting) {
    if (!stream.empty()) writer.U8(0);
    writer.Varint(posting.doc - last_doc);
    last_doc = posting.doc;
    stream.append(reinterpret_cast<const char*>(posting.positions), posting.positions_size());
  });
}

absl::StatusOr<RunFile> MergePair(FileSystem& files, const RunFile& a, const RunFile& b,
                                  const std::string& path) {
  ASSIGN_OR_RETURN(RunFile merged, WriteRun(files, {&a, &b}, path));
  RETURN_IF_ERROR(files.Remove(a.path));
  RETURN_IF_ERROR(files.Remove(b.path));
  return merged;
}

}  // namespace

absl::StatusOr<RunFile> WriteRun(FileSystem& files, absl::Span<const RunSource> sources,
                                 const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<RunWriter> writer, RunWriter::Create(files, path));
  TermMerger merger(files, sources);
  RETURN_IF_ERROR(merger.Start({}));
  FieldDfs field_dfs;
  std::string stream;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, merger.Next());
    if (!found) return writer->Finish();
    merger.ReadFieldDfs(field_dfs);
    merger.ReadPostings();
    std::string_view postings;
    if (const auto single = merger.SingleStream(); single.has_value()) {
      postings = *single;
    } else {
      MergeStreams(merger, stream);
      postings = stream;
    }
    RETURN_IF_ERROR(writer->Add({merger.term(), &field_dfs, postings}));
  }
}

absl::StatusOr<std::vector<RunFile>> ReduceRuns(FileSystem& files, std::vector<RunFile> runs,
                                                const ReduceOptions& options) {
  for (size_t pass = 0; runs.size() > options.max_runs; ++pass) {
    std::sort(runs.begin(), runs.end(), [](const RunFile& a, const RunFile& b) {
      return std::pair(a.size_bytes, std::string_view(a.path)) <
             std::pair(b.size_bytes, std::string_view(b.path));
    });
    const size_t pairs = std::min(runs.size() / 2, runs.size() - options.max_runs);
    std::vector<RunFile> merged(pairs);
    const auto merge = [&](size_t i) -> absl::Status {
      const std::string path = Concat(options.directory, "/merged-", pass, "-", i, ".run");
      ASSIGN_OR_RETURN(merged[i], MergePair(files, runs[2 * i], runs[2 * i + 1], path));
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(ParallelFor(options.threads, pairs, merge));
    runs.erase(runs.begin(), runs.begin() + static_cast<ptrdiff_t>(2 * pairs));
    std::move(merged.begin(), merged.end(), std::back_inserter(runs));
  }
  return runs;
}

}  // namespace canopy
