// One generation of the index as a leaf serves it: its shards mapped and verified, never changed
// afterwards. A reload makes a new one beside it and swaps the pointer; searches in flight keep the
// one that they began with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/cancellation.h"
#include "base/file_system.h"
#include "base/types.h"
#include "canopy/v1/service.pb.h"
#include "shard/generation.h"
#include "shard/shard_file.h"
#include "shard/term_bounds.h"

namespace canopy {

struct GenerationSource {
  std::string index = {};            // the index directory
  std::vector<ShardId> shards = {};  // to serve; empty: all
  bool verify = true;                // check every byte before it is served
  size_t threads = 1;                // for verifying
};

// Thread safety: immutable; all members from any thread.
class ServedGeneration final {
 public:
  // Opens `generation`, one of source.index. NOT_FOUND: no such shard in it; the message names how
  // many there are. DATA_LOSS: file, section and offset are named. FAILED_PRECONDITION: a newer
  // format. CANCELLED: `stop` was cancelled while verifying.
  static absl::StatusOr<std::shared_ptr<const ServedGeneration>> Open(
      FileSystem& files, const GenerationInfo& generation, const GenerationSource& source,
      const Cancellation& stop);

  const v1::CollectionInfo& collection() const { return collection_; }
  uint64_t number() const { return collection_.generation(); }
  uint64_t checksum() const { return collection_.checksum(); }
  uint32_t num_shards() const { return collection_.num_shards(); }
  uint64_t docs_total() const { return collection_.docs_total(); }

  absl::Span<const ShardId> shards() const { return shards_; }  // served here, ascending
  // Null: not served here.
  const ShardFile* Find(ShardId shard) const {
    return shard < files_.size() ? files_[shard].get() : nullptr;
  }
  // Of all shards of the collection, also those not served here. Null: it has none.
  const TermBounds* term_bounds() const { return term_bounds_.get(); }

 private:
  ServedGeneration() = default;

  v1::CollectionInfo collection_;
  std::vector<ShardId> shards_;
  std::vector<std::unique_ptr<const ShardFile>> files_;  // by shard number; null: not served here
  std::unique_ptr<const TermBounds> term_bounds_;
};

}  // namespace canopy
