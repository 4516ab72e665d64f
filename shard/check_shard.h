// Says whether shard files are what the writer wrote. VerifyChecksums looks at every byte once and
// is what a leaf runs before it serves; CheckShard also takes the whole structure apart and is what
// an indexer runs on what it has just written, and `canopy-indexer verify`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "base/file_system.h"
#include "shard/generation.h"
#include "shard/shard_file.h"

namespace canopy {

// Called now and then with the number of bytes looked at since the last call; an error returned
// from here ends the check with it. Over a check of a file the numbers add up to its size. May be
// empty.
using CheckProgress = std::function<absl::Status(uint64_t bytes)>;

// DATA_LOSS: a section's bytes are not those of its checksum (file, section and offset are named),
// or padding is not zero.
absl::Status VerifyChecksums(const ShardFile& shard, const CheckProgress& progress = {});

// VerifyChecksums, then every term, container, rank, bound, position, id, record and statistic.
// DATA_LOSS as above. Takes about 4 bytes of memory a document. The second part is as long as the
// first but adds nothing to what `progress` is told; it is called with 0 bytes then, so that it can
// end the check.
absl::Status CheckShard(const ShardFile& shard, const CheckProgress& progress = {});
// Opens and checks. Errors of ShardFile::Open too.
absl::Status CheckShard(FileSystem& files, const std::string& path,
                        const CheckProgress& progress = {});

struct CheckOptions {
  size_t threads = 1;
  // When about so much of the files lies in this process's memory, it is released.
  uint64_t mapped_bytes = uint64_t{1} << 30;
  CheckProgress progress = {};  // called by all threads at once
  // Also that rare terms are in the filter of the term bounds: takes as long as a quarter of the
  // rest.
  bool bounds_filter = true;
};

// Checks all shards of a generation, that they are of one collection: that of the manifest, and
// that its term bounds hold for every term of every shard. DATA_LOSS, FAILED_PRECONDITION.
absl::Status CheckGeneration(FileSystem& files, const GenerationInfo& generation,
                             const CheckOptions& options = {});

}  // namespace canopy
