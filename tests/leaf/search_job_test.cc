// How the parts of one search make one reply, and on which thread.
#include "leaf/search_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "leaf/search_queue.h"
#include "tests/leaf/leaf_index.h"
#include "tests/rpc/function_backend.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

constexpr uint32_t kShards = 3;
constexpr size_t kDocs = 100;

// Stops the one other thread that comes by, until it is opened.
class Gate final {
 public:
  void Pass() {
    if (std::this_thread::get_id() == owner_) return;
    if (!std::exchange(reached_, true)) arrived_.Notify();
    open_.WaitForNotification();
  }
  void WaitUntilReached() { arrived_.WaitForNotification(); }
  void Open() { open_.Notify(); }

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
  bool reached_ = false;  // of the other thread
  absl::Notification arrived_, open_;
};

// Does something whenever it is asked.
class FunctionClock final : public Clock {
 public:
  explicit FunctionClock(std::function<absl::Time()> now) : now_(std::move(now)) {}
  absl::Time Now() const override { return now_(); }

 private:
  const std::function<absl::Time()> now_;
};

class SearchJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string index = directory_.File("index");
    PublishIndex(index, docs_, kShards);
    Open(/*with_term_bounds=*/true);
  }
  void Open(bool with_term_bounds) {
    const std::string index = directory_.File("index");
    const Cancellation never(SteadyClock(), absl::InfiniteFuture());
    auto info = ReadCurrentGeneration(LocalFileSystem(), index);
    ASSERT_TRUE(info.ok()) << info.status();
    if (!with_term_bounds) info->term_bounds.reset();
    auto opened = ServedGeneration::Open(LocalFileSystem(), *info, {.index = index}, never);
    ASSERT_TRUE(opened.ok()) << opened.status();
    generation_ = *std::move(opened);
  }
  std::unique_ptr<SearchJob> MakeJob(std::shared_ptr<v1::SearchRequest> request) {
    return MakeJob(std::move(request), outcome_.done(), clock_);
  }
  std::unique_ptr<SearchJob> MakeJob(std::shared_ptr<v1::SearchRequest> request,
                                     SearchBackend::Done<v1::SearchResponse> done,
                                     const Clock& clock) {
    return std::make_unique<SearchJob>(SearchJob::Call{request, context_, std::move(done)},
                                       generation_, ReadSearchOptions(*request).value(), counters_,
                                       clock);
  }

  // As a search thread does it.
  void Run(SearchJob& job, size_t task) {
    if (job.RunTask(task)) job.Finish();
  }

  const TempDir directory_;
  const std::vector<Document> docs_ = MakeDocs(1, kDocs);
  ManualClock clock_;
  std::shared_ptr<const ServedGeneration> generation_;
  std::shared_ptr<Cancellation> context_ =
      std::make_shared<Cancellation>(clock_, clock_.Now() + absl::Seconds(1));
  LeafCounters counters_;
  Outcome<v1::SearchResponse> outcome_;
};

TEST_F(SearchJobTest, TheReplyComesWithTheLastTask) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0, 1, 2}));
  ASSERT_EQ(job->tasks(), 3u);
  Run(*job, 2);
  Run(*job, 0);
  EXPECT_FALSE(outcome_.arrived());
  Run(*job, 1);
  ASSERT_TRUE(outcome_.arrived());
  EXPECT_EQ(outcome_.Wait()->shard_answers(0).shard(), 0u);
}

TEST_F(SearchJobTest, AShortSearchRunsAsAWholeOnOneThread) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0, 1, 2}));
  ASSERT_TRUE(job->RunNow(absl::Seconds(1)));
  EXPECT_TRUE(job->work().complete);
  job->Finish();
  ASSERT_TRUE(outcome_.Wait().ok());
  EXPECT_EQ(outcome_.Wait()->shard_answers_size(), 3);
}

