#include "root/query_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/root/session_driver.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(QuerySession, AsksEveryShardOfOneReplicaWithOneCallALeaf) {
  SessionDriver driver;
  driver.Start();
  ASSERT_THAT(driver.actions.searches, SizeIs(2));
  std::vector<ShardId> shards;
  for (const auto& call : driver.actions.searches) {
    EXPECT_EQ(call.kind, v1::ATTEMPT_KIND_PRIMARY);
    EXPECT_EQ(call.deadline, At(90));
    EXPECT_THAT(call.shards, SizeIs(2));
    EXPECT_EQ(call.shards[0] % 2, call.leaf % 2);
    shards.insert(shards.end(), call.shards.begin(), call.shards.end());
  }
  std::sort(shards.begin(), shards.end());
  EXPECT_THAT(shards, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(driver.actions.wake_at, At(90));
  EXPECT_EQ(driver.steering.counters.primary_calls, 2u);
}

TEST(QuerySession, SpreadsQueriesOverReplicasAndKeepsAQueryWhereItWas) {
  std::vector<int> calls(4);
  for (uint64_t hash = 0; hash < 200; ++hash) {
    std::vector<LeafIndex> leaves[2];
    for (auto& of_run : leaves) {
      SessionDriver driver;
      driver.Start(At(0), hash);
      for (const auto& call : driver.actions.searches) of_run.push_back(call.leaf);
    }
    EXPECT_EQ(leaves[0], leaves[1]);
    for (LeafIndex leaf : leaves[0]) ++calls[leaf];
  }
  for (int count : calls) EXPECT_GT(count, 60);
}

TEST(QuerySession, AnswersBeyondTheRootsMemoryAreRefusedAndNothingOfItStaysTaken) {
  SessionDriver driver({.k = 7});
  ASSERT_TRUE(driver.steering.result_bytes->Take(kDefaultResultBytes - 100).ok());
  driver.Start();
  driver.Reply(0);
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(MessageOf(driver),
              testing::HasSubstr("over the limit of 1073741824 (--result-memory)"));
  EXPECT_EQ(driver.steering.result_bytes->used(), kDefaultResultBytes - 100);
  EXPECT_EQ(driver.steering.loads.InFlight(driver.searches[0].leaf, At(1)), 0u);
}

// The leaf is not to blame: it is not tried elsewhere, and counts as cancelled.
TEST(QuerySession, AnAnswerWhosePartsAreBeyondTheRootsMemoryEndsTheQuery) {
  SessionDriver driver({.k = 7});
  driver.Start();
  ByteBudget full(0);
  driver.ReplySearch(0, full.Take(1));
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(driver.searches, SizeIs(2));
  const LeafIndex leaf = driver.searches[0].leaf;
  EXPECT_EQ(driver.steering.loads.InFlight(leaf, At(1)), 0u);
  EXPECT_FALSE(driver.steering.loads.HasRefused(driver.view().leaves[leaf].slot, At(1)));
}

TEST(QuerySession, ADoneQueryGivesItsMemoryBack) {
  SessionDriver driver({.k = 7});
  driver.Start();
  driver.Reply(0);
  EXPECT_GT(driver.steering.result_bytes->used(), 0u);
  driver.ReplyToAll();
  ASSERT_TRUE(driver.result->ok());
  EXPECT_EQ(driver.steering.result_bytes->used(), 0u);
}

TEST(QuerySession, MergesAnswersAndFetchesTheWinners) {
  SessionDriver driver({.k = 7});
  driver.Start();
  driver.Reply(0);
  EXPECT_FALSE(driver.result.has_value());
  driver.Reply(1);
  ASSERT_FALSE(driver.fetches.empty());
  EXPECT_EQ(driver.actions.wake_at, At(100));
  size_t docs = 0;
  for (const auto& [call, fetch] : driver.fetches) {
    docs += fetch.docs.size();
    EXPECT_EQ(fetch.deadline, At(100));
    const LeafIndex answered = driver.searches[fetch.docs[0] % 2].leaf;
    EXPECT_EQ(fetch.leaf % 2, answered % 2);
  }
  EXPECT_EQ(docs, 7u);
  driver.ReplyToAll();
  ExpectWhole(driver, driver.collection().Reference(7));
}

