// Writes the external id sections of a shard: nothing as long as every id is its document's number
// in decimal, which is the common case; from the first other id on, all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/file_system.h"
#include "base/types.h"
#include "shard/external_ids.h"
#include "shard/offset_table.h"
#include "shard/section_output.h"

namespace canopy {

struct IdWriterOptions {
  ShardId shard = 0;
  uint32_t num_shards = 1;
  std::string path_prefix;  // of the temporary files
};

// Memory does not grow with the number of documents, apart from documents that share one id.
// Thread safety: one thread. Lifetime: borrows the file system.
class IdWriter final {
 public:
  IdWriter(FileSystem& files, IdWriterOptions options);
  ~IdWriter();  // removes the temporary files

  // Of the next document; empty: its number in decimal.
  absl::Status Add(std::string_view id);
  // Writes out what Add has gathered; to be called at the end of each batch.
  absl::Status Flush();
  // Builds the index; no Add after it. Then, if stored(), the sections are in the outputs below.
  absl::Status Finish();

  bool stored() const { return sections_ != nullptr; }
  struct Sections {
    Sections(FileSystem& files, const std::string& prefix);
    Spool ids, places, bases, buckets, docs;
    Spool hashes;  // XXH3-64 of each id; only until the index is built
  };
  Sections& sections() { return *sections_; }

 private:
  absl::Status StartStoring();
  absl::Status Store(DocId doc, std::string_view id);
  // Writes the buckets [begin, end).
  absl::Status WriteBuckets(const IdBuckets& buckets, uint64_t begin, uint64_t end);

  FileSystem& files_;
  const IdWriterOptions options_;
  uint64_t docs_ = 0;
  std::unique_ptr<Sections> sections_;
  OffsetTableWriter table_;
  std::string pending_ids_, pending_hashes_;
  uint64_t bucket_end_ = 0;  // documents in buckets written so far
};

}  // namespace canopy
