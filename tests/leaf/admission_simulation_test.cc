// A leaf under more load than it can serve, on a virtual clock: threads that serve, callers with
// deadlines, arrivals at random. What a leaf promises is that it does as much useful work as at its
// capacity, tells the others early, and is as before once the load is.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "leaf/admission_queue.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

constexpr uint64_t kSeed = 20260214;
constexpr absl::Duration kEarly = absl::Milliseconds(5);

struct Shape {
  size_t threads = 2;
  absl::Duration mean_service = absl::Milliseconds(1);
  double sigma = 0.8;  // of the lognormal cost
  absl::Duration timeout = absl::Milliseconds(500);
  bool mixed = false;  // priorities
  bool hints = true;   // the costs are known beforehand, but for a noise
};

struct Phase {
  double load = 1;  // offered / capacity of the shape
  absl::Duration length = {};
  double slowdown = 1;  // of every search
};

// What became of the requests that came in a phase.
struct Outcome {
  size_t offered = 0;
  size_t good = 0;                      // ended before the deadline
  size_t late = 0;                      // served, but ended after it
  std::vector<absl::Duration> refused;  // how long after they came
  std::vector<absl::Duration> latency;  // of the good
  std::array<size_t, kNumPriorities> good_by_priority = {};
};

absl::Duration Quantile(std::vector<absl::Duration> values, double q) {
  if (values.empty()) return absl::ZeroDuration();
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1))];
}

class Simulation final {
 public:
  Simulation(uint64_t seed, Shape shape)
      : random_(seed), shape_(shape), queue_({.threads = shape.threads}) {}

  // Runs the phases one after the other, then until nothing waits.
  std::vector<Outcome> Run(const std::vector<Phase>& phases) {
    outcomes_.resize(phases.size());
    for (phase_ = 0; phase_ < phases.size(); ++phase_) {
      slowdown_ = phases[phase_].slowdown;
      RunPhase(phases[phase_]);
    }
    while (!ends_.empty()) EndNext();
    EXPECT_TRUE(queue_.empty());
    EXPECT_EQ(queue_.in_flight_cost(), 0u);
    return outcomes_;
  }
  // Requests that can be served in `length`.
  double Capacity(absl::Duration length) const {
    return static_cast<double>(shape_.threads) * absl::FDivDuration(length, shape_.mean_service);
  }

 private:
  struct Request {
    size_t phase;
    size_t priority;
    absl::Time arrived;
    absl::Duration service;
    uint64_t cost;
  };

  void RunPhase(const Phase& phase) {
    const absl::Time end = now_ + phase.length;
    const double rate = phase.load * Capacity(absl::Seconds(1));
    std::exponential_distribution<double> gap(rate);
    absl::Time next = now_ + absl::Seconds(gap(random_));
    while (next < end) {
      while (!ends_.empty() && ends_.top().first <= next) EndNext();
      now_ = next;
      Arrive();
      next = now_ + absl::Seconds(gap(random_));
    }
    now_ = end;
  }

  void Arrive() {
    constexpr double kMeanCost = 10'000;
    std::lognormal_distribution<double> cost(-shape_.sigma * shape_.sigma / 2, shape_.sigma);
    std::lognormal_distribution<double> noise(-0.02, 0.2);
    const double relative = cost(random_);
    Request request{
        .phase = phase_,
        .priority = shape_.mixed ? random_() % kNumPriorities : 1,
        .arrived = now_,
        .service = shape_.mean_service * slowdown_ * (0.1 + 0.9 * relative) * noise(random_),
        .cost = static_cast<uint64_t>(1 + kMeanCost * relative)};
    ++outcomes_[phase_].offered;
    std::vector<Refusal> refused;
    const uint64_t id = queue_.Offer({.priority = request.priority,
                                      .cost_hint = shape_.hints ? request.cost : 0,
                                      .deadline = now_ + shape_.timeout},
                                     now_, refused);
    requests_[id] = request;
    Drop(refused);
    StartWhatFits();
  }

  void StartWhatFits() {
    while (ends_.size() < shape_.threads) {
      std::vector<Refusal> refused;
      const auto id = queue_.Take(now_, refused);
      Drop(refused);
      if (!id) return;
      ends_.emplace(now_ + requests_.at(*id).service, *id);
    }
  }

  void EndNext() {
    const auto [at, id] = ends_.top();
    ends_.pop();
    now_ = at;
    const Request request = requests_.extract(id).mapped();
    queue_.End(id, {.cost = request.cost, .took = request.service});
    Outcome& outcome = outcomes_[request.phase];
    const absl::Duration latency = now_ - request.arrived;
    if (latency <= shape_.timeout) {
      ++outcome.good;
      ++outcome.good_by_priority[request.priority];
      outcome.latency.push_back(latency);
    } else {
      ++outcome.late;
    }
    StartWhatFits();
  }

  void Drop(const std::vector<Refusal>& refused) {
    for (const Refusal& refusal : refused) {
      const Request request = requests_.extract(refusal.id).mapped();
      EXPECT_EQ(now_ - request.arrived, refusal.waited);
      outcomes_[request.phase].refused.push_back(refusal.waited);
    }
  }

