// A query that is scattered by term, event by event.
#include "root/term_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "rpc/search_backend.h"
#include "tests/query/query_trees.h"
#include "tests/root/fake_collection.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kDocs = 100;

absl::Time At(int milliseconds) {
  return absl::UnixEpoch() + absl::Hours(1) + absl::Milliseconds(milliseconds);
}

// The term "m3" is in every third document.
std::string BitmapOf(const v1::Query& node) {
  const uint32_t step = static_cast<uint32_t>(std::stoul(node.term().text().substr(1)));
  Roaring bitmap;
  for (uint32_t doc = 0; doc < kDocs; doc += step) bitmap.add(doc);
  std::string bytes(bitmap.getSizeInBytes(), '\0');
  bitmap.write(bytes.data());
  return bytes;
}

// Plays the driver and the leaves. Gathering ends at 90 ms, the query at 100 ms.
class Driver final {
 public:
  explicit Driver(SessionQuery query = {}, uint32_t leaves = 4)
      : collection_({.docs = kDocs, .shards = 1}),
        view_(FakeCluster(collection_.info(), {.leaves = 1, .replicas = leaves})),
        query_(query) {
    query_.soft_deadline = At(90);
    query_.deadline = At(100);
  }

  ClusterView& view() { return *view_; }  // to be changed before Start
  TermSession& session() { return *session_; }

  Steering steering;

  void Start(const v1::Query& query, size_t max_bitmap_bytes = kMaxQueryBitmapBytes) {
    session_ = std::make_unique<TermSession>(query_, MakeTermPlan(query), view_, steering,
                                             max_bitmap_bytes);
    Take(session_->Start(At(0)));
  }
  v1::PostingsResponse PostingsReply(CallId call) const {
    v1::PostingsResponse reply;
    reply.set_generation(collection_.info().generation());
    reply.set_collection_checksum(collection_.info().checksum());
    for (const size_t node : postings.at(call).nodes) {
      *reply.add_bitmaps() = BitmapOf(session_->plan().nodes[node].query);
    }
    return reply;
  }
  void Reply(CallId call, absl::Time now = At(1)) {
    if (postings.count(call) > 0) return ReplyPostings(call, PostingsReply(call), now);
    ReplyFetch(call, collection_.Fetch(fetches.at(call).docs), now);
  }
  void ReplyPostings(CallId call, absl::StatusOr<v1::PostingsResponse> reply,
                     absl::Time now = At(1)) {
    open.erase(call);
    Take(session_->OnScatterResponse(call, std::move(reply), now));
  }
  void ReplyFetch(CallId call, absl::StatusOr<v1::FetchResponse> reply, absl::Time now = At(1)) {
    open.erase(call);
    Take(session_->OnFetchResponse(call, std::move(reply), now));
  }
  void ReplyToAll() {
    while (!open.empty()) Reply(*open.begin());
  }
  void Timer(absl::Time now) { Take(session_->OnTimer(now)); }
  void Cancel() { Take(session_->Cancel(At(1))); }

  std::vector<DocId> Docs() const {
    std::vector<DocId> docs;
    for (const v1::Hit& hit : (*result)->hits()) docs.push_back(hit.doc());
    return docs;
  }

  // All calls so far, and those that have neither been answered nor cancelled.
  std::map<CallId, TermSessionActions::PostingsCall> postings;
  std::map<CallId, SessionActions::FetchCall> fetches;
  std::set<CallId> open;
  TermSessionActions actions;  // of the last event
  std::optional<absl::StatusOr<v1::SearchResponse>> result;

 private:
  void Take(TermSessionActions taken) {
    actions = std::move(taken);
    for (const auto& call : actions.postings) {
      postings[call.call] = call;
      open.insert(call.call);
    }
    for (const auto& call : actions.fetches) {
      fetches[call.call] = call;
      open.insert(call.call);
    }
    for (const CallId call : actions.cancels) open.erase(call);
    if (actions.done) result = actions.done;
  }

  const FakeCollection collection_;
  const std::shared_ptr<ClusterView> view_;
  SessionQuery query_;
  std::unique_ptr<TermSession> session_;
};

std::string MessageOf(const Driver& driver) {
  return std::string(driver.result->status().message());
}

std::vector<v1::Query> ManyTerms() {
  std::vector<v1::Query> terms;
  for (int i = 1; i <= 20; ++i) terms.push_back(Term(Concat("m", i)));
  return terms;
}

