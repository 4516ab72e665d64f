// Writes a generation's file of term bounds (term_bounds.h), in two steps like a shard: batches of
// consecutive terms that many threads gather at once, and a writer that appends them in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file_system.h"
#include "shard/section_output.h"

namespace canopy {

// Consecutive terms of the collection. Thread safety: one thread.
class EncodedTermBounds final {
 public:
  explicit EncodedTermBounds(uint32_t num_shards);

  struct Term {
    std::string_view term;
    uint64_t global_df = 0;
    absl::Span<const uint32_t> shards;  // that have it
    // By shard: the bound of all its postings there, as EncodedTerms::Add gives it. Of the others:
    // 0.
    absl::Span<const uint8_t> bounds;
  };
  // Terms ascend by bytes.
  void Add(const Term& term);

 private:
  friend class TermBoundsWriter;

  uint32_t num_shards_;
  std::string dfs_;  // u32 a frequent term
  std::vector<uint16_t> name_sizes_;
  std::string bounds_;
  std::string names_;
  std::string
      rare_;  // u64 for each shard of each rare term: its key, and in the low 16 bits the shard
};

struct TermBoundsSummary {
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;  // TermBounds::checksum()
};

struct TermBoundsWriterOptions {
  uint32_t num_shards = 1;
  std::string directory;  // where the file and temporary files go
  // The filter is made in pieces of so many bytes. They leave no trace in the file.
  uint64_t piece_bytes = uint64_t{64} << 20;
};

// Memory: what is handed over, some MiB more before they are written out, and a piece of the
// filter. After an error only destruction is allowed. Thread safety: one thread at a time.
// Lifetime: borrows the file system.
class TermBoundsWriter final {
 public:
  // REQUIRES: at most 65,536 shards.
  TermBoundsWriter(FileSystem& files, TermBoundsWriterOptions options);
  ~TermBoundsWriter();  // removes temporary files, and the file unless Finish succeeded

  // RESOURCE_EXHAUSTED: the names of frequent terms are too long together. Others: of the disk.
  absl::Status Add(EncodedTermBounds&& terms);
  // Puts the file together and syncs it. `docs`: of the collection.
  absl::StatusOr<TermBoundsSummary> Finish(uint64_t docs);

 private:
  // A part of the file, gathered in memory until it is worth a write.
  struct Part {
    Spool spool;
    std::string pending;
    absl::Status Append(std::string_view bytes);
    absl::Status Flush() { return spool.Flush(pending); }
    uint64_t size() const { return spool.size() + pending.size(); }
  };

  absl::Status WriteHeader(uint64_t docs, SectionOutput& body);
  absl::Status WriteFilter(uint64_t rows, SectionOutput& body);
  // The filter's bytes from `begin` on, as many as `piece` has.
  absl::Status FillFilter(uint64_t rows, uint64_t begin, std::string& piece);

  const TermBoundsWriterOptions options_;
  AppendedFile file_;
  Part dfs_, places_, bounds_, names_, rare_;
  uint64_t terms_ = 0;
  uint64_t names_bytes_ = 0;
  bool finished_ = false;
};

}  // namespace canopy