TEST(QuerySession, AnswersTheSameBytesInWhateverOrderLeavesReply) {
  const FakeCollectionOptions collection = {.seed = 3, .docs = 200, .shards = 5};
  std::string expected;
  std::vector<CallId> order = {0, 1, 2, 3, 4};
  do {
    SessionDriver driver({.k = 10, .offset = 3}, collection, {.leaves = 5, .replicas = 1});
    driver.Start();
    for (CallId call : order) driver.Reply(call);
    std::vector<CallId> fetches(driver.open.begin(), driver.open.end());
    if (order[0] % 2 == 1) std::reverse(fetches.begin(), fetches.end());
    for (CallId call : fetches) driver.Reply(call);
    ASSERT_TRUE(driver.result && driver.result->ok());
    const std::string bytes = (*driver.result)->SerializeAsString();
    if (expected.empty()) {
      expected = bytes;
      ExpectWhole(driver, driver.collection().Reference(10, 3));
    }
    ASSERT_EQ(bytes, expected);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(QuerySession, CountsWithoutFetching) {
  SessionDriver driver({.count_only = true});
  driver.Start();
  driver.Reply(0);
  driver.Reply(1);
  EXPECT_THAT(driver.fetches, IsEmpty());
  ExpectWhole(driver, driver.collection().Reference(0));
}

TEST(QuerySession, AnOffsetBehindTheLastHitIsAnEmptyPage) {
  SessionDriver driver({.k = 10, .offset = 5000});
  driver.Start();
  driver.ReplyToAll();
  EXPECT_THAT(driver.fetches, IsEmpty());
  ExpectWhole(driver, driver.collection().Reference(10, 5000));
  EXPECT_GT((*driver.result)->total().value(), 0u);
}

// Retries.

TEST(QuerySession, AsksTheOtherReplicaForWhatFailedAndNothingElse) {
  SessionDriver driver;
  driver.Start();
  driver.Reply(0);
  driver.ReplySearch(1, absl::UnavailableError("connection reset"));
  ASSERT_THAT(driver.actions.searches, SizeIs(1));
  const SessionActions::SearchCall retry = driver.actions.searches[0];
  EXPECT_EQ(retry.kind, v1::ATTEMPT_KIND_RETRY);
  EXPECT_EQ(retry.shards, driver.searches[1].shards);
  EXPECT_NE(retry.leaf, driver.searches[1].leaf);
  EXPECT_EQ(retry.leaf % 2, driver.searches[1].leaf % 2);
  driver.ReplyToAll();
  ExpectWhole(driver, driver.collection().Reference(10));
  EXPECT_EQ(driver.steering.counters.retry_calls, 1u);
}

TEST(QuerySession, RetriesOneShardThatFailedInsideAReply) {
  SessionDriver driver;
  driver.Start();
  driver.Reply(0);
  v1::SearchResponse reply = driver.SearchReply(1);
  reply.mutable_shard_answers(1)->Clear();
  reply.mutable_shard_answers(1)->set_shard(driver.searches[1].shards[1]);
  reply.mutable_shard_answers(1)->set_state(v1::SHARD_STATE_MISSING);
  reply.mutable_shard_answers(1)->set_reason("queue full");
  driver.ReplySearch(1, reply);
  ASSERT_THAT(driver.actions.searches, SizeIs(1));
  EXPECT_THAT(driver.actions.searches[0].shards, ElementsAre(driver.searches[1].shards[1]));
  driver.ReplyToAll();
  ExpectWhole(driver, driver.collection().Reference(10));
}

TEST(QuerySession, TheDeadlineOfAShardInsideAReplyIsNotRetriedAndKeepsItsCode) {
  for (double min_coverage : {1.0, 0.5}) {
    SessionDriver driver({.min_coverage = min_coverage});
    driver.Start();
    driver.Reply(0);
    v1::SearchResponse reply = driver.SearchReply(1);
    const ShardId late = driver.searches[1].shards[1];
    reply.mutable_shard_answers(1)->Clear();
    reply.mutable_shard_answers(1)->set_shard(late);
    reply.mutable_shard_answers(1)->set_state(v1::SHARD_STATE_MISSING);
    reply.mutable_shard_answers(1)->set_code(4);
    reply.mutable_shard_answers(1)->set_reason("deadline exceeded by 1ms");
    driver.ReplySearch(1, reply);
    EXPECT_THAT(driver.actions.searches, IsEmpty());
    driver.ReplyToAll();
    ASSERT_TRUE(driver.result.has_value());
    if (min_coverage == 1) {
      EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kDeadlineExceeded);
    } else {
      ASSERT_TRUE(driver.result->ok()) << driver.result->status();
      EXPECT_TRUE((*driver.result)->timed_out());
      EXPECT_THAT((*driver.result)->coverage().shards(late).reason(),
                  AllOf(HasSubstr("deadline_exceeded"), HasSubstr("by 1ms")));
    }
  }
}

TEST(QuerySession, RetriesOnce) {
  SessionDriver driver({}, {}, {.leaves = 2, .replicas = 5});
  driver.Start();
  driver.Reply(0);
  driver.ReplySearch(1, absl::UnavailableError("first"));
  driver.ReplySearch(2, absl::UnavailableError("second"));
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(driver), AllOf(HasSubstr("2 of 4 shards"), HasSubstr("50 of 100 documents"),
                                       HasSubstr("unavailable: second")));
  EXPECT_THAT(driver.searches, SizeIs(3));
}

