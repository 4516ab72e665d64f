// Which processes serve which shards, as the operator wrote it down: the root's --topology file,
// read at start and again on SIGHUP.
//
//   shards:
//     0: ["127.0.0.1:7001", "127.0.0.1:7002"]   # replica 0, replica 1
//     1: ["127.0.0.1:7001", "127.0.0.1:7003"]
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace canopy {

inline constexpr size_t kMaxTopologyShards = 100'000;

struct Topology {
  // By shard: the addresses of its replicas, HOST:PORT or unix:PATH. At least one shard, at least
  // one replica each.
  std::vector<std::vector<std::string>> shards;

  // Every address once, in the order of first appearance.
  std::vector<std::string> Addresses() const;
};

// INVALID_ARGUMENT with file and line: no YAML, an unknown key, a shard that is missing or stands
// twice, a shard without replicas, an address that is none or stands twice at one shard. Shards are
// numbered from 0 without gaps.
absl::StatusOr<Topology> ParseTopology(std::string_view text, const std::string& file);

// The same of a file; NOT_FOUND and others as FileSystem.
absl::StatusOr<Topology> ReadTopology(FileSystem& files, const std::string& path);

}  // namespace canopy