TEST(TermSession, AnswersWithCountAndFirstMatchesInDocumentOrder) {
  Driver driver({.k = 3, .offset = 1});
  driver.Start(Boolean({.must = {Term("m2"), Term("m3")}, .must_not = {Term("m4")}}));
  driver.ReplyToAll();
  ASSERT_TRUE(driver.result->ok()) << driver.result->status();
  const v1::SearchResponse& response = **driver.result;
  EXPECT_EQ(response.total().value(), 8u);  // 6, 18, ..., 90
  EXPECT_EQ(response.total().relation(), v1::Total::EQ);
  EXPECT_THAT(driver.Docs(), ElementsAre(18, 30, 42));
  EXPECT_EQ(response.hits(0).id(), FakeCollection::IdOf(18));
  EXPECT_EQ(response.hits(0).score(), 0);
  EXPECT_TRUE(response.unranked());
  EXPECT_TRUE(response.coverage().complete());
  EXPECT_EQ(response.coverage().docs_covered(), kDocs);
}

TEST(TermSession, ACountFetchesNothing) {
  Driver driver({.count_only = true});
  driver.Start(Term("m2"));
  driver.ReplyToAll();
  EXPECT_EQ((*driver.result)->total().value(), kDocs / 2);
  EXPECT_THAT(driver.fetches, IsEmpty());
}

TEST(TermSession, AsksOneLeafForEachTermAndEachLeafOnce) {
  Driver driver;
  driver.Start(Any(ManyTerms()));
  std::set<LeafIndex> leaves;
  std::set<size_t> nodes;
  for (const auto& [id, call] : driver.postings) {
    EXPECT_TRUE(leaves.insert(call.leaf).second);
    for (const size_t node : call.nodes) EXPECT_TRUE(nodes.insert(node).second);
  }
  EXPECT_THAT(nodes, SizeIs(20));
  EXPECT_THAT(leaves, SizeIs(4));
}

// The leaf that each of the terms goes to.
std::map<std::string, LeafIndex> LeavesOf(Driver& driver) {
  driver.Start(Any(ManyTerms()));
  std::map<std::string, LeafIndex> leaves;
  for (const auto& [id, call] : driver.postings) {
    for (const size_t node : call.nodes) {
      leaves[driver.session().plan().nodes[node].query.term().text()] = call.leaf;
    }
  }
  return leaves;
}

TEST(TermSession, ALeafThatIsDownTakesNoOtherLeafsTermsWithIt) {
  Driver all, three;
  three.view().shards[0][2].health = ReplicaHealth::kDown;
  const auto before = LeavesOf(all), after = LeavesOf(three);
  for (const auto& [term, leaf] : before) {
    if (leaf == 2) {
      EXPECT_NE(after.at(term), 2u);
    } else {
      EXPECT_EQ(after.at(term), leaf) << term;
    }
  }
}

TEST(TermSession, UsesAStandbyLeafOnlyWhenNoneIsReady) {
  Driver driver({}, 2);
  driver.view().shards[0][0].health = ReplicaHealth::kStandby;
  for (const auto& [term, leaf] : LeavesOf(driver)) EXPECT_EQ(leaf, 1u) << term;
  Driver alone({}, 1);
  alone.view().shards[0][0].health = ReplicaHealth::kStandby;
  EXPECT_THAT(LeavesOf(alone), SizeIs(20));
}

TEST(TermSession, WhatMatchesNothingAsksNobody) {
  Driver driver;
  driver.Start(MatchNone());
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ((*driver.result)->total().value(), 0u);
}

TEST(TermSession, AsksAnotherLeafOnceForWhatFailed) {
  Driver driver;
  driver.Start(Term("m5"));
  driver.ReplyPostings(0, absl::UnavailableError("gone"));
  ASSERT_THAT(driver.actions.postings, SizeIs(1));
  EXPECT_NE(driver.postings[1].leaf, driver.postings[0].leaf);
  EXPECT_EQ(driver.postings[1].kind, v1::ATTEMPT_KIND_RETRY);
  driver.ReplyToAll();
  EXPECT_EQ((*driver.result)->total().value(), 20u);
  EXPECT_EQ(driver.steering.counters.primary_calls, 1u);
  EXPECT_EQ(driver.steering.counters.retry_calls, 1u);
}