TEST_F(SearchJobTest, OneThatIsNotShortStartsAgainAsUsual) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0, 1}));
  ASSERT_FALSE(job->RunNow(absl::ZeroDuration()));
  EXPECT_FALSE(outcome_.arrived());
  Run(*job, 0);
  Run(*job, 1);
  ASSERT_TRUE(outcome_.Wait().ok());
  EXPECT_EQ(outcome_.Wait()->shard_answers(1).state(), v1::SHARD_STATE_COMPLETE);
  EXPECT_EQ(counters_.searches_cancelled, 0u);
}

// Its reply may only be looked at on the thread that asked.
TEST_F(SearchJobTest, AnIdleQueueRunsAShortSearchBeforeSubmitReturns) {
  SearchQueue queue(clock_, counters_, {.threads = 1});
  queue.Submit({.tasks = 2}, std::shared_ptr<SearchJob>(MakeJob(AnyOfWords({"w1"}, {0, 1}))),
               /*may_run_now=*/true);
  ASSERT_TRUE(outcome_.arrived());
  EXPECT_TRUE(outcome_.Wait().ok());
  EXPECT_EQ(counters_.searches, 1u);
  EXPECT_EQ(counters_.tasks_in_flight, 0u);
  EXPECT_EQ(counters_.in_flight_cost, 0u);
}

TEST_F(SearchJobTest, WhileAnotherRunsAQueueRunsNothingBeforeSubmitReturns) {
  Gate gate;
  const FunctionClock clock([&] {
    gate.Pass();
    return clock_.Now();
  });
  SearchQueue queue(clock_, counters_, {.threads = 1});
  Outcome<v1::SearchResponse> first;
  queue.Submit({},
               std::shared_ptr<SearchJob>(MakeJob(AnyOfWords({"w1"}, {0}), first.done(), clock)));
  gate.WaitUntilReached();
  queue.Submit({}, std::shared_ptr<SearchJob>(MakeJob(AnyOfWords({"w1"}, {0}))),
               /*may_run_now=*/true);
  EXPECT_FALSE(outcome_.arrived());
  gate.Open();
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(outcome_.Wait().ok());
}

TEST_F(SearchJobTest, WhileAnotherWaitsAQueueRunsNothingBeforeSubmitReturns) {
  Gate gate;
  SearchQueue queue(clock_, counters_, {.threads = 1});
  // It has ended for the queue when it is answered.
  queue.Submit({}, std::shared_ptr<SearchJob>(MakeJob(
                       AnyOfWords({"w1"}, {0}), [&](auto) { gate.Pass(); }, clock_)));
  gate.WaitUntilReached();
  Outcome<v1::SearchResponse> waiting;
  queue.Submit(
      {}, std::shared_ptr<SearchJob>(MakeJob(AnyOfWords({"w1"}, {0}), waiting.done(), clock_)));
  // Would go first.
  queue.Submit({.priority = 0}, std::shared_ptr<SearchJob>(MakeJob(AnyOfWords({"w1"}, {0}))),
               /*may_run_now=*/true);
  EXPECT_FALSE(outcome_.arrived());
  gate.Open();
  EXPECT_TRUE(waiting.Wait().ok());
  EXPECT_TRUE(outcome_.Wait().ok());
}

TEST_F(SearchJobTest, WhatIsExpectedToTakeLongDoesNotRunBeforeSubmitReturns) {
  const FunctionClock slow([&] {
    clock_.Advance(2 * SearchQueue::kMaxRunNow);
    return clock_.Now();
  });
  Gate gate;
  SearchQueue queue(clock_, counters_, {.threads = 1});
  // The queue has learned from it when it is answered.
  queue.Submit({}, std::shared_ptr<SearchJob>(MakeJob(
                       AnyOfWords({"w1"}, {0}), [&](auto) { gate.Pass(); }, slow)));
  gate.WaitUntilReached();
  queue.Submit({}, std::shared_ptr<SearchJob>(MakeJob(AnyOfWords({"w1"}, {0}))),
               /*may_run_now=*/true);
  EXPECT_FALSE(outcome_.arrived());
  gate.Open();
  EXPECT_TRUE(outcome_.Wait().ok());
}