TEST(QuerySession, DoesNotRetryOnTheReplicaThatFailed) {
  SessionDriver driver({.min_coverage = 0.5}, {}, {.leaves = 2, .replicas = 1});
  driver.Start();
  driver.ReplySearch(0, absl::UnavailableError("gone"));
  EXPECT_THAT(driver.actions.searches, IsEmpty());
  driver.ReplyToAll();
  ASSERT_TRUE(driver.result->ok());
  EXPECT_EQ((*driver.result)->coverage().shards(0).reason(), "unavailable: gone");
}

struct CodeCase {
  absl::StatusCode code;
  bool retried;
};

TEST(QuerySession, RetriesOnlyWhatAnotherReplicaMayDoBetter) {
  using Code = absl::StatusCode;
  for (const auto& [code, retried] : std::vector<CodeCase>{{Code::kUnavailable, true},
                                                           {Code::kResourceExhausted, true},
                                                           {Code::kFailedPrecondition, true},
                                                           {Code::kDataLoss, true},
                                                           {Code::kInternal, true},
                                                           {Code::kUnknown, true},
                                                           {Code::kCancelled, false},
                                                           {Code::kDeadlineExceeded, false}}) {
    SessionDriver driver({.min_coverage = 0.1});
    driver.Start();
    driver.ReplySearch(0, absl::Status(code, "why"));
    EXPECT_EQ(driver.actions.searches.size(), retried ? 1u : 0u) << absl::StatusCodeToString(code);
    EXPECT_FALSE(driver.result.has_value());
    driver.ReplyToAll();
    EXPECT_TRUE(driver.result->ok());
    EXPECT_EQ((*driver.result)->coverage().complete(), retried);
  }
}

TEST(QuerySession, EndsAtOnceWhenTheQueryItselfIsWrong) {
  for (const absl::Status& error :
       {absl::InvalidArgumentError("bad boost"), absl::UnimplementedError("fuzzy")}) {
    SessionDriver driver({.min_coverage = 0});
    driver.Start();
    driver.ReplySearch(0, error);
    ASSERT_TRUE(driver.result.has_value());
    EXPECT_EQ(driver.result->status(), error);
    EXPECT_THAT(driver.actions.cancels, ElementsAre(1));
    EXPECT_THAT(driver.open, IsEmpty());
  }
}

// Replicas that are not to be used.

void SetHealth(SessionDriver& driver, ShardId shard, uint32_t replica, ReplicaHealth health,
               const std::string& reason) {
  driver.view().shards[shard][replica].health = health;
  driver.view().shards[shard][replica].reason = reason;
}

TEST(QuerySession, PrefersReadyReplicasAndNeverUsesThoseThatAreDown) {
  for (uint64_t hash = 0; hash < 20; ++hash) {
    SessionDriver driver({}, {}, {.leaves = 1, .replicas = 3});
    for (ShardId shard = 0; shard < 4; ++shard) {
      SetHealth(driver, shard, 0, ReplicaHealth::kDown, "refused");
      SetHealth(driver, shard, 1, ReplicaHealth::kStandby, "draining");
    }
    driver.Start(At(0), hash);
    ASSERT_THAT(driver.actions.searches, SizeIs(1));
    EXPECT_EQ(driver.actions.searches[0].leaf, 2u);
    driver.ReplySearch(0, absl::UnavailableError("gone"));
    ASSERT_THAT(driver.actions.searches, SizeIs(1));
    EXPECT_EQ(driver.actions.searches[0].leaf, 1u);
  }
}

