#include "root/root_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

#include "base/strings.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Text(const RootMetrics& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.Collect());
}

// Of 10 documents, `covered` of them covered.
v1::SearchResponse Answer(uint64_t covered) {
  v1::SearchResponse response;
  v1::Coverage& coverage = *response.mutable_coverage();
  coverage.set_docs_total(10);
  coverage.set_docs_covered(covered);
  coverage.set_complete(covered == 10);
  return response;
}

LeafCall Ended(v1::AttemptKind kind, v1::AttemptOutcome outcome, absl::Duration took) {
  LeafCall call{.kind = kind, .sent = absl::UnixEpoch()};
  call.ended = call.sent + took;
  call.in_flight = false;
  call.outcome = outcome;
  return call;
}

TEST(RootMetrics, TimesQueriesByResult) {
  RootMetrics metrics;
  metrics.CountQuery(Answer(10), absl::Seconds(2), {});
  metrics.CountQuery(Answer(5), absl::Seconds(1), {});
  metrics.CountQuery(absl::InvalidArgumentError("x"), absl::Seconds(1), {});
  metrics.CountQuery(absl::Status(static_cast<absl::StatusCode>(99), "x"), absl::Seconds(1), {});
  const std::string text = Text(metrics);
  EXPECT_THAT(text, HasSubstr("canopy_root_query_seconds_sum{result=\"ok\"} 2\n"));
  for (const char* const result : {"ok", "partial", "invalid_argument", "unknown"}) {
    EXPECT_THAT(text,
                HasSubstr(Concat("canopy_root_query_seconds_count{result=\"", result, "\"} 1\n")));
  }
}

TEST(RootMetrics, TellsWhereTheTimeOfAnswersWent) {
  RootMetrics metrics;
  v1::SearchResponse response = Answer(10);
  response.mutable_ledger()->set_leaf_execution_us(2'000'000);
  metrics.CountQuery(response, absl::Seconds(3), {});
  EXPECT_THAT(Text(metrics),
              HasSubstr("canopy_root_query_part_seconds_sum{part=\"leaf_execution\"} 2\n"));
}

TEST(RootMetrics, CountsAPartialAnswerOnceForEachReason) {
  RootMetrics metrics;
  v1::SearchResponse response = Answer(5);
  for (const char* const reason : {"deadline_exceeded: late", "deadline_exceeded: later",
                                   "unavailable: gone", "nonsense", "not_needed: low"}) {
    v1::ShardCoverage& shard = *response.mutable_coverage()->add_shards();
    shard.set_state(v1::SHARD_STATE_MISSING);
    shard.set_reason(reason);
  }
  response.mutable_coverage()->add_shards()->set_state(v1::SHARD_STATE_COMPLETE);
  metrics.CountQuery(response, absl::Seconds(1), {});
  const std::string text = Text(metrics);
  for (const char* const reason : {"deadline_exceeded", "unavailable", "unknown", "not_needed"}) {
    EXPECT_THAT(
        text, HasSubstr(Concat("canopy_root_degraded_queries_total{reason=\"", reason, "\"} 1\n")));
  }
}

TEST(RootMetrics, TheCoverageFollowsTheLastAnswers) {
  RootMetrics metrics;
  const auto coverage_after = [&metrics](int queries, uint64_t covered) {
    for (int i = 0; i < queries; ++i) metrics.CountQuery(Answer(covered), absl::Seconds(1), {});
    for (const prometheus::MetricFamily& family : metrics.Collect()) {
      if (family.name == "canopy_root_coverage_ratio") return family.metric[0].gauge.value;
    }
    return -1.0;
  };
  EXPECT_EQ(coverage_after(0, 0), 1);
  EXPECT_NEAR(coverage_after(1000, 5), 0.5, 1e-6);
  EXPECT_GT(coverage_after(50, 10), 0.7);
  EXPECT_NEAR(coverage_after(1000, 10), 1, 1e-6);
}

TEST(RootMetrics, TimesLeafCallsByKindAndOutcome) {
  RootMetrics metrics;
  const LeafCall calls[] = {
      Ended(v1::ATTEMPT_KIND_PRIMARY, v1::ATTEMPT_OUTCOME_ERROR, absl::Seconds(1)),
      Ended(v1::ATTEMPT_KIND_RETRY, v1::ATTEMPT_OUTCOME_WON, absl::Seconds(2)),
      Ended(v1::ATTEMPT_KIND_FETCH, v1::ATTEMPT_OUTCOME_WON, absl::Seconds(4))};
  metrics.CountQuery(Answer(10), absl::Seconds(7), calls);
  EXPECT_THAT(
      Text(metrics),
      AllOf(HasSubstr("canopy_root_leaf_call_seconds_sum{kind=\"primary\",outcome=\"error\"} 1\n"),
            HasSubstr("canopy_root_leaf_call_seconds_sum{kind=\"retry\",outcome=\"won\"} 2\n"),
            HasSubstr("canopy_root_leaf_call_seconds_sum{kind=\"fetch\",outcome=\"won\"} 4\n"),
            HasSubstr("canopy_root_wasted_work_seconds_total{reason=\"error\"} 1\n")));
}

TEST(RootMetrics, TellsWhyWorkWasWasted) {
  const LeafCall lost[] = {
      Ended(v1::ATTEMPT_KIND_PRIMARY, v1::ATTEMPT_OUTCOME_CANCELLED, absl::Seconds(1))};
  const auto waste = [&](const absl::StatusOr<v1::SearchResponse>& result) {
    RootMetrics metrics;
    metrics.CountQuery(result, absl::Seconds(1), lost);
    return Text(metrics);
  };
  const auto by = [](const char* reason) {
    return HasSubstr(Concat("canopy_root_wasted_work_seconds_total{reason=\"", reason, "\"} 1\n"));
  };
  EXPECT_THAT(waste(Answer(10)), by("lost_hedge"));
  v1::SearchResponse timed_out = Answer(5);
  timed_out.set_timed_out(true);
  EXPECT_THAT(waste(timed_out), by("deadline"));
  EXPECT_THAT(waste(absl::DeadlineExceededError("")), by("deadline"));
  EXPECT_THAT(waste(absl::CancelledError("")), by("cancelled"));
}

TEST(RootMetrics, TellsOfHedges) {
  RootMetrics metrics;
  metrics.SetSteering({.hedges_won = 1, .hedges_cancelled = 2, .unhedged_budget = 3}, 4.5);
  EXPECT_THAT(Text(metrics),
              AllOf(HasSubstr("canopy_root_hedges_total{outcome=\"won\"} 1\n"),
                    HasSubstr("canopy_root_hedges_total{outcome=\"cancelled\"} 2\n"),
                    HasSubstr("canopy_root_unhedged_calls_total{reason=\"budget\"} 3\n"),
                    HasSubstr("canopy_root_hedge_budget_tokens 4.5\n")));
}

}  // namespace
}  // namespace canopy
