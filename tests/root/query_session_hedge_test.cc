// Hedging and provably complete answers of QuerySession: when a late call is sent elsewhere too,
// what keeps it from that, and what becomes of both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "tests/root/session_driver.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kLeaves = 8;
constexpr uint64_t kHash = 42;

// Eight leaves with a shard each, and two replicas.
class Hedging : public SessionDriver {
 public:
  explicit Hedging(SteeringOptions options = {}, SessionQuery query = {.k = 5, .trace = true},
                   FakeClusterOptions cluster = {.leaves = kLeaves, .replicas = 2})
      : SessionDriver(query, {.docs = 200, .shards = kLeaves}, cluster, options) {}

  // All but the calls from `left` on are answered.
  void AnswerUpTo(CallId left, int milliseconds) {
    for (CallId call = 0; call < left; ++call) Reply(call, At(milliseconds));
  }
  v1::SearchResponse Reference() const { return collection().Reference(5); }
  const SessionCounters& counters() const { return steering.counters; }
};

// So many calls of the kind took so long.
void Teach(Steering& steering, CallKind kind, int calls, absl::Duration latency) {
  for (int i = 0; i < calls; ++i) steering.search_latency.Record(kind, latency, false, At(-1));
}
constexpr CallKind kAny = {};

TEST(QuerySessionHedging, ALateCallIsSentToTheOtherReplicaAfterTwiceTheMedianOfItsSiblings) {
  Hedging query;
  query.Start();
  query.AnswerUpTo(7, 3);
  EXPECT_EQ(query.actions.wake_at, At(6));
  query.Timer(At(5));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  query.Timer(At(6));
  ASSERT_THAT(query.actions.searches, SizeIs(1));
  const auto& hedge = query.actions.searches[0];
  EXPECT_EQ(hedge.kind, v1::ATTEMPT_KIND_HEDGE);
  EXPECT_EQ(hedge.shards, query.searches[7].shards);
  EXPECT_NE(hedge.leaf, query.searches[7].leaf);
  EXPECT_EQ(query.counters().hedge_calls, 1u);
  EXPECT_EQ(query.actions.wake_at, At(90));  // one hedge is all
}

TEST(QuerySessionHedging, TheFirstAnswerWinsTheOtherCallIsCancelledAndItsReplyDiscarded) {
  Hedging query;
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  query.Reply(8, At(8));
  EXPECT_THAT(query.actions.cancels, ElementsAre(7));
  query.ReplySearch(7, query.SearchReply(7), At(9));
  EXPECT_EQ(query.counters().late_replies, 1u);
  query.ReplyToAll(At(10));
  ExpectWhole(query, query.Reference());
  EXPECT_EQ(query.counters().hedges_won, 1u);
  EXPECT_EQ(query.counters().wasted_cancelled_us, 8000u);
}

TEST(QuerySessionHedging, AHedgeIsCancelledWhenTheFirstCallAnswersAfterAll) {
  Hedging query;
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  query.Reply(7, At(7));
  EXPECT_THAT(query.actions.cancels, ElementsAre(8));
  query.ReplyToAll(At(10));
  ExpectWhole(query, query.Reference());
  EXPECT_EQ(query.counters().hedges_cancelled, 1u);
  EXPECT_EQ(query.counters().hedges_won, 0u);
}

TEST(QuerySessionHedging, TheTraceShowsBothAttempts) {
  Hedging query;
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  query.ReplyToAll(At(8));
  const auto& attempts = (*query.result)->attempts();
  EXPECT_EQ(attempts[7].outcome(), v1::ATTEMPT_OUTCOME_WON);
  EXPECT_EQ(attempts[8].kind(), v1::ATTEMPT_KIND_HEDGE);
  EXPECT_EQ(attempts[8].outcome(), v1::ATTEMPT_OUTCOME_CANCELLED);
  EXPECT_EQ(attempts[8].sent_us(), 6000u);
}

TEST(QuerySessionHedging, NeverWithinAMillisecond) {
  Hedging query;
  query.Start();
  for (CallId call = 0; call < 7; ++call) query.Reply(call, At(0) + absl::Microseconds(100));
  EXPECT_EQ(query.actions.wake_at, At(1));
}

TEST(QuerySessionHedging, WhileFewSiblingsHaveAnsweredP95Decides) {
  Hedging query;
  Teach(query.steering, kAny, 94, absl::Milliseconds(1));
  Teach(query.steering, kAny, 6, absl::Milliseconds(20));
  query.Start();
  query.AnswerUpTo(3, 2);
  const int patience = 4;  // 1, and 3 of the 5 calls that are out
  EXPECT_GE(*query.actions.wake_at, At(20 * patience));
  EXPECT_LE(*query.actions.wake_at, At(22 * patience));
}