TEST(TermSession, ARetryNeedsTheBudgetAndOneTokenIsEnoughForAllTermsOfACall) {
  Driver driver({}, /*leaves=*/2);
  driver.Start(Any(ManyTerms()));
  while (driver.steering.budget.TakeForRetry()) {
  }
  for (int i = 0; i < 40; ++i) driver.steering.budget.OnPrimaryCall(At(1));  // two tokens
  driver.ReplyPostings(0, absl::UnavailableError("gone"));
  EXPECT_THAT(driver.actions.postings, SizeIs(1));
  EXPECT_EQ(driver.steering.counters.unretried_budget, 0u);

  Driver spent({}, /*leaves=*/2);
  spent.Start(Any(ManyTerms()));
  while (spent.steering.budget.TakeForRetry()) {
  }
  spent.ReplyPostings(0, absl::UnavailableError("gone"));
  ASSERT_TRUE(spent.result.has_value());
  EXPECT_EQ(spent.result->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_GT(spent.steering.counters.unretried_budget, 0u);
}

TEST(TermSession, ATermThatFailsTwiceFailsTheQueryAndCancelsTheRest) {
  Driver driver({.min_coverage = 0});
  driver.Start(Any(ManyTerms()));
  const size_t others = driver.open.size() - 1;
  driver.ReplyPostings(0, absl::UnavailableError("gone"));
  ASSERT_THAT(driver.actions.postings, SizeIs(testing::Ge(1)));
  driver.ReplyPostings(driver.actions.postings[0].call, absl::UnavailableError("gone too"));
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(driver), HasSubstr("gone too"));
  EXPECT_THAT(driver.actions.cancels, SizeIs(testing::Ge(others)));
  EXPECT_THAT(driver.open, IsEmpty());
}

TEST(TermSession, ADamagedBitmapIsFetchedElsewhereAndTheTraceSaysWhatWasWrong) {
  Driver driver({.trace = true});
  driver.Start(Term("m5"));
  v1::PostingsResponse damaged = driver.PostingsReply(0);
  damaged.mutable_bitmaps(0)->pop_back();
  driver.ReplyPostings(0, damaged);
  driver.ReplyToAll();
  ASSERT_TRUE(driver.result->ok()) << driver.result->status();
  EXPECT_EQ((*driver.result)->total().value(), 20u);
  const v1::Attempt& attempt = (*driver.result)->attempts(0);
  EXPECT_EQ(attempt.outcome(), v1::ATTEMPT_OUTCOME_ERROR);
  EXPECT_THAT(attempt.reason(),
              AllOf(HasSubstr("data_loss: " + attempt.address() + ": term \"m5\""),
                    HasSubstr("bitmap: needs 40 bytes, 39 left")));
}

TEST(TermSession, ABitmapWithADocumentBeyondTheCollectionIsRefused) {
  Driver driver({}, 1);
  driver.Start(Term("m5"));
  v1::PostingsResponse beyond = driver.PostingsReply(0);
  const Roaring bitmap = Roaring::bitmapOf(1, static_cast<uint32_t>(kDocs));
  beyond.mutable_bitmaps(0)->resize(bitmap.getSizeInBytes());
  bitmap.write(beyond.mutable_bitmaps(0)->data());
  driver.ReplyPostings(0, beyond);
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_THAT(MessageOf(driver), HasSubstr("document 100 of 100"));
}

TEST(TermSession, AReplyWithAnotherNumberOfBitmapsIsOfNoUse) {
  Driver driver({}, 1);
  driver.Start(Term("m5"));
  v1::PostingsResponse two = driver.PostingsReply(0);
  two.add_bitmaps(two.bitmaps(0));
  driver.ReplyPostings(0, two);
  EXPECT_THAT(MessageOf(driver), HasSubstr("2 bitmaps for 1 nodes"));
}

TEST(TermSession, AnotherCollectionIsNeverMixedIn) {
  Driver driver;
  driver.Start(Term("m5"));
  v1::PostingsResponse other = driver.PostingsReply(0);
  other.set_collection_checksum(other.collection_checksum() + 1);
  driver.ReplyPostings(0, other);
  EXPECT_EQ(driver.steering.counters.wrong_generation_replies, 1u);
  EXPECT_THAT(driver.actions.postings, SizeIs(1));
}

