// What is simulated: a cluster, how long its work takes, the load, and what goes wrong. A run is a
// function of these values alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "root/cluster_view.h"
#include "root/steering.h"
#include "simulator/distribution.h"
#include "simulator/event_queue.h"

namespace canopy {

// How long things take, in nanoseconds. A search of one shard takes
//   (fixed + cost * ns_per_posting * shard_factor) * call_factor.
struct WorkModel {
  // Postings of a query in one shard. Shared by all shards of the query: a heavy query is heavy
  // everywhere.
  Distribution cost = Distribution::Lognormal(5e6, 0.8);
  double fixed = 0;
  double ns_per_posting = 1;
  Distribution shard_factor =
      Distribution::Fixed(1);  // of query and shard: the same on all replicas
  Distribution call_factor = Distribution::Fixed(1);  // of every call anew
  // What hits a share of the search calls and keeps no thread busy: before the leaf's queue.
  double straggler_share = 0;
  Distribution straggler_delay = Distribution::Fixed(0);
  Distribution wire = Distribution::Fixed(0);   // of a call there and back
  Distribution fetch = Distribution::Fixed(0);  // of stored fields, a call
  Distribution root = Distribution::Fixed(0);   // parsing, planning and merging, a query
};

struct ClusterShape {
  uint32_t shards = 1;
  uint32_t leaves = 1;  // processes of a replica; shard s is on leaf s % leaves
  uint32_t replicas = 2;
  // Of a leaf process. 0: as many as there is work, so that nothing waits.
  uint32_t search_threads = 1;
  uint32_t fetch_threads = 1;
  uint32_t max_queue = 1000;  // tasks (one a shard) that wait; a call that does not fit is refused
};

// From `from` on until `to`.
struct LeafFault {
  enum class Kind : uint8_t {
    kCrash,      // the process is gone: its work is lost, calls are refused at once
    kPartition,  // nothing comes through, in either direction
    kPause,      // it stands still, as after SIGSTOP
    kSlow,       // everything takes `factor` times as long
  };
  Kind kind = Kind::kCrash;
  LeafIndex leaf = 0;  // leaf l of replica r is r * leaves + l
  Nanos from = 0;
  Nanos to = 0;
  double factor = 1;
};

// `qps` queries a second from `at` on.
struct LoadStep {
  Nanos at = 0;
  double qps = 0;
};

struct QueryShape {
  uint32_t k = 10;  // 0: only the count is asked for, and nothing fetched
  double min_coverage = 1;
  Nanos timeout = kNanosPerSecond;
  // The share of queries whose client goes away, at a random time before the deadline.
  double cancelled_share = 0;
};

struct SimulationOptions {
  uint64_t seed = 1;
  ClusterShape cluster = {};
  WorkModel work = {};
  QueryShape query = {};
  SteeringOptions steering = {};
  uint64_t queries = 10'000;
  // Poisson arrivals, whether or not answers come. Not empty, by time, the first at 0.
  std::vector<LoadStep> load = {{.at = 0, .qps = 100}};
  std::vector<LeafFault> faults = {};
  // The root's probes, as canopy-root's flags.
  Nanos probe_interval = kNanosPerSecond;
  Nanos probe_timeout = kNanosPerSecond;
};

}  // namespace canopy