TEST(QuerySessionHedging, WithLessThanFourLeavesP95DecidesToo) {
  Hedging query({}, {.k = 5}, {.leaves = 3, .replicas = 2});
  Teach(query.steering, kAny, 100, absl::Milliseconds(30));
  query.Start();
  query.AnswerUpTo(2, 2);
  EXPECT_GE(*query.actions.wake_at, At(30));
}

TEST(QuerySessionHedging, AHeavyQueryThatIsSlowEverywhereIsNotHedgedBeforeP99) {
  Hedging query;
  query.Start();
  // Its cost class has a p99 of 5 ms; without that 2 x 4 ms would be the limit.
  const uint64_t cost = query.SearchReply(0).shard_answers(0).cost();
  Teach(query.steering, {.shard = 7, .cost = cost}, 100, absl::Milliseconds(5));
  query.AnswerUpTo(7, 4);
  EXPECT_GE(*query.actions.wake_at, At(5));
  EXPECT_LE(*query.actions.wake_at, At(6));
}

TEST(QuerySessionHedging, OffMeansNone) {
  Hedging query({.hedge = HedgeMode::kOff});
  query.Start();
  query.AnswerUpTo(7, 3);
  EXPECT_EQ(query.actions.wake_at, At(90));
  query.Timer(At(50));
  EXPECT_THAT(query.actions.searches, IsEmpty());
}

TEST(QuerySessionHedging, ShadowCountsAndSendsNothing) {
  Hedging query({.hedge = HedgeMode::kShadow});
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  query.Timer(At(50));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  EXPECT_EQ(query.counters().shadow_hedges, 1u);
  EXPECT_EQ(query.counters().hedge_calls, 0u);
}

TEST(QuerySessionHedging, WaitsForTheBudget) {
  Hedging query;
  while (query.steering.budget.TakeForHedge()) {
  }
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  query.Timer(*query.actions.wake_at);
  EXPECT_THAT(query.actions.searches, IsEmpty());
  EXPECT_EQ(query.counters().unhedged_budget, 1u);
  for (int i = 0; i < 100; ++i) query.steering.budget.OnPrimaryCall(At(7));
  query.Timer(*query.actions.wake_at);
  EXPECT_THAT(query.actions.searches, SizeIs(1));
}

TEST(QuerySessionHedging, TheFewerTokensAreLeftTheLaterACallHasToBe) {
  Hedging query;
  while (query.steering.budget.tokens() >= 2) query.steering.budget.TakeForHedge();
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  const absl::Time late = *query.actions.wake_at;
  EXPECT_NEAR(absl::ToDoubleMilliseconds(late - At(0)), 6 * query.steering.budget.Patience(), 0.01);
  query.Timer(late);
  EXPECT_THAT(query.actions.searches, SizeIs(1));
}

TEST(QuerySessionHedging, TheMoreCallsAreOutTheLaterTheyHaveToBe) {
  Hedging query;
  query.Start();
  query.AnswerUpTo(4, 3);
  EXPECT_EQ(query.actions.wake_at, At(18));  // 1, and 2 of the 4
  query.Timer(At(6));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  query.Reply(4, At(7));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  EXPECT_EQ(query.actions.wake_at, At(12));
}

TEST(QuerySessionHedging, TwoLateCallsAreHedgedTogether) {
  Hedging query;
  query.Start();
  query.AnswerUpTo(5, 3);
  query.Timer(At(6));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  query.Reply(5, At(7));
  EXPECT_THAT(query.actions.searches, SizeIs(2));
}

TEST(QuerySessionHedging, GeneralSlownessIsNotAStraggler) {
  Hedging query;
  for (LeafSlot leaf = 0; leaf < 2 * kLeaves; ++leaf) {
    for (int i = 0; i < 20 && leaf % 4 != 0; ++i) {
      query.steering.loads.OnSent(leaf, 1, At(-1));
      query.steering.loads.OnAnswered(leaf, {.cost = 1, .slowness = 4}, 0, At(-1));
    }
  }
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(10));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  EXPECT_EQ(query.counters().unhedged_slow_cluster, 1u);
}