TEST(TermSession, BitmapsOverTheBudgetAreResourceExhausted) {
  const size_t one = BitmapOf(Term("m5")).size();
  Driver driver;
  driver.Start(Term("m5"), one);
  EXPECT_EQ(driver.postings[0].max_bytes, one);
  driver.Reply(0);
  EXPECT_FALSE(driver.result.has_value());  // at the limit: it fetches
  Driver over;
  over.Start(Term("m5"), one - 1);
  over.Reply(0);
  ASSERT_TRUE(over.result.has_value());
  EXPECT_EQ(over.result->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(MessageOf(over), HasSubstr("query bitmap bytes"));
}

TEST(TermSession, BitmapsBeyondTheRootsMemoryAreRefusedAndNothingOfItStaysTaken) {
  Driver driver;
  ASSERT_TRUE(driver.steering.result_bytes->Take(kDefaultResultBytes - 10).ok());
  driver.Start(Term("m5"));
  driver.Reply(0);
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(MessageOf(driver), HasSubstr("(--result-memory)"));
  EXPECT_EQ(driver.steering.result_bytes->used(), kDefaultResultBytes - 10);
}

TEST(TermSession, BitmapsAreInTheRootsMemoryUntilTheQueryIsOver) {
  Driver driver;
  driver.Start(Term("m5"));
  driver.Reply(0);
  EXPECT_GT(driver.steering.result_bytes->used(), 0u);
  driver.ReplyToAll();
  EXPECT_TRUE(driver.result->ok());
  EXPECT_EQ(driver.steering.result_bytes->used(), 0u);
}

TEST(TermSession, AReplyWhosePartsAreBeyondTheRootsMemoryEndsTheQuery) {
  Driver driver;
  driver.Start(Term("m5"));
  ByteBudget full(0);
  driver.ReplyPostings(0, full.Take(1));
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(driver.postings, SizeIs(1)) << "it is not asked of another leaf";
}

TEST(TermSession, ABitmapCountsAsOftenAsItIsCombined) {
  const v1::Query query = All({Term("m5"), Any({Term("m5"), Term("m7")})});
  const size_t bytes = 3 * BitmapOf(Term("m5")).size() + 2 * BitmapOf(Term("m7")).size();
  Driver at({.count_only = true}), over({.count_only = true});
  at.Start(query, bytes);
  at.ReplyToAll();
  EXPECT_TRUE(at.result->ok()) << at.result->status();
  over.Start(query, bytes - 1);
  over.ReplyToAll();
  EXPECT_EQ(over.result->status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(TermSession, ABitmapThatWasDamagedDoesNotCount) {
  Driver driver({.count_only = true});
  driver.Start(Term("m5"), BitmapOf(Term("m5")).size());
  v1::PostingsResponse damaged = driver.PostingsReply(0);
  damaged.mutable_bitmaps(0)->pop_back();
  driver.ReplyPostings(0, damaged);
  driver.ReplyToAll();
  EXPECT_TRUE(driver.result->ok()) << driver.result->status();
}

TEST(TermSession, AQueryErrorEndsAtOnce) {
  Driver driver;
  driver.Start(Term("m5"));
  driver.ReplyPostings(0, absl::InvalidArgumentError("no such field"));
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(driver.postings, SizeIs(1));
}

TEST(TermSession, EndsAtTheSoftDeadline) {
  Driver driver;
  driver.Start(Term("m5"));
  EXPECT_EQ(driver.actions.wake_at, At(90));
  driver.Timer(At(90));
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(driver.actions.cancels, ElementsAre(0));
}

TEST(TermSession, ALateReplyIsCountedAndDropped) {
  Driver driver;
  driver.Start(Term("m5"));
  driver.Timer(At(90));
  driver.result.reset();
  driver.ReplyPostings(0, driver.PostingsReply(0), At(95));
  EXPECT_FALSE(driver.result.has_value());
  EXPECT_EQ(driver.steering.counters.late_replies, 1u);
}

TEST(TermSession, FetchesElsewhereOnceWhatFailed) {
  Driver driver;
  driver.Start(Term("m5"));
  driver.Reply(0);
  driver.ReplyFetch(1, absl::UnavailableError("gone"));
  ASSERT_THAT(driver.actions.fetches, SizeIs(1));
  EXPECT_NE(driver.fetches[2].leaf, driver.fetches[1].leaf);
  driver.ReplyToAll();
  EXPECT_THAT(driver.Docs(), ElementsAre(0, 5, 10, 15, 20, 25, 30, 35, 40, 45));
}

TEST(TermSession, FieldsOfOtherDocumentsAreRefused) {
  Driver driver({}, 1);
  driver.Start(Term("m5"));
  driver.Reply(0);
  v1::FetchResponse none;
  none.set_generation(driver.view().collection.generation());
  none.set_collection_checksum(driver.view().collection.checksum());
  driver.ReplyFetch(1, none);
  EXPECT_THAT(MessageOf(driver), HasSubstr("fetched other documents"));
}

TEST(TermSession, NoLeafAtAllSaysWhy) {
  Driver driver({}, 1);
  driver.view().shards[0][0].health = ReplicaHealth::kDown;
  driver.view().shards[0][0].reason = "connection refused";
  driver.Start(Term("m5"));
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(driver), HasSubstr("connection refused"));
}

TEST(TermSession, AClientThatGoesEndsEverything) {
  Driver driver;
  driver.Start(Any(ManyTerms()));
  const size_t calls = driver.open.size();
  driver.Cancel();
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(driver.actions.cancels, SizeIs(calls));
}

}  // namespace
}  // namespace canopy
