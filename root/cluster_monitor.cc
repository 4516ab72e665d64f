#include "root/cluster_monitor.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "rpc/leaf_client.h"

namespace canopy {
namespace {

// Says what changed, once.
void LogHealth(const LeafObservation& leaf, ReplicaHealth before) {
  const LeafHealth now = HealthOf(leaf);
  if (now.health == before) return;
  if (now.health == ReplicaHealth::kReady) {
    LogInfo("leaf is ready",
            {{"address", leaf.address}, {"generation", leaf.status.collection().generation()}});
  } else {
    LogWarning("leaf is not ready", {{"address", leaf.address}, {"reason", now.reason}});
  }
}

// What queries see of a status: not its counters.
std::string WhatMatters(const v1::LeafStatus& status) {
  v1::LeafStatus kept;
  *kept.mutable_collection() = status.collection();
  *kept.mutable_previous() = status.previous();
  *kept.mutable_shards() = status.shards();
  kept.set_ready(status.ready());
  kept.set_draining(status.draining());
  return kept.SerializeAsString();
}

}  // namespace

LeafConnector RemoteLeafConnector(EventLoop& loop, ClientOptions options) {
  return [&loop, options](const std::string& address) {
    auto client = std::make_unique<LeafClient>(loop, address, options);
    auto connection = std::make_shared<LeafConnection>();
    connection->status = [client = client.get()](std::shared_ptr<Cancellation> context,
                                                 SearchBackend::Done<v1::LeafStatus> done) {
      client->Status(std::move(context), std::move(done));
    };
    connection->postings = [client = client.get()](
                               std::shared_ptr<const v1::PostingsRequest> request,
                               std::shared_ptr<Cancellation> context,
                               SearchBackend::Done<v1::PostingsResponse> done) {
      client->Postings(std::move(request), std::move(context), std::move(done));
    };
    connection->backend = std::move(client);
    return connection;
  };
}

std::shared_ptr<const ClusterView> ClusterSnapshot::Find(uint64_t generation) const {
  for (const auto& view : views) {
    if (generation == 0 || view->collection.generation() == generation) return view;
  }
  return nullptr;
}

ClusterMonitor::ClusterMonitor(EventLoop& loop, LeafConnector connector, MonitorOptions options,
                               LeafLoads& loads, std::function<void()> on_change)
    : loop_(loop),
      connector_(std::move(connector)),
      options_(options),
      loads_(loads),
      on_change_(std::move(on_change)) {}

void ClusterMonitor::SetTopology(const Topology& topology) {
  std::vector<std::shared_ptr<Leaf>> leaves;
  for (const std::string& address : topology.Addresses()) {
    const auto known = std::find_if(
        leaves_.begin(), leaves_.end(),
        [&](const std::shared_ptr<Leaf>& leaf) { return leaf->observation.address == address; });
    if (known != leaves_.end()) {
      leaves.push_back(*known);
      continue;
    }
    leaves.push_back(std::make_shared<Leaf>());
    leaves.back()->observation.address = address;
    leaves.back()->observation.slot = next_slot_++;
    leaves.back()->connection = connector_(address);
  }
  std::swap(leaves_, leaves);
  for (const std::shared_ptr<Leaf>& old : leaves) {
    if (!IsWatched(old)) Forget(*old);
  }
  topology_ = topology;
  Publish();
  for (const std::shared_ptr<Leaf>& leaf : leaves_) Probe(leaf);
}

void ClusterMonitor::Stop() {
  stopped_ = true;
  for (const std::shared_ptr<Leaf>& leaf : leaves_) Forget(*leaf);
}

bool ClusterMonitor::IsWatched(const std::shared_ptr<Leaf>& leaf) const {
  return std::find(leaves_.begin(), leaves_.end(), leaf) != leaves_.end();
}

void ClusterMonitor::Forget(Leaf& leaf) {
  loop_.CancelTimer(leaf.timer);
  EndWaiting(leaf.waiting);
  EndWaiting(leaf.waiting_next);
}

void ClusterMonitor::Refresh(std::function<void()> done) {
  const auto refreshing = std::make_shared<Refreshing>();
  refreshing->done = std::move(done);
  refreshing->left = 1;  // until all are asked
  std::vector<std::shared_ptr<Refreshing>> self = {refreshing};
  for (const std::shared_ptr<Leaf>& leaf : leaves_) {
    if (stopped_ || HealthOf(leaf->observation).health == ReplicaHealth::kDown) continue;
    ++refreshing->left;
    leaf->waiting_next.push_back(refreshing);
    Probe(leaf);
  }
  EndWaiting(self);
}

void ClusterMonitor::EndWaiting(std::vector<std::shared_ptr<Refreshing>>& waiting) {
  for (const auto& refreshing : std::exchange(waiting, {})) {
    if (--refreshing->left == 0) refreshing->done();
  }
}

void ClusterMonitor::Probe(const std::shared_ptr<Leaf>& leaf) {
  if (stopped_ || leaf->probing) return;
  leaf->probing = true;
  leaf->waiting = std::exchange(leaf->waiting_next, {});
  loop_.CancelTimer(leaf->timer);
  const Clock& clock = loop_.clock();
  leaf->connection->status(
      std::make_shared<Cancellation>(clock, clock.Now() + options_.probe_timeout),
      [weak = weak_from_this(), leaf, &loop = loop_](absl::StatusOr<v1::LeafStatus> status) {
        // Posted also on the loop's thread: a connection may answer from inside the call.
        loop.Post([weak, leaf, status = std::move(status)]() mutable {
          if (const auto self = weak.lock()) self->OnProbed(leaf, std::move(status));
        });
      });
}

void ClusterMonitor::OnProbed(const std::shared_ptr<Leaf>& leaf,
                              absl::StatusOr<v1::LeafStatus> status) {
  leaf->probing = false;
  if (stopped_ || !IsWatched(leaf)) return;
  leaf->timer = loop_.RunAfter(options_.probe_interval, [weak = weak_from_this(), leaf] {
    if (const auto self = weak.lock()) self->Probe(leaf);
  });
  if (Observe(leaf->observation, std::move(status))) Publish();
  EndWaiting(leaf->waiting);
  if (!leaf->waiting_next.empty()) Probe(leaf);
}

// A suspicion comes and goes without a line in the log: under load there would be many.
bool ClusterMonitor::Observe(LeafObservation& leaf, absl::StatusOr<v1::LeafStatus> status) {
  bool changed = !leaf.suspicion.ok();
  const bool was_not_ready = HealthOf(leaf).health != ReplicaHealth::kReady;
  leaf.suspicion = absl::OkStatus();
  const ReplicaHealth before = HealthOf(leaf).health;
  changed |= leaf.error != status.status();
  leaf.error = status.status();
  leaf.slow_probes = absl::IsDeadlineExceeded(leaf.error) ? leaf.slow_probes + 1 : 0;
  if (status.ok()) {
    changed |= WhatMatters(*status) != WhatMatters(leaf.status);
    leaf.status = *std::move(status);
    loads_.OnProbed(leaf.slot, leaf.status.load().in_flight_cost(), loop_.clock().Now());
  }
  const ReplicaHealth after = HealthOf(leaf).health;
  changed |= after != before;
  if (after == ReplicaHealth::kReady && was_not_ready) leaf.ready_since = loop_.clock().Now();
  LogHealth(leaf, before);
  return changed;
}

void ClusterMonitor::OnCallFailed(const LeafConnection* connection, const absl::Status& error) {
  if (!absl::IsUnavailable(error) && !absl::IsFailedPrecondition(error)) return;
  const auto leaf = std::find_if(
      leaves_.begin(), leaves_.end(),
      [&](const std::shared_ptr<Leaf>& each) { return each->connection.get() == connection; });
  if (leaf == leaves_.end()) return;
  LeafObservation& observation = (*leaf)->observation;
  if (absl::IsUnavailable(error) && observation.suspicion.ok()) {
    observation.suspicion = error;
    if (observation.error.ok()) Publish();
  }
  Probe(*leaf);
}

void ClusterMonitor::Publish() {
  std::vector<LeafObservation> observations;
  auto snapshot = std::make_shared<ClusterSnapshot>();
  for (const std::shared_ptr<Leaf>& leaf : leaves_) {
    observations.push_back(leaf->observation);
    snapshot->connections.push_back(leaf->connection);
  }
  const v1::CollectionInfo last_known =
      snapshot_ == nullptr ? v1::CollectionInfo() : snapshot_->best().collection;
  snapshot->views = MakeViews(topology_, observations, last_known);
  const v1::CollectionInfo& best = snapshot->best().collection;
  if (best.generation() != last_known.generation() || best.checksum() != last_known.checksum()) {
    LogInfo("queries go to a generation",
            {{"generation", best.generation()}, {"documents", best.docs_total()}});
  }
  snapshot_ = std::move(snapshot);
  on_change_();
}

std::vector<v1::ReplicaStatus> ClusterMonitor::Replicas() const {
  std::vector<v1::ReplicaStatus> replicas;
  for (const std::shared_ptr<Leaf>& leaf : leaves_) {
    v1::ReplicaStatus& status = replicas.emplace_back();
    const LeafHealth health = HealthOf(leaf->observation);
    status.set_address(leaf->observation.address);
    status.set_reachable(leaf->observation.error.ok());
    status.set_error(health.reason);
    *status.mutable_leaf() = leaf->observation.status;
    for (ShardId shard = 0; shard < topology_.shards.size(); ++shard) {
      const std::vector<std::string>& addresses = topology_.shards[shard];
      const auto place = std::find(addresses.begin(), addresses.end(), leaf->observation.address);
      if (place == addresses.end()) continue;
      if (status.shards().empty()) status.set_replica(place - addresses.begin());
      status.add_shards(shard);
    }
  }
  return replicas;
}

}  // namespace canopy