TEST_F(SearchJobTest, AShardThatWasTooLateIsMissingBesideCompleteOnes) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0, 1}));
  Run(*job, 0);
  clock_.Advance(absl::Seconds(2));
  Run(*job, 1);
  ASSERT_TRUE(outcome_.Wait().ok());
  EXPECT_EQ(outcome_.Wait()->shard_answers(0).state(), v1::SHARD_STATE_COMPLETE);
  EXPECT_EQ(outcome_.Wait()->shard_answers(1).state(), v1::SHARD_STATE_MISSING);
  EXPECT_EQ(outcome_.Wait()->shard_answers(1).reason(), "deadline exceeded by 1s");
  EXPECT_EQ(outcome_.Wait()->shard_answers(1).code(),
            static_cast<uint32_t>(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(outcome_.Wait()->shard_answers(1).docs_total(), DocsInShard(kDocs, 1, kShards));
  EXPECT_EQ(counters_.searches_cancelled, 1u);
}

TEST_F(SearchJobTest, WhenAllShardsAreTooLateTheReplyIsTheError) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0, 1}));
  clock_.Advance(absl::Seconds(2));
  Run(*job, 0);
  Run(*job, 1);
  EXPECT_EQ(outcome_.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SearchJobTest, WhatWaitedUntilItWasTooLateHasWaitedAndNotWorked) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0}));
  clock_.Advance(absl::Seconds(2));
  Run(*job, 0);
  EXPECT_FALSE(outcome_.Wait().ok());
  EXPECT_EQ(counters_.queue_wait_ns, 2'000'000'000u);
  EXPECT_EQ(counters_.service_ns, 0u);
}

TEST_F(SearchJobTest, ACancelledSearchIsCancelledAsAWhole) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0, 1}));
  Run(*job, 0);
  context_->Cancel();
  Run(*job, 1);
  EXPECT_EQ(outcome_.Wait().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(SearchJobTest, WaitingIsToldFromWorking) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0, 1}));
  clock_.Advance(absl::Milliseconds(30));
  Run(*job, 0);
  clock_.Advance(absl::Milliseconds(5));
  Run(*job, 1);
  ASSERT_TRUE(outcome_.Wait().ok());
  EXPECT_EQ(outcome_.Wait()->load().queue_wait_us(), 30'000u);
  EXPECT_EQ(outcome_.Wait()->load().service_us(), 5'000u);
}

TEST_F(SearchJobTest, TheReplySaysWhatNoShardOfTheCollectionScoresAbove) {
  Run(*MakeJob(AnyOfWords({"w1", "w2"}, {1})), 0);
  ASSERT_TRUE(outcome_.Wait().ok());
  const auto& bounds = outcome_.Wait()->score_bounds();
  ASSERT_EQ(bounds.size(), static_cast<int>(kShards));
  const OracleAnswer all = MakeOracle(docs_).Search(
      ShardQuery::AnyOf({ShardQuery::Term("w1"), ShardQuery::Term("w2")}), kDocs);
  ASSERT_FALSE(all.hits.empty());
  for (const OracleHit& hit : all.hits) {
    EXPECT_LE(ToDouble(hit.score), bounds[static_cast<int>(hit.doc % kShards)]);
  }
}

TEST_F(SearchJobTest, TheBoundIsMinusOneWhereNothingMatches) {
  auto request = AnyOfWords({}, {1});
  request->mutable_query()->mutable_match_none();
  Run(*MakeJob(request), 0);
  ASSERT_TRUE(outcome_.Wait().ok());
  EXPECT_THAT(outcome_.Wait()->score_bounds(), ::testing::ElementsAre(-1, -1, -1));
}

TEST_F(SearchJobTest, ACountHasNoBounds) {
  auto request = AnyOfWords({"w1"}, {1});
  request->set_count_only(true);
  Run(*MakeJob(request), 0);
  ASSERT_TRUE(outcome_.Wait().ok());
  EXPECT_TRUE(outcome_.Wait()->score_bounds().empty());
}

TEST_F(SearchJobTest, ARequestMayGoWithoutBounds) {
  auto request = AnyOfWords({"w1"}, {1});
  request->set_omit_score_bounds(true);
  Run(*MakeJob(request), 0);
  ASSERT_TRUE(outcome_.Wait().ok());
  EXPECT_FALSE(outcome_.Wait()->shard_answers(0).hits().empty());
  EXPECT_TRUE(outcome_.Wait()->score_bounds().empty());
}

TEST_F(SearchJobTest, AGenerationWithoutTermBoundsHasNoBounds) {
  Open(/*with_term_bounds=*/false);
  Run(*MakeJob(AnyOfWords({"w1"}, {1})), 0);
  ASSERT_TRUE(outcome_.Wait().ok());
  EXPECT_FALSE(outcome_.Wait()->shard_answers(0).hits().empty());
  EXPECT_TRUE(outcome_.Wait()->score_bounds().empty());
}

TEST_F(SearchJobTest, AnAnswerSaysWhatItCost) {
  const auto job = MakeJob(AnyOfWords({"w1", "w2"}, {0, 1}));
  EXPECT_FALSE(job->RunTask(0));
  ASSERT_TRUE(job->RunTask(1));
  const AdmissionQueue::Work work = job->work();
  job->Finish();
  ASSERT_TRUE(outcome_.Wait().ok());
  uint64_t sum = 0;
  for (const v1::ShardAnswer& answer : outcome_.Wait()->shard_answers()) {
    EXPECT_GE(answer.cost(), answer.total().value());  // a posting for each match at least
    sum += answer.cost();
  }
  EXPECT_TRUE(work.complete);
  EXPECT_EQ(work.cost, sum);
}

TEST_F(SearchJobTest, WordsThatNoDocumentHasCostSomething) {
  const auto job = MakeJob(AnyOfWords({"none"}, {0}));
  Run(*job, 0);
  ASSERT_TRUE(outcome_.Wait().ok());
  EXPECT_EQ(outcome_.Wait()->shard_answers(0).cost(), 1u);
}

TEST_F(SearchJobTest, WorkThatWasCutOffIsNotComplete) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0, 1}));
  Run(*job, 0);
  context_->Cancel();
  Run(*job, 1);
  EXPECT_FALSE(job->work().complete);
}

