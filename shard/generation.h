// Generations of an index on disk. An index directory holds
//
//   CURRENT                                   the name of the generation to serve, and a newline
//   gen-000001/manifest.json                  what it consists of; written last
//   gen-000001/shard-0000-of-0004.canopy      its shards
//   gen-000001/term-bounds.canopy             what a term can add to scores in each shard
//
// A generation never changes. This file has the names, the manifest, and how to come from a
// directory to open shards; that generations appear atomically is the work of indexer/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/types.h"
#include "shard/shard_file.h"
#include "shard/term_bounds.h"

namespace canopy {

inline constexpr std::string_view kCurrentName = "CURRENT";
inline constexpr std::string_view kManifestName = "manifest.json";
// History: 1 first version. 2 names the file of term bounds.
inline constexpr uint32_t kManifestVersion = 2;

// "gen-000001". Numbers of more than six digits make longer names.
std::string GenerationName(uint64_t number);
// The number in a name that GenerationName gives, else nothing. Such a name holds no '/'.
std::optional<uint64_t> ParseGenerationName(std::string_view name);
// "shard-0000-of-0004.canopy".
std::string ShardFileName(ShardId shard, uint32_t num_shards);

// A generation as its manifest describes it.
struct GenerationInfo {
  struct Shard {
    std::string file;  // in the directory
    uint64_t size_bytes = 0;
    uint64_t checksum = 0;  // ShardFile::checksum()
    uint64_t docs = 0;
    uint64_t terms = 0;
    uint64_t postings = 0;
  };
  struct TermBoundsFile {
    std::string file;
    uint64_t size_bytes = 0;
    uint64_t checksum = 0;  // TermBounds::checksum()
  };

  uint64_t number = 0;
  std::string directory;  // its path; not part of the manifest
  uint64_t docs = 0;      // of the collection
  uint64_t tokens = 0;
  std::string analyzer;
  uint32_t analyzer_version = 0;
  std::vector<std::string> fields;            // names, by field number
  std::vector<Shard> shards;                  // by shard number
  std::optional<TermBoundsFile> term_bounds;  // unset: of a manifest of version 1

  uint32_t num_shards() const { return static_cast<uint32_t>(shards.size()); }
  std::string PathOf(const Shard& shard) const { return directory + "/" + shard.file; }
  // Of shards and term bounds.
  uint64_t SizeBytes() const;
  // XXH3-64 over the shards' checksums (u64, little-endian, by shard number), then that of the term
  // bounds, if there are any: generations that agree on it hold the same bytes.
  uint64_t CollectionChecksum() const;
};

std::string EncodeManifest(const GenerationInfo& generation);
// `path` is for messages. DATA_LOSS: not a manifest, a value of the wrong type, a file name with
// '/' in it, no shards, numbers of documents that are not those of documents dealt out one by one.
// FAILED_PRECONDITION: a newer version.
absl::StatusOr<GenerationInfo> DecodeManifest(std::string_view json, const std::string& path);

// What CURRENT in `index` names. NOT_FOUND: there is no index. DATA_LOSS: CURRENT holds no
// generation's name.
absl::StatusOr<std::string> ReadCurrentName(FileSystem& files, const std::string& index);
// The generation called `name` in `index`. DATA_LOSS: it is not there or damaged.
// FAILED_PRECONDITION as for DecodeManifest.
absl::StatusOr<GenerationInfo> ReadGeneration(FileSystem& files, const std::string& index,
                                              const std::string& name);
// The one that CURRENT names. Errors of both.
absl::StatusOr<GenerationInfo> ReadCurrentGeneration(FileSystem& files, const std::string& index);

// Opens a shard and compares it with the manifest. DATA_LOSS: it is missing or another file than
// the manifest says; and the errors of ShardFile::Open. REQUIRES: shard < num_shards().
absl::StatusOr<std::unique_ptr<ShardFile>> OpenShard(FileSystem& files,
                                                     const GenerationInfo& generation,
                                                     ShardId shard);
// The same for the term bounds. Null when the generation has none.
absl::StatusOr<std::unique_ptr<TermBounds>> OpenTermBounds(FileSystem& files,
                                                           const GenerationInfo& generation);

}  // namespace canopy
