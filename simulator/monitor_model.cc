#include "simulator/monitor_model.h"

#include <utility>

#include "base/checksum.h"
#include "base/strings.h"

namespace canopy {

MonitorModel::MonitorModel(EventQueue& events, const SimulationOptions& options,
                           v1::CollectionInfo collection, Probe probe)
    : events_(events),
      options_(options),
      collection_(std::move(collection)),
      probe_(std::move(probe)),
      leaves_(options.cluster.leaves * options.cluster.replicas) {
  for (size_t i = 0; i < leaves_.size(); ++i) {
    LeafObservation& leaf = leaves_[i].observation;
    leaf.address = Concat("r", i / options.cluster.leaves, "-l", i % options.cluster.leaves, ":1");
    leaf.error = absl::OkStatus();
    leaf.status.mutable_collection()->set_generation(collection_.generation());
    leaf.status.set_ready(true);
  }
  Publish();
}

void MonitorModel::Watch(LeafIndex leaf) {
  // Probes of different leaves do not come at the same time.
  Random phase(options_.seed, {leaf, static_cast<uint64_t>(events_.now())});
  ProbeAfter(static_cast<Nanos>(phase.Below(options_.probe_interval)), leaf);
}

void MonitorModel::ProbeAfter(Nanos delay, LeafIndex leaf) {
  events_.After(delay, [this, leaf, turn = ++leaves_[leaf].turn] {
    if (leaves_[leaf].turn == turn) StartProbe(leaf);
  });
}

void MonitorModel::StartProbe(LeafIndex leaf) {
  const absl::Status result = probe_(leaf);
  if (!absl::IsDeadlineExceeded(result)) return EndProbe(leaf, result);
  events_.After(options_.probe_timeout, [this, leaf, turn = ++leaves_[leaf].turn] {
    if (leaves_[leaf].turn == turn) EndProbe(leaf, probe_(leaf));
  });
}

void MonitorModel::EndProbe(LeafIndex leaf, const absl::Status& result) {
  LeafObservation& observation = leaves_[leaf].observation;
  const ReplicaHealth before = HealthOf(observation).health;
  observation.error = result;
  observation.suspicion = absl::OkStatus();
  observation.slow_probes = absl::IsDeadlineExceeded(result) ? observation.slow_probes + 1 : 0;
  const ReplicaHealth after = HealthOf(observation).health;
  if (after == ReplicaHealth::kReady && before != after) {
    leaves_[leaf].ready_since = ToTime(events_.now());
  }
  if (after != before) Publish();
  // Probes of a leaf that is well would change nothing.
  if (!result.ok()) ProbeAfter(options_.probe_interval, leaf);
}

void MonitorModel::OnCallFailed(LeafIndex leaf, const absl::Status& error) {
  LeafObservation& observation = leaves_[leaf].observation;
  if (!absl::IsUnavailable(error) || HealthOf(observation).health == ReplicaHealth::kDown) return;
  if (observation.suspicion.ok()) {
    observation.suspicion = error;
    Publish();
  }
  StartProbe(leaf);
}

void MonitorModel::Publish() {
  const ClusterShape& shape = options_.cluster;
  auto view = std::make_shared<ClusterView>();
  view->collection = collection_;
  for (const Leaf& leaf : leaves_) {
    const std::string& address = leaf.observation.address;
    view->leaves.push_back({.address = address,
                            .hash = Checksum(address),
                            .slot = static_cast<LeafSlot>(view->leaves.size()),
                            .ready_since = leaf.ready_since});
  }
  view->shards.resize(shape.shards);
  for (ShardId shard = 0; shard < shape.shards; ++shard) {
    for (uint32_t replica = 0; replica < shape.replicas; ++replica) {
      const LeafIndex leaf = replica * shape.leaves + shard % shape.leaves;
      LeafHealth health = HealthOf(leaves_[leaf].observation);
      view->shards[shard].push_back({.leaf = leaf,
                                     .replica = replica,
                                     .health = health.health,
                                     .reason = std::move(health.reason)});
    }
  }
  view_ = std::move(view);
}

}  // namespace canopy