TEST(QuerySessionHedging, AReplicaThatHasRefusedIsLeftInPeace) {
  Hedging query;
  query.Start();
  const LeafIndex other = (query.searches[7].leaf + kLeaves) % (2 * kLeaves);
  query.steering.loads.OnRefused(other, {}, At(1));
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  EXPECT_EQ(query.counters().unhedged_refused, 1u);
}

TEST(QuerySessionHedging, WithoutAnotherReadyReplicaThereIsNone) {
  Hedging query;
  for (auto& replicas : query.view().shards) replicas[1].health = ReplicaHealth::kStandby;
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  EXPECT_EQ(query.counters().unhedged_no_replica, 1u);
}

TEST(QuerySessionHedging, AHedgeThatFailsLeavesTheFirstCallAlone) {
  Hedging query;
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  query.ReplySearch(8, absl::UnavailableError("gone"), At(7));
  EXPECT_THAT(query.actions.searches, IsEmpty());
  EXPECT_EQ(query.counters().hedges_failed, 1u);
  query.ReplyToAll(At(10));
  ExpectWhole(query, query.Reference());
}

TEST(QuerySessionHedging, WhenBothFailAThirdReplicaIsAsked) {
  Hedging query({}, {.k = 5}, {.leaves = kLeaves, .replicas = 3});
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  query.ReplySearch(8, absl::UnavailableError("gone"), At(7));
  query.ReplySearch(7, absl::UnavailableError("gone"), At(8));
  ASSERT_THAT(query.actions.searches, SizeIs(1));
  EXPECT_EQ(query.actions.searches[0].kind, v1::ATTEMPT_KIND_RETRY);
  query.ReplyToAll(At(10));
  ExpectWhole(query, query.Reference());
}

TEST(QuerySessionHedging, LateCallsStartFromTheLastScoreSoFar) {
  Hedging query;
  query.Start();
  query.AnswerUpTo(7, 3);
  query.Timer(At(6));
  std::vector<bool> covered(kLeaves, false);
  for (CallId call = 0; call < 7; ++call) covered[query.searches[call].shards[0]] = true;
  const auto so_far = query.collection().Reference(5, 0, covered);
  EXPECT_EQ(query.actions.searches[0].score_threshold, so_far.hits(4).score());
  query.Reply(8, At(8));
  query.ReplyToAll(At(9));
  ExpectWhole(query, query.Reference());
}

TEST(QuerySessionHedging, AFetchThatIsLateIsHedgedToo) {
  Hedging query({}, {.k = 20, .trace = true});
  query.Start();
  query.AnswerUpTo(8, 3);
  std::vector<CallId> fetches;
  for (const auto& [call, fetch] : query.fetches) fetches.push_back(call);
  ASSERT_GE(fetches.size(), 4u);
  const CallId last = fetches.back();
  for (const CallId call : fetches) {
    if (call != last) query.Reply(call, At(5));
  }
  query.Timer(*query.actions.wake_at);
  ASSERT_THAT(query.actions.fetches, SizeIs(1));
  EXPECT_EQ(query.actions.fetches[0].docs, query.fetches[last].docs);
  query.Reply(query.actions.fetches[0].call, At(20));
  ExpectWhole(query, query.collection().Reference(20));
}

// A leaf's bounds are the best scores of each shard.
std::set<ShardId> ShardsBelow(const SessionDriver& query, double score) {
  std::set<ShardId> below;
  const auto bounds = query.SearchReply(0).score_bounds();
  for (ShardId shard = 0; shard < kLeaves; ++shard) {
    if (bounds[shard] < score) below.insert(shard);
  }
  return below;
}

// Of 16 documents, so that shards differ in their best score.
class Bounds : public SessionDriver {
 public:
  explicit Bounds(bool lower_bound)
      : SessionDriver({.k = 2,
                       .min_coverage = lower_bound ? 1.0 : 0.0,
                       .total_may_be_lower_bound = lower_bound},
                      {.docs = 16, .shards = kLeaves}, {.leaves = kLeaves, .replicas = 1}) {
    Start();
    const double last = collection().Reference(2).hits(1).score();
    below_ = ShardsBelow(*this, last);
    for (const auto& [call, search] : searches) {
      if (below_.count(search.shards[0]) == 0) needed_.push_back(call);
    }
  }

  std::set<ShardId> below_;  // shards that cannot be among the hits
  std::vector<CallId> needed_;
};