TEST_F(SearchJobTest, TheTimeFromCancelToStopIsCountedForWhatHadBegun) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0, 1}));
  Run(*job, 0);
  context_->Cancel();
  clock_.Advance(absl::Milliseconds(7));
  Run(*job, 1);
  EXPECT_EQ(counters_.cancelled_waiting, 0u);
  EXPECT_EQ(counters_.cancelled_running, 1u);
  EXPECT_EQ(counters_.stop_ns, 7'000'000u);
  EXPECT_EQ(counters_.stop_max_ns, 7'000'000u);
  EXPECT_EQ(counters_.stopped_late, 1u);
}

TEST_F(SearchJobTest, WhatWasCancelledBeforeItBeganIsCountedAsWaiting) {
  const auto job = MakeJob(AnyOfWords({"w1"}, {0}));
  context_->Cancel();
  clock_.Advance(absl::Milliseconds(7));
  Run(*job, 0);
  EXPECT_EQ(counters_.cancelled_waiting, 1u);
  EXPECT_EQ(counters_.cancelled_running, 0u);
  EXPECT_EQ(counters_.stopped_late, 0u);
}

TEST(ReadPriorityTest, UnspecifiedIsCriticalAndAHedgeIsOneLower) {
  v1::SearchRequest request;
  EXPECT_EQ(ReadPriority(request).value(), 1u);
  request.set_priority(v1::PRIORITY_CRITICAL_PLUS);
  EXPECT_EQ(ReadPriority(request).value(), 0u);
  request.set_attempt_kind(v1::ATTEMPT_KIND_HEDGE);
  EXPECT_EQ(ReadPriority(request).value(), 1u);
  request.set_priority(v1::PRIORITY_SHEDDABLE);
  EXPECT_EQ(ReadPriority(request).value(), 3u);  // the lowest there is
}

TEST(ReadPriorityTest, AnUnknownPriorityIsInvalid) {
  v1::SearchRequest request;
  request.set_priority(static_cast<v1::Priority>(5));
  EXPECT_EQ(ReadPriority(request).status().message(), "priority must be 0 to 4, got 5");
}

}  // namespace
}  // namespace canopy
