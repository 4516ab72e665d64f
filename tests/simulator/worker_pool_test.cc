// The threads and the queue of a simulated leaf, step by step.
#include "simulator/worker_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace canopy {
namespace {

class WorkerPoolTest : public ::testing::Test {
 protected:
  struct End {
    Nanos at = 0;
    WorkerPool::JobTimes times;
  };

  WorkerPool MakePool(WorkerPool::Options options) {
    return {events_, options, [this](WorkerPool::JobId job, const WorkerPool::JobTimes& times) {
              ends_[job] = {events_.now(), times};
            }};
  }
  void RunAll() {
    while (events_.RunOne()) {
    }
  }

  EventQueue events_;
  std::map<WorkerPool::JobId, End> ends_;
};

TEST_F(WorkerPoolTest, AJobEndsWithItsLastTask) {
  WorkerPool pool = MakePool({.threads = 2});
  EXPECT_TRUE(pool.Admit({.id = 1, .tasks = {10, 30}}));
  RunAll();
  EXPECT_EQ(ends_[1].at, 30);
  EXPECT_EQ(ends_[1].times.busy, 40);
  EXPECT_EQ(ends_[1].times.service, 30);
  EXPECT_EQ(pool.busy(), 40);
  EXPECT_EQ(pool.jobs(), 0u);
}

TEST_F(WorkerPoolTest, JobsWaitForAThreadInTheOrderOfTheirArrival) {
  WorkerPool pool = MakePool({.threads = 1});
  for (WorkerPool::JobId id : {1, 2, 3}) EXPECT_TRUE(pool.Admit({.id = id, .tasks = {10}}));
  RunAll();
  EXPECT_EQ(ends_[3].at, 30);
  EXPECT_EQ(ends_[3].times.queue_wait, 20);
  EXPECT_EQ(ends_[3].times.service, 10);
}

TEST_F(WorkerPoolTest, HedgesWaitForAllOthers) {
  WorkerPool pool = MakePool({.threads = 1});
  EXPECT_TRUE(pool.Admit({.id = 1, .tasks = {10}}));
  EXPECT_TRUE(pool.Admit({.id = 2, .low_priority = true, .tasks = {10}}));
  EXPECT_TRUE(pool.Admit({.id = 3, .tasks = {10}}));
  RunAll();
  EXPECT_EQ(ends_[3].at, 20);
  EXPECT_EQ(ends_[2].at, 30);
}

TEST_F(WorkerPoolTest, WithoutAThreadLimitNothingWaits) {
  WorkerPool pool = MakePool({.threads = 0, .max_queue = 0});
  for (WorkerPool::JobId id : {1, 2, 3}) EXPECT_TRUE(pool.Admit({.id = id, .tasks = {10, 10}}));
  RunAll();
  EXPECT_EQ(ends_[3].at, 10);
}

TEST_F(WorkerPoolTest, AJobThatDoesNotFitIsRefusedWhole) {
  WorkerPool pool = MakePool({.threads = 1, .max_queue = 2});
  EXPECT_TRUE(pool.Admit({.id = 1, .tasks = {10, 10}}));
  EXPECT_FALSE(pool.Admit({.id = 2, .tasks = {10, 10}}));
  EXPECT_TRUE(pool.Admit({.id = 3, .tasks = {10}}));
  RunAll();
  EXPECT_EQ(ends_.count(2), 0u);
  EXPECT_EQ(ends_[3].at, 30);
}

TEST_F(WorkerPoolTest, ACancelledJobStopsAndFreesItsThread) {
  WorkerPool pool = MakePool({.threads = 1});
  EXPECT_TRUE(pool.Admit({.id = 1, .cost = 5, .tasks = {100, 100}}));
  EXPECT_TRUE(pool.Admit({.id = 2, .cost = 7, .tasks = {10}}));
  EXPECT_EQ(pool.in_flight_cost(), 12u);
  events_.At(30, [&] { EXPECT_EQ(pool.Cancel(1)->busy, 30); });
  RunAll();
  EXPECT_EQ(ends_.count(1), 0u);
  EXPECT_EQ(ends_[2].at, 40);
  EXPECT_EQ(pool.busy(), 40);
  EXPECT_EQ(pool.in_flight_cost(), 0u);
  EXPECT_FALSE(pool.Cancel(1).has_value());
}

TEST_F(WorkerPoolTest, APauseAndASlowStretchMakeWorkLonger) {
  WorkerPool pool = MakePool({.threads = 1});
  EXPECT_TRUE(pool.Admit({.id = 1, .tasks = {100}}));
  events_.At(20, [&] { pool.SetRate(0); });    // 80 left
  events_.At(50, [&] { pool.SetRate(0.5); });  // 30 of them in the next 60
  events_.At(110, [&] { pool.SetRate(1); });
  RunAll();
  EXPECT_EQ(ends_[1].at, 160);
  EXPECT_EQ(ends_[1].times.busy, 130);  // it did nothing while it was paused
}

TEST_F(WorkerPoolTest, NothingStartsWhileItIsPaused) {
  WorkerPool pool = MakePool({.threads = 1});
  pool.SetRate(0);
  EXPECT_TRUE(pool.Admit({.id = 1, .tasks = {10}}));
  events_.At(70, [&] { pool.SetRate(1); });
  RunAll();
  EXPECT_EQ(ends_[1].at, 80);
  EXPECT_EQ(ends_[1].times.queue_wait, 70);
}

TEST_F(WorkerPoolTest, AfterACrashNothingIsLeft) {
  WorkerPool pool = MakePool({.threads = 1});
  EXPECT_TRUE(pool.Admit({.id = 1, .tasks = {10}}));
  EXPECT_TRUE(pool.Admit({.id = 2, .tasks = {10}}));
  EXPECT_EQ(pool.Clear().size(), 2u);
  RunAll();
  EXPECT_TRUE(ends_.empty());
  EXPECT_EQ(pool.jobs(), 0u);
}

}  // namespace
}  // namespace canopy
