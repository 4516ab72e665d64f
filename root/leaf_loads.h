// What a root knows of the load of each leaf process, from its own calls and from what replies and
// probes carry: cost in flight, how slow it is beside what was expected, whether it fails. What the
// choice of replicas (replica_chooser.h) and hedging (hedger.h) go by. After Prequal (Wydrowski et
// al., NSDI 2024): requests in flight first, latency second.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"

namespace canopy {

// A leaf process over all topologies that a root has had: LeafView::slot.
using LeafSlot = uint32_t;

// Thread safety: one thread. `now` never goes back.
class LeafLoads final {
 public:
  // Failures in a row that take a leaf out; the first time for kFirstEjection, then for twice as
  // long each time, up to kMaxEjection, until an answer comes.
  static constexpr uint32_t kFailuresToEject = 5;
  static constexpr absl::Duration kFirstEjection = absl::Seconds(1);
  static constexpr absl::Duration kMaxEjection = absl::Minutes(1);
  // A leaf that said RESOURCE_EXHAUSTED is spared for so long where there is a choice.
  static constexpr absl::Duration kRefusalPause = absl::Seconds(1);
  // Samples of slowness that are looked at, and how old the newest may be. Older, and the leaf
  // counts as one of which nothing is known, so it is tried again.
  static constexpr size_t kSamples = 16;
  static constexpr size_t kMinSamples = 8;
  static constexpr absl::Duration kSampleAge = absl::Seconds(10);
  // From this slowness on a leaf is slow (SlowShare).
  static constexpr double kSlow = 2;
  // Leaves whose cost in flight is at or below this quantile of all are cold.
  static constexpr double kColdQuantile = 0.84;

  // How a call ended.
  struct Ended {
    uint64_t cost = 0;  // that OnSent was told
    // Its time / the median time of calls of its kind; of a failure the deadline counts as its
    // time, of a cancelled call the time so far. 0: not known.
    double slowness = 0;
  };

  void OnSent(LeafSlot leaf, uint64_t cost, absl::Time now);
  // `in_flight_cost`: what the leaf said of itself (LeafLoad).
  void OnAnswered(LeafSlot leaf, Ended call, uint64_t in_flight_cost, absl::Time now);
  void OnFailed(LeafSlot leaf, Ended call, absl::Time now);
  void OnRefused(LeafSlot leaf, Ended call, absl::Time now);  // RESOURCE_EXHAUSTED
  void OnCancelled(LeafSlot leaf, Ended call, absl::Time now);
  void OnProbed(LeafSlot leaf, uint64_t in_flight_cost, absl::Time now);

  bool IsEjected(LeafSlot leaf, absl::Time now) const;
  bool HasRefused(LeafSlot leaf, absl::Time now) const;
  // What the leaf said last, where that is fresh, and what was sent since; at least what this root
  // has there.
  uint64_t InFlight(LeafSlot leaf, absl::Time now) const;
  bool IsCold(LeafSlot leaf, absl::Time now);
  // Median of the last samples; 1: as expected. nullopt: too few.
  std::optional<double> Slowness(LeafSlot leaf, absl::Time now) const;
  // Of the leaves with enough samples, those that are slow; 0 to 1.
  double SlowShare(absl::Time now);

 private:
  struct Leaf {
    uint64_t own_in_flight = 0;
    uint64_t reported = 0;
    uint64_t sent_since_report = 0;
    absl::Time report_at = absl::InfinitePast();
    absl::Time last_used = absl::InfinitePast();
    absl::Time sampled_at = absl::InfinitePast();
    std::array<float, kSamples> samples{};
    size_t num_samples = 0;  // ever
    double slowness = 1;
    uint32_t failures = 0;  // in a row
    uint32_t ejections = 0;
    absl::Time ejected_until = absl::InfinitePast();
    absl::Time refused_at = absl::InfinitePast();
  };

  // Over all leaves; made anew every few milliseconds.
  struct Survey {
    absl::Time at = absl::InfinitePast();
    uint64_t cold_up_to = 0;
    double slow_share = 0;
  };

  Leaf& At(LeafSlot leaf);
  const Leaf* Find(LeafSlot leaf) const;
  void End(Leaf& leaf, const Ended& call);
  static void AddSample(Leaf& leaf, double slowness, absl::Time now);
  static void Report(Leaf& leaf, uint64_t in_flight_cost, absl::Time now);
  const Survey& SurveyAt(absl::Time now);

  std::vector<Leaf> leaves_;
  Survey survey_;
  std::vector<uint64_t> scratch_;
};

}  // namespace canopy
