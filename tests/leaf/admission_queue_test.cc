// What a leaf's queue admits, serves and refuses, step by step on a virtual clock.
#include "leaf/admission_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kCriticalPlus = 0, kCritical = 1, kSheddable = 3;
constexpr absl::Duration kMs = absl::Milliseconds(1);

class AdmissionQueueTest : public ::testing::Test {
 protected:
  // A leaf of one thread that expects each search to take `service`.
  void Start(AdmissionOptions options = {}, absl::Duration service = absl::Milliseconds(1)) {
    queue_.emplace(options);
    Learn(service);
  }
  void Learn(absl::Duration service) {
    for (int i = 0; i < 20; ++i) {
      const uint64_t id = Offer();
      ASSERT_EQ(Take(), id);
      queue_->End(id, {.cost = 100, .took = service});
    }
  }

  uint64_t Offer(AdmissionRequest request = {}) { return queue_->Offer(request, now_, refused_); }
  uint64_t OfferAs(size_t priority) { return Offer({.priority = priority}); }
  std::optional<uint64_t> Take() { return queue_->Take(now_, refused_); }
  void Advance(absl::Duration step) { now_ += step; }
  // Takes one after each `step`, `times` times, while `arrivals` come before each.
  void Serve(int times, absl::Duration step, int arrivals) {
    for (int i = 0; i < times; ++i) {
      for (int j = 0; j < arrivals; ++j) Offer();
      Advance(step);
      if (const auto id = Take()) queue_->End(*id, {.cost = 100, .took = step});
    }
  }
  // A queue that has been too long for two intervals.
  void Overload() {
    Serve(250, kMs, 2);
    ASSERT_TRUE(queue_->overloaded(now_));
  }
  // Takes everything, without time passing.
  std::vector<uint64_t> TakeAll() {
    std::vector<uint64_t> taken;
    while (const auto id = Take()) {
      taken.push_back(*id);
      queue_->End(*id, {.cost = 100, .took = kMs});
    }
    return taken;
  }
  // The ids that were refused since the last call.
  std::vector<uint64_t> Refused() {
    std::vector<uint64_t> ids;
    for (const Refusal& refusal : refused_) ids.push_back(refusal.id);
    refused_.clear();
    return ids;
  }

  absl::Time now_ = absl::UnixEpoch();
  std::optional<AdmissionQueue> queue_;
  std::vector<Refusal> refused_;
};

TEST_F(AdmissionQueueTest, ABurstIsServedInTheOrderOfItsArrival) {
  Start();
  const uint64_t a = Offer(), b = Offer(), c = Offer();
  Advance(20 * kMs);
  EXPECT_THAT(TakeAll(), ElementsAre(a, b, c));
  EXPECT_THAT(Refused(), IsEmpty());
}

TEST_F(AdmissionQueueTest, HigherClassesAreServedFirst) {
  Start();
  const uint64_t low = OfferAs(kSheddable), middle = OfferAs(kCritical), high = OfferAs(0);
  EXPECT_THAT(TakeAll(), ElementsAre(high, middle, low));
}

TEST_F(AdmissionQueueTest, AFullQueueRefusesAWholeRequestAndSaysSo) {
  Start({.max_queue = 4});
  Offer({.tasks = 3});
  const uint64_t too_many = Offer({.tasks = 2});
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_EQ(refused_[0].id, too_many);
  EXPECT_EQ(refused_[0].reason, RefusalReason::kQueueFull);
  EXPECT_EQ(refused_[0].status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused_[0].status.message()),
              AllOf(HasSubstr("3 tasks wait"), HasSubstr("2 more"), HasSubstr("4 (max-queue)")));
  EXPECT_EQ(queue_->waiting_tasks(), 3u);
}

