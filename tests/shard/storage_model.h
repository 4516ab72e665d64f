// A shard's content as plain data, how to write it into a shard file, and how to compare a shard
// file with it: the oracle of the storage tests. Slow and obvious.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "shard/shard_file.h"
#include "shard/shard_writer.h"

namespace canopy {

struct ModelDoc {
  std::string id;  // empty: the number
  // (field number, tokens) in the document's order.
  std::vector<std::pair<uint32_t, std::vector<std::string>>> fields;
  std::vector<std::pair<uint32_t, std::string>> stored;

  uint32_t Length() const;
};

struct ModelPosting {
  LocalDoc doc = 0;
  std::vector<uint32_t> positions;
};

struct ShardModel {
  ShardId shard = 0;
  uint32_t num_shards = 1;
  std::vector<std::string> field_names = {"text"};
  std::vector<ModelDoc> docs;
  std::vector<LocalDoc> deleted;
  float k1 = 1.2f, b = 0.75f;
  // Documents of other shards, all empty: they only count.
  uint64_t other_docs = 0;

  // Terms of all documents with their postings.
  std::map<std::string, std::vector<ModelPosting>> Terms() const;
  // Documents of the shard that have the term in the field, by field; the global dfs, as other
  // shards are empty.
  std::map<std::string, std::map<uint32_t, uint64_t>> FieldDfs() const;
  CollectionStats Stats() const;
};

struct ModelWriteOptions {
  size_t docs_per_batch = 1000;
  size_t terms_per_batch = 1000;
};

// Writes `model` to directory/s.canopy.
absl::StatusOr<ShardSummary> WriteModel(FileSystem& files, const std::string& directory,
                                        const ShardModel& model,
                                        const ModelWriteOptions& options = {});
inline constexpr char kModelFile[] = "s.canopy";

// Reads everything of `shard` through its public interface, and says what differs first. An error
// of the shard is passed on; a difference is INTERNAL.
absl::Status CompareWithModel(const ShardFile& shard, const ShardModel& model);

}  // namespace canopy
