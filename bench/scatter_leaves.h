// Leaf processes that answer without searching, for the benchmark of what lies between a root and
// its leaves: each a process of its own on loopback. A kind of its own answers on a bidirectional
// stream of SearchRequest and SearchResponse, which LeafService does not have.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "canopy/v1/search.pb.h"

namespace canopy {

inline constexpr uint64_t kScatterHits = 10;  // of each leaf, and of the whole answer

inline constexpr char kStreamMethod[] = "/CanopyBench/Stream";

enum class LeafKind { kCanopy, kStream };

// Starts the processes of clusters of 1, 4 and 16 leaves of each kind; they end with this process.
// REQUIRES: no other thread yet.
void StartScatterLeaves();
// Of the cluster of so many, by shard.
std::vector<std::string> ScatterAddresses(LeafKind kind, int leaves);

// What a root asks of the leaf of `shard` for "+griffith +observatory", ten hits.
std::shared_ptr<const v1::SearchRequest> ScatterRequest(int shard);

}  // namespace canopy