TEST(QuerySession, AShardWithoutReplicaIsMissingWithTheReason) {
  SessionDriver driver({.min_coverage = 0.75});
  SetHealth(driver, 1, 0, ReplicaHealth::kDown, "connection refused");
  SetHealth(driver, 1, 1, ReplicaHealth::kDown, "serves generation 3");
  driver.Start();
  driver.ReplyToAll();
  ASSERT_TRUE(driver.result->ok()) << driver.result->status();
  const v1::Coverage& coverage = (*driver.result)->coverage();
  EXPECT_EQ(coverage.docs_covered(), 75u);
  EXPECT_EQ(coverage.docs_total(), 100u);
  EXPECT_EQ(coverage.shards_complete(), 3u);
  EXPECT_FALSE(coverage.complete());
  EXPECT_EQ(coverage.shards(1).state(), v1::SHARD_STATE_MISSING);
  EXPECT_EQ(coverage.shards(1).docs_total(), 25u);
  EXPECT_EQ(coverage.shards(1).reason(),
            "unavailable: no replica: r0-l1:1: connection refused; r1-l1:1: serves generation 3");
  EXPECT_EQ((*driver.result)->total().relation(), v1::Total::GTE);
  EXPECT_FALSE((*driver.result)->timed_out());
}

TEST(QuerySession, NoReplicaAtAllIsAnErrorAtOnce) {
  SessionDriver driver({.min_coverage = 0});
  for (auto& replicas : driver.view().shards) {
    for (ReplicaView& replica : replicas) replica.health = ReplicaHealth::kDown;
  }
  driver.Start();
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(driver), AllOf(HasSubstr("0 of 4 shards"), HasSubstr("and 1 more")));
  EXPECT_THAT(driver.searches, IsEmpty());
}

// Replies that must not be used.

TEST(QuerySession, DiscardsRepliesOfAnotherCollection) {
  for (bool other_generation : {true, false}) {
    SessionDriver driver;
    driver.Start();
    v1::SearchResponse reply = driver.SearchReply(0);
    if (other_generation) {
      reply.set_generation(8);
    } else {
      reply.set_collection_checksum(1);  // another build with the same number
    }
    driver.ReplySearch(0, reply);
    ASSERT_THAT(driver.actions.searches, SizeIs(1));
    EXPECT_EQ(driver.actions.searches[0].kind, v1::ATTEMPT_KIND_RETRY);
    EXPECT_EQ(driver.steering.counters.wrong_generation_replies, 1u);
    driver.ReplyToAll();
    ExpectWhole(driver, driver.collection().Reference(10));
  }
}

TEST(QuerySession, RetriesAnswersThatCannotBeRight) {
  const std::vector<std::function<void(v1::SearchResponse&)>> spoilers = {
      [](v1::SearchResponse& reply) { reply.mutable_shard_answers()->RemoveLast(); },
      [](v1::SearchResponse& reply) { reply.mutable_shard_answers(0)->set_shard(17); },
      [](v1::SearchResponse& reply) { reply.mutable_shard_answers(0)->set_docs_total(24); },
      [](v1::SearchResponse& reply) {
        reply.mutable_shard_answers(0)->mutable_hits()->SwapElements(0, 1);
      }};
  for (const auto& spoil : spoilers) {
    SessionDriver driver;
    driver.Start();
    v1::SearchResponse reply = driver.SearchReply(0);
    spoil(reply);
    driver.ReplySearch(0, reply);
    ASSERT_THAT(driver.actions.searches, SizeIs(1));
    EXPECT_THAT(driver.actions.searches[0].shards, SizeIs(1));
    driver.ReplyToAll();
    ExpectWhole(driver, driver.collection().Reference(10));
  }
}

TEST(QuerySession, CountsAndDropsLateReplies) {
  SessionDriver driver({.min_coverage = 0.5});
  driver.Start();
  driver.Reply(0);
  const v1::SearchResponse late = driver.SearchReply(1);
  driver.Timer(At(90));
  driver.ReplySearch(1, late, At(91));  // while fetching
  EXPECT_FALSE(driver.actions.done.has_value());
  EXPECT_FALSE(driver.actions.wake_at.has_value());
  driver.ReplyToAll(At(92));
  driver.ReplySearch(1, late, At(93));  // when done
  EXPECT_EQ(driver.steering.counters.late_replies, 2u);
  std::vector<bool> covered = {false, false, false, false};
  for (ShardId shard : driver.searches[0].shards) covered[shard] = true;
  EXPECT_EQ((*driver.result)->hits_size(), 10);
  EXPECT_EQ((*driver.result)->total().value(),
            driver.collection().Reference(10, 0, covered).total().value());
}