TEST(QuerySessionBounds, TwoOfTheFirstCallsBringThemAndLaterOnesWhileTheyAreNotKnown) {
  SessionDriver query({.k = 5}, {.docs = 200, .shards = kLeaves},
                      {.leaves = kLeaves, .replicas = 2});
  query.Start();
  std::vector<CallId> asked;
  for (const auto& [call, search] : query.searches) {
    if (!search.omit_score_bounds) asked.push_back(call);
  }
  ASSERT_THAT(asked, ElementsAre(0, 1));
  query.ReplySearch(0, absl::UnavailableError("gone"));
  ASSERT_THAT(query.actions.searches, SizeIs(1));
  EXPECT_FALSE(query.actions.searches[0].omit_score_bounds);
  query.Reply(1);
  query.ReplySearch(2, absl::UnavailableError("gone"));
  ASSERT_THAT(query.actions.searches, SizeIs(1));
  EXPECT_TRUE(query.actions.searches[0].omit_score_bounds);
}

TEST(QuerySessionBounds, ShardsBelowTheBestScoreThatMayHoldTheLastHitAreWaitedFor) {
  constexpr uint32_t kHits = 6;
  SessionDriver query({.k = kHits, .total_may_be_lower_bound = true},
                      {.docs = 16, .shards = kLeaves}, {.leaves = kLeaves, .replicas = 1});
  query.Start();
  const v1::SearchResponse best = query.collection().Reference(kHits);
  std::set<ShardId> between = ShardsBelow(query, best.hits(0).score());
  for (const ShardId shard : ShardsBelow(query, best.hits(kHits - 1).score())) between.erase(shard);
  ASSERT_FALSE(between.empty());
  std::set<ShardId> waited_for;
  const auto searches = query.searches;
  for (const auto& [call, search] : searches) {
    if (between.count(search.shards[0]) > 0) {
      waited_for.insert(call);
    } else if (query.open.count(call) > 0) {
      query.Reply(call, At(2));
    }
  }
  EXPECT_EQ(query.open, waited_for);
}

TEST(QuerySessionBounds, ShardsThatCannotBeAmongTheHitsAreNotWaitedFor) {
  Bounds query(/*lower_bound=*/true);
  ASSERT_FALSE(query.below_.empty());
  for (const CallId call : query.needed_) query.Reply(call, At(2));
  for (const CallId call : query.open) EXPECT_EQ(query.searches.count(call), 0u) << "not cancelled";
  query.ReplyToAll(At(3));
  ASSERT_TRUE(query.result.has_value());
  ASSERT_TRUE(query.result->ok()) << query.result->status();
  const v1::SearchResponse& response = **query.result;
  EXPECT_TRUE(response.top_k_exact());
  EXPECT_EQ(response.total().relation(), v1::Total::GTE);
  EXPECT_FALSE(response.coverage().complete());
  const auto whole = query.collection().Reference(2);
  ASSERT_EQ(response.hits_size(), 2);
  EXPECT_EQ(response.hits(1).SerializeAsString(), whole.hits(1).SerializeAsString());
  const ShardId skipped = *query.below_.begin();
  EXPECT_THAT(response.coverage().shards(skipped).reason(), testing::StartsWith("not_needed: "));
  EXPECT_EQ(query.steering.counters.shards_not_needed, query.below_.size());
}

TEST(QuerySessionBounds, AnExactTotalWaitsForThem) {
  Bounds query(/*lower_bound=*/false);
  for (const CallId call : query.needed_) query.Reply(call, At(2));
  EXPECT_FALSE(query.result.has_value());
  EXPECT_THAT(query.actions.cancels, IsEmpty());
}

TEST(QuerySessionBounds, AMissingShardThatCannotBeAmongTheHitsLeavesTheTopKExact) {
  Bounds query(/*lower_bound=*/false);
  for (const CallId call : query.needed_) query.Reply(call, At(2));
  query.Timer(At(90));
  query.ReplyToAll(At(91));
  ASSERT_TRUE(query.result->ok()) << query.result->status();
  EXPECT_TRUE((*query.result)->top_k_exact());
  EXPECT_EQ((*query.result)->total().relation(), v1::Total::GTE);
}

TEST(QuerySessionBounds, AMissingShardThatMayBeAmongTheHitsDoesNot) {
  Bounds query(/*lower_bound=*/false);
  for (size_t i = 1; i < query.needed_.size(); ++i) query.Reply(query.needed_[i], At(2));
  query.Timer(At(90));
  query.ReplyToAll(At(91));
  ASSERT_TRUE(query.result->ok()) << query.result->status();
  EXPECT_FALSE((*query.result)->top_k_exact());
}

}  // namespace
}  // namespace canopy