TEST_F(AdmissionQueueTest, AFullQueueGivesThePlacesOfALowerClassToAHigherOne) {
  Start({.max_queue = 4});
  const uint64_t lowest = OfferAs(kSheddable);
  const uint64_t low = Offer({.priority = 2, .tasks = 2});
  Offer({.priority = kCritical});
  Offer({.priority = kCritical, .tasks = 2});
  EXPECT_THAT(Refused(), ElementsAre(lowest, low));
  const uint64_t same = Offer({.priority = kCritical, .tasks = 2});
  EXPECT_THAT(Refused(), ElementsAre(same));
}

TEST_F(AdmissionQueueTest, TooManyTasksEvenWithoutTheLowerClassesDisplaceNobody) {
  Start({.max_queue = 4});
  OfferAs(kSheddable);
  const uint64_t large = Offer({.tasks = 5});
  EXPECT_THAT(Refused(), ElementsAre(large));
}

TEST_F(AdmissionQueueTest, ItIsOverloadedAfterAnIntervalInWhichTheEldestAlwaysWaitedTooLong) {
  Start();
  Serve(50, kMs, 2);  // a backlog of 50 ms grows
  EXPECT_FALSE(queue_->overloaded(now_));
  Serve(170, kMs, 1);  // and stays, also over the whole second interval
  EXPECT_TRUE(queue_->overloaded(now_));
}

TEST_F(AdmissionQueueTest, ABurstThatDrainsWithinTheIntervalIsNoOverload) {
  Start();
  for (int i = 0; i < 5; ++i) {
    Serve(20, kMs, 2);
    Serve(20, kMs, 0);
  }
  EXPECT_FALSE(queue_->overloaded(now_));
  EXPECT_THAT(Refused(), IsEmpty());
}

TEST_F(AdmissionQueueTest, MoreThanAnIntervalsWorkIsOverloadAtOnce) {
  Start();
  for (int i = 0; i < 101; ++i) Offer();
  EXPECT_THAT(Refused(), IsEmpty());
  Offer();
  EXPECT_TRUE(queue_->overloaded(now_));
  EXPECT_EQ(queue_->waiting_tasks(), 5u);  // the target's worth
  for (const Refusal& refusal : refused_) {
    EXPECT_EQ(refusal.reason, RefusalReason::kQueueWait);
    EXPECT_THAT(std::string(refusal.status.message()),
                AllOf(HasSubstr("overloaded"), HasSubstr("the limit is 5ms (queue-target 5ms)")));
  }
}

TEST_F(AdmissionQueueTest, WhileOverloadedTheNewestGoesFirst) {
  Start();
  Overload();
  TakeAll();
  const uint64_t a = Offer();
  Advance(kMs);
  const uint64_t b = Offer();
  Advance(kMs);
  const uint64_t c = Offer();
  EXPECT_THAT(TakeAll(), ElementsAre(c, b, a));
}

TEST_F(AdmissionQueueTest, WhileOverloadedWhatHasWaitedForHalfTheTargetGoesBeforeIt) {
  Start();
  Overload();
  TakeAll();
  const uint64_t a = Offer();
  Advance(2.5 * kMs);
  const uint64_t b = Offer();
  EXPECT_THAT(TakeAll(), ElementsAre(a, b));
}

TEST_F(AdmissionQueueTest, WhileOverloadedTheEldestMakesRoomForTheNewest) {
  Start();
  Overload();
  TakeAll();
  Refused();
  const uint64_t eldest = Offer();
  for (int i = 0; i < 4; ++i) Offer();
  EXPECT_THAT(Refused(), IsEmpty());
  Advance(kMs);
  Offer();
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_EQ(refused_[0].waited, kMs);
  EXPECT_THAT(Refused(), ElementsAre(eldest));
}

TEST_F(AdmissionQueueTest, WhileOverloadedTheNewestIsRefusedWhereTheEldestWouldHearOfItLate) {
  Start();
  Overload();
  TakeAll();
  Refused();
  for (int i = 0; i < 5; ++i) Offer();
  Advance(5 * kMs);
  const uint64_t newest = Offer();
  EXPECT_THAT(Refused(), ElementsAre(newest));
}