// Deadlines.

TEST(QuerySession, AnswersAtTheSoftDeadlineAsMinCoverageAllows) {
  SessionDriver driver({.k = 5, .min_coverage = 0.5});
  driver.Start();
  driver.Reply(0, At(20));
  driver.Timer(At(89));  // too early: nothing happens
  EXPECT_EQ(driver.actions.wake_at, At(90));
  driver.Timer(At(90));
  EXPECT_THAT(driver.actions.cancels, ElementsAre(1));
  EXPECT_THAT(driver.actions.searches, IsEmpty());
  driver.ReplyToAll(At(95));
  ASSERT_TRUE(driver.result->ok()) << driver.result->status();
  std::vector<bool> covered = {false, false, false, false};
  for (ShardId shard : driver.searches[0].shards) covered[shard] = true;
  v1::SearchResponse reference = driver.collection().Reference(5, 0, covered);
  reference.set_timed_out(true);
  for (v1::ShardCoverage& shard : *reference.mutable_coverage()->mutable_shards()) {
    if (!covered[shard.shard()]) {
      shard.set_reason("deadline_exceeded: deadline passed while searching");
    }
  }
  ExpectWhole(driver, reference);
}

TEST(QuerySession, IsDeadlineExceededWhenMinCoverageIsNotReached) {
  SessionDriver driver({.min_coverage = 0.51});
  driver.Start();
  driver.Reply(0);
  driver.Timer(At(90));
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(MessageOf(driver),
              AllOf(HasSubstr("50 of 100 documents (50.00 %)"), HasSubstr("min_coverage 0.51")));
}

TEST(QuerySession, NothingAnsweredIsNeverASuccess) {
  SessionDriver driver({.min_coverage = 0});
  driver.Start();
  driver.Timer(At(90));
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(driver.actions.cancels, ElementsAre(0, 1));
}

TEST(QuerySession, StartsNothingAfterItsDeadline) {
  SessionDriver driver;
  driver.Start(At(100));
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(driver.searches, IsEmpty());
}

TEST(QuerySession, DoesNotRetryAfterTheSoftDeadline) {
  SessionDriver driver({.min_coverage = 0.5});
  driver.Start();
  driver.Reply(0);
  driver.ReplySearch(1, absl::UnavailableError("gone"), At(90));
  EXPECT_THAT(driver.actions.searches, IsEmpty());
  driver.ReplyToAll(At(91));
  EXPECT_TRUE(driver.result->ok());
}

TEST(QuerySession, AnAnswerThatIsCutShortIsCoveredAsFarAsItGoes) {
  SessionDriver driver({.min_coverage = 0.9});
  driver.Start();
  driver.Reply(0);
  v1::SearchResponse reply = driver.SearchReply(1);
  v1::ShardAnswer& cut = *reply.mutable_shard_answers(0);
  cut.set_state(v1::SHARD_STATE_TRUNCATED);
  cut.set_docs_covered(20);
  cut.set_reason("deadline");
  driver.ReplySearch(1, reply);
  driver.ReplyToAll();
  ASSERT_TRUE(driver.result->ok()) << driver.result->status();
  EXPECT_EQ((*driver.result)->coverage().docs_covered(), 95u);
  EXPECT_EQ((*driver.result)->coverage().shards_complete(), 3u);
  EXPECT_TRUE((*driver.result)->timed_out());
  EXPECT_EQ((*driver.result)->total().relation(), v1::Total::GTE);
}

TEST(QuerySession, EndsAtOnceWhenAShardIsRefusedForLoadThatItCannotDoWithout) {
  SessionDriver driver({.min_coverage = 1});
  driver.Start();
  driver.ReplySearch(0, absl::ResourceExhaustedError("overloaded"));
  while (!driver.result.has_value() && !driver.actions.searches.empty()) {
    driver.ReplySearch(driver.actions.searches[0].call, absl::ResourceExhaustedError("overloaded"));
  }
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(driver.actions.cancels.empty());  // the others stop
}

