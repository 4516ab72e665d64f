#include "root/leaf_loads.h"

#include <algorithm>

namespace canopy {
namespace {

// A report that is older says nothing any more; probes come every second.
constexpr absl::Duration kReportAge = absl::Milliseconds(1500);
constexpr absl::Duration kSurveyInterval = absl::Milliseconds(5);
// A leaf that has not been called for so long does not count among all leaves.
constexpr absl::Duration kUnused = absl::Seconds(10);
constexpr double kMaxSlowness = 100;

}  // namespace

LeafLoads::Leaf& LeafLoads::At(LeafSlot leaf) {
  if (leaf >= leaves_.size()) leaves_.resize(leaf + 1);
  return leaves_[leaf];
}

const LeafLoads::Leaf* LeafLoads::Find(LeafSlot leaf) const {
  return leaf < leaves_.size() ? &leaves_[leaf] : nullptr;
}

void LeafLoads::OnSent(LeafSlot leaf, uint64_t cost, absl::Time now) {
  Leaf& state = At(leaf);
  state.own_in_flight += cost;
  state.sent_since_report += cost;
  state.last_used = now;
}

void LeafLoads::OnAnswered(LeafSlot leaf, Ended call, uint64_t in_flight_cost, absl::Time now) {
  Leaf& state = At(leaf);
  End(state, call);
  Report(state, in_flight_cost, now);
  state.failures = 0;
  state.ejections = 0;
  if (call.slowness > 0) AddSample(state, call.slowness, now);
}

void LeafLoads::OnFailed(LeafSlot leaf, Ended call, absl::Time now) {
  Leaf& state = At(leaf);
  End(state, call);
  if (call.slowness > 0) AddSample(state, call.slowness, now);
  if (++state.failures < kFailuresToEject || now < state.ejected_until) return;
  const absl::Duration pause = kFirstEjection * (int64_t{1} << std::min(state.ejections, 20u));
  state.ejected_until = now + std::min(pause, kMaxEjection);
  ++state.ejections;
}

void LeafLoads::OnRefused(LeafSlot leaf, Ended call, absl::Time now) {
  Leaf& state = At(leaf);
  End(state, call);
  state.refused_at = now;
}

// That it was cancelled early says nothing of the leaf.
void LeafLoads::OnCancelled(LeafSlot leaf, Ended call, absl::Time now) {
  Leaf& state = At(leaf);
  End(state, call);
  if (call.slowness > 1) AddSample(state, call.slowness, now);
}

void LeafLoads::OnProbed(LeafSlot leaf, uint64_t in_flight_cost, absl::Time now) {
  Report(At(leaf), in_flight_cost, now);
}

void LeafLoads::End(Leaf& leaf, const Ended& call) {
  leaf.own_in_flight -= std::min(leaf.own_in_flight, call.cost);
}

void LeafLoads::Report(Leaf& leaf, uint64_t in_flight_cost, absl::Time now) {
  leaf.reported = in_flight_cost;
  leaf.report_at = now;
  leaf.sent_since_report = 0;
}

void LeafLoads::AddSample(Leaf& leaf, double slowness, absl::Time now) {
  if (now - leaf.sampled_at > kSampleAge) leaf.num_samples = 0;
  leaf.sampled_at = now;
  leaf.samples[leaf.num_samples++ % kSamples] =
      static_cast<float>(std::min(slowness, kMaxSlowness));
  std::array<float, kSamples> sorted = leaf.samples;
  const auto end = sorted.begin() + std::min(leaf.num_samples, kSamples);
  const auto median = sorted.begin() + (end - sorted.begin()) / 2;
  std::nth_element(sorted.begin(), median, end);
  leaf.slowness = *median;
}

bool LeafLoads::IsEjected(LeafSlot leaf, absl::Time now) const {
  const Leaf* const state = Find(leaf);
  return state != nullptr && now < state->ejected_until;
}

bool LeafLoads::HasRefused(LeafSlot leaf, absl::Time now) const {
  const Leaf* const state = Find(leaf);
  return state != nullptr && now - state->refused_at < kRefusalPause;
}

uint64_t LeafLoads::InFlight(LeafSlot leaf, absl::Time now) const {
  const Leaf* const state = Find(leaf);
  if (state == nullptr) return 0;
  if (now - state->report_at > kReportAge) return state->own_in_flight;
  return std::max(state->own_in_flight, state->reported + state->sent_since_report);
}

std::optional<double> LeafLoads::Slowness(LeafSlot leaf, absl::Time now) const {
  const Leaf* const state = Find(leaf);
  if (state == nullptr || state->num_samples < kMinSamples) return std::nullopt;
  if (now - state->sampled_at > kSampleAge) return std::nullopt;
  return state->slowness;
}

const LeafLoads::Survey& LeafLoads::SurveyAt(absl::Time now) {
  if (now - survey_.at < kSurveyInterval) return survey_;
  survey_ = {.at = now};
  scratch_.clear();
  size_t sampled = 0, slow = 0;
  for (LeafSlot leaf = 0; leaf < leaves_.size(); ++leaf) {
    if (now - leaves_[leaf].last_used > kUnused) continue;
    scratch_.push_back(InFlight(leaf, now));
    const std::optional<double> slowness = Slowness(leaf, now);
    sampled += slowness.has_value();
    slow += slowness.value_or(0) >= kSlow;
  }
  if (sampled > 0) survey_.slow_share = static_cast<double>(slow) / static_cast<double>(sampled);
  if (scratch_.empty()) return survey_;
  const auto cold =
      scratch_.begin() +
      static_cast<ptrdiff_t>(kColdQuantile * static_cast<double>(scratch_.size() - 1));
  std::nth_element(scratch_.begin(), cold, scratch_.end());
  survey_.cold_up_to = *cold;
  return survey_;
}

bool LeafLoads::IsCold(LeafSlot leaf, absl::Time now) {
  return InFlight(leaf, now) <= SurveyAt(now).cold_up_to;
}

double LeafLoads::SlowShare(absl::Time now) { return SurveyAt(now).slow_share; }

}  // namespace canopy