TEST_F(AdmissionQueueTest, WhileOverloadedLowerClassesAreRefusedFirst) {
  Start();
  Overload();
  TakeAll();
  Refused();
  for (int i = 0; i < 3; ++i) OfferAs(kCritical);
  const uint64_t low = OfferAs(kSheddable);
  OfferAs(kCritical);
  Advance(7 * kMs);  // even late
  OfferAs(kCriticalPlus);
  EXPECT_THAT(Refused(), ElementsAre(low));
  const uint64_t lower = OfferAs(kSheddable);
  EXPECT_THAT(Refused(), ElementsAre(lower));
}

TEST_F(AdmissionQueueTest, WhileOverloadedWhatHasWaitedForTwiceTheTargetIsRefused) {
  Start();
  Overload();
  TakeAll();
  Refused();
  const uint64_t stale = Offer();
  Advance(9 * kMs);
  const uint64_t newer = Offer();
  Advance(2 * kMs);
  EXPECT_THAT(TakeAll(), ElementsAre(newer));
  EXPECT_THAT(Refused(), ElementsAre(stale));
}

TEST_F(AdmissionQueueTest, TheLastOneIsServedHoweverLongItHasWaited) {
  Start();
  Overload();
  TakeAll();
  Refused();
  const uint64_t only = Offer();
  Advance(50 * kMs);
  EXPECT_THAT(TakeAll(), ElementsAre(only));
}

TEST_F(AdmissionQueueTest, OverloadEndsWithAnIntervalInWhichTheQueueWasShort) {
  Start();
  Overload();
  TakeAll();
  Serve(220, kMs, 1);
  EXPECT_FALSE(queue_->overloaded(now_));
}

TEST_F(AdmissionQueueTest, AnIdleQueueIsNotOverloadedForLong) {
  Start();
  Overload();
  Advance(absl::Seconds(1));
  EXPECT_FALSE(queue_->overloaded(now_));
}

TEST_F(AdmissionQueueTest, LongSearchesStretchTheTarget) {
  Start({}, 40 * kMs);
  Serve(100, 40 * kMs, 1);
  const auto running = Take();
  EXPECT_FALSE(queue_->overloaded(now_));
  for (int i = 0; i < 100; ++i) Offer();
  EXPECT_TRUE(queue_->overloaded(now_));
  EXPECT_EQ(queue_->waiting_tasks(), 2u);
  EXPECT_EQ(running, std::nullopt);
}

TEST_F(AdmissionQueueTest, WhatCannotEndBeforeItsDeadlineIsRefusedWhenItComes) {
  Start();
  for (int i = 0; i < 30; ++i) Offer();
  const uint64_t hurried = Offer({.deadline = now_ + 20 * kMs});
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_EQ(refused_[0].id, hurried);
  EXPECT_EQ(refused_[0].reason, RefusalReason::kDeadline);
  EXPECT_THAT(std::string(refused_[0].status.message()),
              AllOf(HasSubstr("30ms more until"), HasSubstr("1ms to search"), HasSubstr("20ms")));
  Refused();
  Offer({.deadline = now_ + 40 * kMs});
  Offer({.priority = kCriticalPlus, .deadline = now_ + 20 * kMs});  // nobody goes before it
  EXPECT_THAT(Refused(), IsEmpty());
}

TEST_F(AdmissionQueueTest, WhatRunsCountsAsWorkBefore) {
  Start({}, 10 * kMs);
  Offer();
  ASSERT_TRUE(Take().has_value());
  const uint64_t hurried = Offer({.deadline = now_ + 15 * kMs});
  EXPECT_THAT(Refused(), ElementsAre(hurried));
}

TEST_F(AdmissionQueueTest, WhatCanNoLongerEndBeforeItsDeadlineIsRefusedWhenItsTurnComes) {
  Start();
  const uint64_t hurried = Offer({.deadline = now_ + 10 * kMs});
  Advance(9.5 * kMs);
  EXPECT_EQ(Take(), std::nullopt);
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_EQ(refused_[0].reason, RefusalReason::kDeadline);
  EXPECT_EQ(refused_[0].waited, 9.5 * kMs);
  EXPECT_THAT(Refused(), ElementsAre(hurried));
}