TEST(QuerySession, GoesOnWithoutARefusedShardThatItCanDoWithout) {
  SessionDriver driver({.min_coverage = 0.4});
  driver.Start();
  driver.ReplySearch(0, absl::ResourceExhaustedError("overloaded"));
  while (!driver.actions.searches.empty()) {
    driver.ReplySearch(driver.actions.searches[0].call, absl::ResourceExhaustedError("overloaded"));
  }
  EXPECT_FALSE(driver.result.has_value());
  driver.ReplyToAll();
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_TRUE(driver.result->ok());
}

TEST(QuerySession, SaysResourceExhaustedWhenLoadIsAllThatIsWrong) {
  SessionDriver driver;
  driver.Start();
  for (CallId call = 0; call < 4; ++call) {
    driver.ReplySearch(call, absl::ResourceExhaustedError("queue full"));
  }
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(QuerySession, EndsWithCancelledWhenTheClientHasGone) {
  SessionDriver driver;
  driver.Start();
  driver.Reply(0);
  driver.Cancel();
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(driver.actions.cancels, ElementsAre(1));
  driver.Timer(At(90));
  driver.Cancel();
  EXPECT_FALSE(driver.actions.done.has_value());
}

TEST(QuerySession, TheShareAskedForIsEnough) {
  SessionDriver driver({.min_coverage = 0.55}, {.docs = 100, .shards = 20},
                       {.leaves = 20, .replicas = 1});
  driver.Start();
  for (CallId call = 0; call < 11; ++call) driver.Reply(call);
  driver.Timer(At(90));
  driver.ReplyToAll(At(91));
  ASSERT_TRUE(driver.result->ok()) << driver.result->status();
  EXPECT_EQ((*driver.result)->coverage().docs_covered(), 55u);
}

// What an answer tells of itself.

TEST(QuerySession, ListsEveryAttemptWithItsOutcome) {
  SessionDriver driver({.min_coverage = 0.5, .trace = true}, {}, {.leaves = 4, .replicas = 2});
  driver.Start();
  driver.Reply(0, At(5));
  driver.ReplySearch(1, absl::UnavailableError("gone"), At(6));
  driver.Reply(2, At(7));
  driver.Reply(4, At(8));  // the retry of call 1
  driver.Timer(At(90));    // call 3 never answers
  driver.ReplyToAll(At(91));
  ASSERT_TRUE(driver.result->ok()) << driver.result->status();
  const auto& attempts = (*driver.result)->attempts();
  ASSERT_GT(attempts.size(), 5);
  EXPECT_EQ(attempts[0].outcome(), v1::ATTEMPT_OUTCOME_WON);
  EXPECT_EQ(attempts[0].duration_us(), 5000u);
  EXPECT_EQ(attempts[0].queue_us(), 10u);
  EXPECT_EQ(attempts[0].execution_us(), 100u);
  EXPECT_EQ(attempts[1].outcome(), v1::ATTEMPT_OUTCOME_ERROR);
  EXPECT_EQ(attempts[1].reason(), "unavailable: gone");
  EXPECT_EQ(attempts[3].outcome(), v1::ATTEMPT_OUTCOME_CANCELLED);
  EXPECT_EQ(attempts[3].duration_us(), 90000u);
  EXPECT_EQ(attempts[4].kind(), v1::ATTEMPT_KIND_RETRY);
  EXPECT_EQ(attempts[4].sent_us(), 6000u);
  EXPECT_NE(attempts[4].address(), attempts[1].address());
  EXPECT_THAT(attempts[4].shards(), ElementsAre(attempts[1].shards(0)));
  EXPECT_EQ(attempts[5].kind(), v1::ATTEMPT_KIND_FETCH);
}

TEST(QuerySession, PartsOfTheLedgerAddUp) {
  SessionDriver driver({}, {}, {.leaves = 4, .replicas = 1});
  driver.Start();
  for (CallId call = 0; call < 4; ++call) driver.Reply(call, At(10 + 5 * call));
  driver.ReplyToAll(At(32));
  const v1::Ledger& ledger = (*driver.result)->ledger();
  EXPECT_EQ(ledger.leaf_queue_us(), 10u);
  EXPECT_EQ(ledger.leaf_execution_us(), 100u);
  EXPECT_EQ(ledger.wire_us(), 15000u - 110);  // the median call took 15 ms
  EXPECT_EQ(ledger.wait_for_slowest_us(), 10000u);
  EXPECT_EQ(ledger.fetch_us(), 7000u);
}

}  // namespace
}  // namespace canopy