  using Ending = std::pair<absl::Time, uint64_t>;

  std::mt19937_64 random_;
  const Shape shape_;
  AdmissionQueue queue_;
  absl::Time now_ = absl::UnixEpoch();
  size_t phase_ = 0;
  double slowdown_ = 1;
  std::map<uint64_t, Request> requests_;
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> ends_;
  std::vector<Outcome> outcomes_;
};

class AdmissionSimulation : public ::testing::TestWithParam<Shape> {};

void ExpectGoodputAndRecovery(const Shape& shape, double load) {
  constexpr absl::Duration kLength = absl::Seconds(10);
  constexpr absl::Duration kRecovery = absl::Seconds(5);
  Simulation simulation(TestSeed(kSeed), shape);
  const std::vector<Outcome> outcomes =
      simulation.Run({{0.5, kLength}, {load, kLength}, {0.5, kRecovery}, {0.5, kLength}});
  const Outcome& calm = outcomes[0];
  const Outcome& overload = outcomes[1];
  const Outcome& after = outcomes[3];
  EXPECT_GE(static_cast<double>(overload.good), 0.9 * simulation.Capacity(kLength));
  EXPECT_LT(Quantile(overload.refused, 0.98), kEarly);  // but for the burst before it is noticed
  EXPECT_LT(overload.late, overload.offered / 100);
  EXPECT_LT(calm.refused.size(), calm.offered / 100);
  EXPECT_LT(after.refused.size(), after.offered / 100);
  EXPECT_LT(Quantile(after.latency, 0.99), 1.3 * Quantile(calm.latency, 0.99));
}

TEST_P(AdmissionSimulation, AtTwiceTheCapacityGoodputStaysRefusalsAreEarlyAndItRecovers) {
  ExpectGoodputAndRecovery(GetParam(), 2);
}

TEST_P(AdmissionSimulation, AtTenTimesTheCapacityGoodputStaysRefusalsAreEarlyAndItRecovers) {
  ExpectGoodputAndRecovery(GetParam(), 10);
}

INSTANTIATE_TEST_SUITE_P(
    Leaves, AdmissionSimulation,
    ::testing::Values(Shape{.threads = 2, .mean_service = absl::Microseconds(300)},
                      Shape{.threads = 2, .mean_service = absl::Milliseconds(2)},
                      Shape{.threads = 2, .mean_service = absl::Milliseconds(2), .hints = false},
                      Shape{.threads = 8, .mean_service = absl::Milliseconds(2)},
                      Shape{.threads = 8, .mean_service = absl::Milliseconds(20)}),
    [](const auto& shape) { return "Shape" + std::to_string(shape.index); });

TEST(AdmissionSimulationTest, WhereSearchesTakeLongerThanTheTargetTheQueueStaysShortAndBusy) {
  const Shape shape = {.threads = 2, .mean_service = absl::Milliseconds(50)};
  constexpr absl::Duration kLength = absl::Seconds(60);
  Simulation simulation(TestSeed(kSeed), shape);
  const std::vector<Outcome> outcomes = simulation.Run({{0.5, kLength}, {2, kLength}});
  EXPECT_GE(static_cast<double>(outcomes[1].good), 0.9 * simulation.Capacity(kLength));
  EXPECT_LT(Quantile(outcomes[1].refused, 0.9), kEarly);
  EXPECT_LT(outcomes[0].refused.size(), outcomes[0].offered / 50);
}

TEST(AdmissionSimulationTest, UnderOverloadTheHigherClassesAreServed) {
  const Shape shape = {.mean_service = absl::Milliseconds(1), .mixed = true};
  constexpr absl::Duration kLength = absl::Seconds(20);
  Simulation simulation(TestSeed(kSeed), shape);
  const Outcome overload = simulation.Run({{2, kLength}})[0];  // the two highest take all there is
  const double of_each = simulation.Capacity(kLength) / 2;
  EXPECT_GT(static_cast<double>(overload.good_by_priority[0]), 0.95 * of_each);
  EXPECT_GT(static_cast<double>(overload.good_by_priority[1]), 0.8 * of_each);
  EXPECT_LT(static_cast<double>(overload.good_by_priority[2]), 0.2 * of_each);
  EXPECT_LT(static_cast<double>(overload.good_by_priority[3]), 0.02 * of_each);
}

TEST(AdmissionSimulationTest, AServiceThatBecomesSlowerIsServedAtItsNewCapacityAndRecovers) {
  constexpr absl::Duration kLength = absl::Seconds(20);
  constexpr double kSlowdown = 20;
  Simulation simulation(TestSeed(kSeed), {.mean_service = absl::Milliseconds(1)});
  const std::vector<Outcome> outcomes =
      simulation.Run({{0.5, kLength},
                      {2 / kSlowdown, kLength, kSlowdown},  // twice what can be served now
                      {0.5, absl::Seconds(5)},
                      {0.5, kLength}});
  EXPECT_GE(static_cast<double>(outcomes[1].good), 0.9 * simulation.Capacity(kLength) / kSlowdown);
  EXPECT_LT(outcomes[3].refused.size(), outcomes[3].offered / 100);
}

}  // namespace
}  // namespace canopy