TEST_F(AdmissionQueueTest, ADeadlineThatHasPassedIsLeftToTheSearch) {
  Start();
  const uint64_t late = Offer({.deadline = now_});
  Advance(kMs);
  EXPECT_EQ(Take(), late);
}

TEST_F(AdmissionQueueTest, CostsDecideWhatIsExpected) {
  queue_.emplace(AdmissionOptions());
  for (uint64_t cost = 100; cost <= 2000; cost += 100) {  // 10 us a unit
    const uint64_t id = Offer();
    ASSERT_EQ(Take(), id);
    queue_->End(id, {.cost = cost, .took = cost * absl::Microseconds(10)});
  }
  const absl::Time deadline = now_ + 20 * kMs;
  Offer({.cost_hint = 1500, .deadline = deadline});
  EXPECT_THAT(Refused(), IsEmpty());
  const uint64_t costly = Offer({.cost_hint = 1500, .deadline = deadline});
  EXPECT_THAT(Refused(), ElementsAre(costly));
}

TEST_F(AdmissionQueueTest, AnExpectationThatRefusesEverythingIsPutToTheTestOnceAnInterval) {
  Start({}, absl::Seconds(1));  // the first searches were slow
  const auto hurried = [&] { return Offer({.deadline = now_ + 100 * kMs}); };
  const uint64_t probe = hurried();
  const uint64_t refused = hurried();
  EXPECT_THAT(Refused(), ElementsAre(refused));
  ASSERT_EQ(Take(), probe);
  queue_->End(probe, {.cost = 100, .took = kMs});
  for (int i = 0; i < 500; ++i) {
    Advance(absl::Seconds(4));
    hurried();
    TakeAll();
  }
  Refused();
  hurried();
  hurried();
  EXPECT_THAT(Refused(), IsEmpty());
}

TEST_F(AdmissionQueueTest, ASearchThatWasCutOffTeachesOnlyThatItTakesLonger) {
  Start({}, 10 * kMs);
  const absl::Duration before = queue_->model().MeanTime();
  for (const absl::Duration took : {kMs, 100 * kMs}) {
    const uint64_t id = Offer();
    ASSERT_EQ(Take(), id);
    queue_->End(id, {.took = took, .complete = false});
    if (took == kMs) {
      EXPECT_EQ(queue_->model().MeanTime(), before);
    }
  }
  EXPECT_GT(queue_->model().MeanTime(), before);
}

TEST_F(AdmissionQueueTest, WhatIsRemovedIsNotServedAndCountsNoLonger) {
  Start();
  const uint64_t gone = Offer({.tasks = 2});
  const uint64_t stays = Offer();
  EXPECT_TRUE(queue_->Remove(gone));
  EXPECT_FALSE(queue_->Remove(gone));
  EXPECT_EQ(queue_->waiting_tasks(), 1u);
  EXPECT_THAT(TakeAll(), ElementsAre(stays));
}

TEST_F(AdmissionQueueTest, CostInFlightIsThatOfTheHintsOrTheMeanUntilTheEnd) {
  Start();
  ASSERT_EQ(queue_->in_flight_cost(), 0u);
  const uint64_t hinted = Offer({.cost_hint = 7000});
  Offer();  // the mean: 100
  EXPECT_EQ(queue_->in_flight_cost(), 7100u);
  ASSERT_EQ(Take(), hinted);
  EXPECT_EQ(queue_->in_flight_cost(), 7100u);
  queue_->End(hinted, {.cost = 3, .took = kMs});
  EXPECT_EQ(queue_->in_flight_cost(), 100u);
  const auto other = Take();
  queue_->End(*other, {.cost = 3, .took = kMs});
  EXPECT_EQ(queue_->in_flight_cost(), 0u);
}

}  // namespace
}  // namespace canopy
