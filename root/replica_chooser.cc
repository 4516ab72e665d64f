#include "root/replica_chooser.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "base/mix.h"

namespace canopy {
namespace {

constexpr size_t kUsualReplicas = 4;
// A leaf that has just become ready starts with this share of its queries.
constexpr double kFirstShare = 0.1;

struct Candidate {
  size_t place;
  const LeafView* leaf;
  int standing;  // lower is better
};
using Candidates = absl::InlinedVector<Candidate, kUsualReplicas>;

// Keeps those that `wanted` is true of, unless it is true of none.
template <typename Wanted>
void Prefer(Candidates& candidates, Wanted wanted) {
  const auto end = std::stable_partition(candidates.begin(), candidates.end(), wanted);
  if (end != candidates.begin()) candidates.erase(end, candidates.end());
}

Candidates UsableReplicas(const LeafLoads& loads, const ClusterView& view, ShardId shard,
                          absl::Span<const LeafIndex> tried, absl::Time now) {
  Candidates candidates;
  const std::vector<ReplicaView>& replicas = view.shards[shard];
  for (size_t place = 0; place < replicas.size(); ++place) {
    const ReplicaView& replica = replicas[place];
    if (replica.health == ReplicaHealth::kDown) continue;
    if (std::find(tried.begin(), tried.end(), replica.leaf) != tried.end()) continue;
    const LeafView& leaf = view.leaves[replica.leaf];
    const int standing = (replica.health == ReplicaHealth::kStandby ? 2 : 0) +
                         (loads.IsEjected(leaf.slot, now) ? 1 : 0);
    candidates.push_back({place, &leaf, standing});
  }
  return candidates;
}

}  // namespace

uint64_t ReplicaChooser::Rank(const LeafView& leaf) const {
  return MixBits(query_hash_ ^ leaf.hash);
}

bool ReplicaChooser::IsItsTurn(const LeafView& leaf, absl::Time now) const {
  const absl::Duration age = now - leaf.ready_since;
  if (age >= kSlowStart) return true;
  const double share = std::max(kFirstShare, absl::FDivDuration(age, kSlowStart));
  constexpr double kOne = 18446744073709551616.0;  // 2^64
  return static_cast<double>(MixBits(Rank(leaf))) < share * kOne;
}

std::optional<size_t> ReplicaChooser::Choose(const ClusterView& view, ShardId shard,
                                             absl::Span<const LeafIndex> tried,
                                             absl::Time now) const {
  Candidates candidates = UsableReplicas(loads_, view, shard, tried, now);
  if (candidates.empty()) return std::nullopt;
  if (candidates.size() == 1) return candidates[0].place;
  const auto least = [&candidates](auto value) {
    auto best = value(candidates[0]);
    for (const Candidate& each : candidates) best = std::min(best, value(each));
    return best;
  };

  const int standing = least([](const Candidate& each) { return each.standing; });
  Prefer(candidates, [&](const Candidate& each) { return each.standing == standing; });
  Prefer(candidates, [&](const Candidate& each) { return IsItsTurn(*each.leaf, now); });
  Prefer(candidates,
         [&](const Candidate& each) { return !loads_.HasRefused(each.leaf->slot, now); });
  Prefer(candidates, [&](const Candidate& each) { return loads_.IsCold(each.leaf->slot, now); });
  if (loads_.IsCold(candidates[0].leaf->slot, now)) {
    const auto slowness = [&](const Candidate& each) {
      return loads_.Slowness(each.leaf->slot, now).value_or(0);  // not known: as fast as the best
    };
    double fastest = 0;
    for (const Candidate& each : candidates) {
      const double known = slowness(each);
      if (known > 0 && (fastest == 0 || known < fastest)) fastest = known;
    }
    Prefer(candidates,
           [&](const Candidate& each) { return slowness(each) <= fastest * kAboutAsFast; });
  } else {
    const auto in_flight = [&](const Candidate& each) {
      return loads_.InFlight(each.leaf->slot, now);
    };
    const uint64_t fewest = least(in_flight);
    Prefer(candidates, [&](const Candidate& each) { return in_flight(each) == fewest; });
  }
  const uint64_t rank = least([&](const Candidate& each) { return Rank(*each.leaf); });
  Prefer(candidates, [&](const Candidate& each) { return Rank(*each.leaf) == rank; });
  return candidates[0].place;
}

}  // namespace canopy
