#include "root/plan_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tests/root/fake_collection.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::SearchRequest Request(const std::string& text = "leaf") {
  v1::SearchRequest request;
  request.set_query_text(text);
  request.set_k(10);
  return request;
}

absl::StatusOr<QueryPlan> Plan(const v1::SearchRequest& request) {
  v1::Query query;
  AnalyzerCache analyzers;
  const absl::Status status = CheckSearchRequest(request, absl::Seconds(30), query);
  if (!status.ok()) return status;
  return PlanQuery(request, query, FakeCollection({}).info(), analyzers);
}

TEST(PlanQuery, AsksLeavesForTheFirstHitsOfTheCollection) {
  v1::SearchRequest request = Request("title:Leaf");
  request.set_offset(20);
  request.set_min_coverage(0.5);
  request.set_trace(true);
  request.add_fields("body");
  request.set_total_may_be_lower_bound(true);
  const auto plan = Plan(request);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->session.k, 10u);
  EXPECT_EQ(plan->session.offset, 20u);
  EXPECT_EQ(plan->leaf_request.offset(), 0u);
  EXPECT_EQ(plan->tree->term().text(), "leaf");
  EXPECT_EQ(plan->leaf_request.query_text(), "");
  EXPECT_EQ(plan->leaf_request.generation(), 7u);
  EXPECT_EQ(plan->leaf_request.collection_checksum(), FakeCollection({}).info().checksum());
  EXPECT_TRUE(plan->leaf_request.total_may_be_lower_bound());
  EXPECT_EQ(plan->fetch_request.generation(), 7u);
  EXPECT_EQ(plan->fetch_request.collection_checksum(), FakeCollection({}).info().checksum());
  EXPECT_THAT(plan->fetch_request.fields(), ElementsAre("body"));
  EXPECT_EQ(plan->session.k, 10u);
  EXPECT_EQ(plan->session.offset, 20u);
  EXPECT_EQ(plan->session.min_coverage, 0.5);
  EXPECT_TRUE(plan->session.trace);
  EXPECT_THAT(plan->highlight_terms, ElementsAre("leaf"));
}

TEST(PlanQuery, AFieldThatIsNamedTwiceIsAskedForOnce) {
  v1::SearchRequest request = Request();
  for (const char* const field : {"title", "body", "title"}) request.add_fields(field);
  EXPECT_THAT(Plan(request)->fetch_request.fields(), ElementsAre("body", "title"));
}

TEST(PlanQuery, EveryShardIsWantedUnlessTheRequestSaysLess) {
  EXPECT_EQ(Plan(Request())->session.min_coverage, 1);
}

TEST(PlanQuery, CountsNeedNoHits) {
  v1::SearchRequest request = Request();
  request.set_count_only(true);
  request.set_k(0);
  const auto plan = Plan(request);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->leaf_request.count_only());
  EXPECT_EQ(plan->session.k, 0u);
}

TEST(PlanQuery, QueriesThatMeanTheSameHaveOneHash) {
  const uint64_t hash = Plan(Request("+Tree +leaf"))->session.query_hash;
  EXPECT_EQ(Plan(Request("tree AND (LEAF)"))->session.query_hash, hash);
  EXPECT_NE(Plan(Request("tree leaf"))->session.query_hash, hash);
}

TEST(CheckSearchRequest, NamesTheFieldTheValueAndTheLimit) {
  using Spoil = std::function<void(v1::SearchRequest&)>;
  using R = v1::SearchRequest;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::pair<Spoil, std::string>> examples = {
      {[](R& r) { r.set_k(0); }, "k is 0, it must be from 1 to 10000"},
      {[](R& r) { r.set_k(10'001); }, "k is 10001, it must be from 1 to 10000"},
      {[](R& r) { r.set_k(4'000'000'000); }, "k is 4000000000"},
      {[](R& r) { r.set_offset(9'991); }, "offset 9991 + k 10 is over the limit of 10000"},
      {[](R& r) { r.set_offset(4'294'967'295); }, "offset 4294967295 + k 10"},
      {[](R& r) { r.set_min_coverage(1.5); }, "min_coverage is 1.5, it must be from 0 to 1"},
      {[](R& r) { r.set_min_coverage(-0.1); }, "min_coverage is -0.1"},
      {[=](R& r) { r.set_min_coverage(nan); }, "min_coverage is nan"},
      {[](R& r) { r.set_timeout_us(30'000'001); }, "30000001, over the limit of 30000000"},
      {[](R& r) { r.add_shards(1); }, "for leaves only"},
      {[](R& r) { r.set_score_threshold(1); }, "for leaves only"},
      {[](R& r) { r.set_attempt_kind(v1::ATTEMPT_KIND_HEDGE); }, "for leaves only"},
      {[](R& r) { r.set_collection_checksum(1); }, "for leaves only"},
      {[](R& r) { r.mutable_query()->mutable_match_all(); }, "exclude each other"},
      {[](R& r) { r.clear_query_text(); }, "the query is empty"},
      {[](R& r) { r.clear_query_text(), r.mutable_query(); }, "without a kind"},
      {[](R& r) { r.set_query_text("a \"b"); }, "column 3"},
      {[](R& r) { r.set_query_text(std::string(10'000'000, 'a')); }, "limit of 1048576"},
      {[](R& r) {
         r.clear_query_text();
         r.mutable_query()->mutable_term()->set_text(std::string(2'000'000, 'a'));
       },
       "2000000 bytes of text, more than the limit of 1048576"},
      {[](R& r) {
         r.clear_query_text();
         for (int i = 0; i < 70'000; ++i) {
           r.mutable_query()->mutable_boolean()->add_must()->mutable_boolean();
         }
       },
       "70001 clauses"},
      {[](R& r) { r.add_fields("body"), r.set_omit_fields(true); }, "exclude each other"},
      {[](R& r) { r.add_fields("bodi"); },
       "unknown field \"bodi\", the collection has title, body"},
      {[](R& r) { r.set_query_text("bodi:a"); }, "unknown field \"bodi\""},
      {[](R& r) {
         for (int i = 0; i < 1001; ++i) r.add_fields("body");
       },
       "fields names 1001 fields, more than the limit of 1000"},
  };
  for (const auto& [spoil, expected] : examples) {
    v1::SearchRequest request = Request();
    spoil(request);
    const absl::Status status = Plan(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << expected;
    EXPECT_THAT(std::string(status.message()), HasSubstr(expected));
  }
}

TEST(CheckSearchRequest, NamesAKindThatIsNotBuilt) {
  const absl::Status status = Plan(Request("pre*")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("prefix"));
}

TEST(PlanQuery, AnAnalyzerOfAnotherVersionIsAFailedPrecondition) {
  v1::CollectionInfo info = FakeCollection({}).info();
  info.set_analyzer_version(99);
  v1::Query query;
  AnalyzerCache analyzers;
  ASSERT_TRUE(CheckSearchRequest(Request(), absl::Seconds(30), query).ok());
  EXPECT_EQ(PlanQuery(Request(), query, info, analyzers).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(SoftDeadlineMargin, IsATenthWithinLimits) {
  EXPECT_EQ(SoftDeadlineMargin(absl::Milliseconds(500)), absl::Milliseconds(50));
  EXPECT_EQ(SoftDeadlineMargin(absl::Seconds(30)), absl::Milliseconds(100));
  EXPECT_EQ(SoftDeadlineMargin(absl::Milliseconds(10)), absl::Milliseconds(2));
  EXPECT_EQ(SoftDeadlineMargin(absl::Milliseconds(2)), absl::Milliseconds(1));
}

}  // namespace
}  // namespace canopy
