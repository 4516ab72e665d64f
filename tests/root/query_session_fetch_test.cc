// QuerySession, from the merge on: stored fields of the winners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "root/query_session.h"
#include "rpc/search_backend.h"
#include "tests/root/session_driver.h"

namespace canopy {
namespace {

TEST(QuerySessionFetch, DocumentNumbersAloneNeedNoFetch) {
  SessionDriver driver({.k = 7, .omit_ids = true});
  driver.Start();
  driver.Reply(0);
  driver.Reply(1);
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_TRUE(driver.fetches.empty());
  const auto reference = driver.collection().Reference(7);
  ASSERT_EQ((*driver.result)->hits_size(), 7);
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ((*driver.result)->hits(i).doc(), reference.hits(i).doc());
    EXPECT_EQ((*driver.result)->hits(i).score(), reference.hits(i).score());
    EXPECT_EQ((*driver.result)->hits(i).id(), "");
  }
}

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(QuerySessionFetch, FetchesElsewhereOnceWhatFailed) {
  SessionDriver driver({.k = 20});
  driver.Start();
  driver.Reply(0);
  driver.Reply(1);
  ASSERT_EQ(driver.open.size(), 2u);
  const CallId failed = *driver.open.begin();
  driver.ReplyFetch(failed, absl::UnavailableError("gone"));
  ASSERT_THAT(driver.actions.fetches, SizeIs(1));
  EXPECT_EQ(driver.actions.fetches[0].docs, driver.fetches[failed].docs);
  EXPECT_NE(driver.actions.fetches[0].leaf, driver.fetches[failed].leaf);
  driver.ReplyToAll();
  ExpectWhole(driver, driver.collection().Reference(20));
}

TEST(QuerySessionFetch, AFetchThatFailsTwiceIsAnErrorNotEmptyDocuments) {
  SessionDriver driver({.min_coverage = 0});
  driver.Start();
  driver.Reply(0);
  driver.Reply(1);
  driver.ReplyFetch(2, absl::UnavailableError("gone"));
  ASSERT_THAT(driver.actions.fetches, SizeIs(1));
  driver.ReplyFetch(driver.actions.fetches[0].call, absl::DataLossError("block 7"));
  ASSERT_TRUE(driver.result.has_value());
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(driver), AllOf(HasSubstr("stored fields"), HasSubstr("block 7")));
  EXPECT_THAT(driver.open, IsEmpty());
}

// QueryLimit is about searches.
TEST(QuerySessionFetch, OnlyASearchThatALeafRefusedIsARefusal) {
  SessionDriver driver({.min_coverage = 0});
  driver.Start();
  driver.ReplySearch(0, absl::UnavailableError("gone"));
  driver.ReplySearch(1, absl::ResourceExhaustedError("too much load"));
  EXPECT_FALSE(driver.session().calls()[0].refused);
  EXPECT_TRUE(driver.session().calls()[1].refused);
  while (driver.fetches.empty() && !driver.open.empty()) driver.Reply(*driver.open.begin());
  ASSERT_FALSE(driver.fetches.empty());
  const CallId fetch = driver.fetches.begin()->first;
  driver.ReplyFetch(fetch, absl::ResourceExhaustedError("too much load"));
  EXPECT_FALSE(driver.session().calls()[fetch].refused);
}

TEST(QuerySessionFetch, RefusesOtherDocumentsThanItAskedFor) {
  const std::vector<std::function<void(v1::FetchResponse&)>> spoilers = {
      [](v1::FetchResponse& reply) { reply.mutable_hits()->RemoveLast(); },
      [](v1::FetchResponse& reply) { reply.mutable_hits(0)->set_doc(4711); },
      [](v1::FetchResponse& reply) { reply.mutable_hits()->SwapElements(0, 1); },
      [](v1::FetchResponse& reply) { reply.set_generation(1); },
      [](v1::FetchResponse& reply) { reply.set_collection_checksum(1); }};
  for (const auto& spoil : spoilers) {
    SessionDriver driver({.k = 50});
    driver.Start();
    driver.Reply(0);
    driver.Reply(1);
    v1::FetchResponse reply = driver.FetchReply(2);
    spoil(reply);
    driver.ReplyFetch(2, reply);
    ASSERT_THAT(driver.actions.fetches, SizeIs(1));
    driver.ReplyToAll();
    ExpectWhole(driver, driver.collection().Reference(50));
  }
}

TEST(QuerySessionFetch, FieldsThatAreTooLargeEndTheQueryAtOnce) {
  SessionDriver driver({.k = 50});
  driver.Start();
  driver.Reply(0);
  driver.Reply(1);
  const absl::Status of_one_leaf = FetchTooLarge();
  driver.ReplyFetch(2, of_one_leaf);
  EXPECT_EQ(driver.result->status(), of_one_leaf);
  EXPECT_THAT(driver.actions.cancels, ElementsAre(3));
}

TEST(QuerySessionFetch, LimitsTheFieldsOfAllLeavesTogether) {
  SessionDriver driver({.k = 50});
  driver.Start();
  driver.Reply(0);
  driver.Reply(1);
  for (CallId call : {2, 3}) {
    ASSERT_FALSE(driver.result.has_value());
    v1::FetchResponse reply = driver.FetchReply(call);
    reply.mutable_hits(0)->add_fields()->set_value(std::string(kMaxFetchBytes / 2, 'a'));
    driver.ReplyFetch(call, reply);
  }
  EXPECT_EQ(driver.result->status(), FetchTooLarge());
}

TEST(QuerySessionFetch, TheDeadlineHoldsForTheFetchToo) {
  SessionDriver driver;
  driver.Start();
  driver.Reply(0);
  driver.Reply(1);
  driver.Timer(At(99));
  EXPECT_FALSE(driver.result.has_value());
  driver.Timer(At(100));
  EXPECT_EQ(driver.result->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(driver.open, IsEmpty());
}

}  // namespace
}  // namespace canopy
