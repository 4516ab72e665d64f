// From the traces of a running cluster to the work model of a simulated one: how long its leaves
// take for which queries, and what the network and the root add.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "canopy/v1/search.pb.h"
#include "simulator/options.h"

namespace canopy {

// One answer of the cluster, asked with `trace`, while nobody else asked anything.
struct TracedQuery {
  size_t query = 0;        // the same number: the same query again
  uint64_t client_us = 0;  // as the client saw it
  v1::SearchResponse response;
};

// The time of a search of one shard as a straight line over its postings.
struct CostFit {
  double fixed_ns = 0;
  double ns_per_posting = 0;
  double r_squared = 0;  // share of the variance that the line explains
  size_t points = 0;     // queries and leaves
};

struct Calibration {
  WorkModel work;
  CostFit fit;
  bool costs_known =
      false;  // leaves told postings; else fixed_ns is the least time seen, and costs are times
  uint32_t shards = 0;
  uint32_t leaves = 0;  // processes that one query asks
  size_t queries = 0;
  size_t calls = 0;
  size_t censored_calls = 0;  // cancelled or failed: how long they would have taken is not known
};

// A query's clean time on a leaf is the least of its repetitions. What a call took beyond that
// (wire, noise, stragglers, waiting) becomes the delay that hits every call of the model anew, as
// measured. Shards of one leaf count as equally heavy and as searched one after the other.
// INVALID_ARGUMENT: no trace has a whole answer.
absl::StatusOr<Calibration> Calibrate(const std::vector<TracedQuery>& traces);

}  // namespace canopy
