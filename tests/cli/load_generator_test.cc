#include "cli/load_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "tests/support/manual_clock.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using Json = nlohmann::json;

// Answers the n-th query as script(n) says: at once, or when the virtual time has come.
class ScriptedBackend final : public SearchBackend {
 public:
  struct Reply {
    absl::Duration delay;
    absl::StatusOr<v1::SearchResponse> response;
  };

  ScriptedBackend(ManualClock& clock, std::function<Reply(size_t)> script)
      : clock_(clock), script_(std::move(script)) {}

  void Search(std::shared_ptr<const v1::SearchRequest> request, std::shared_ptr<Cancellation>,
              Done<v1::SearchResponse> done) override {
    queries.push_back(request->query_text());
    Reply reply = script_(queries.size() - 1);
    if (reply.delay == absl::ZeroDuration()) {
      done(std::move(reply.response));
    } else {
      pending_.push_back({clock_.Now() + reply.delay, std::move(reply.response), std::move(done)});
    }
  }
  void Fetch(std::shared_ptr<const v1::FetchRequest>, std::shared_ptr<Cancellation>,
             Done<v1::FetchResponse> done) override {
    done(absl::UnimplementedError("no fetch"));
  }

  // Moves the clock to `until`, giving on the way every answer at its moment.
  void AdvanceTo(absl::Time until) {
    while (true) {
      const auto next = std::min_element(pending_.begin(), pending_.end(),
                                         [](auto& a, auto& b) { return a.at < b.at; });
      if (next == pending_.end() || next->at > until) break;
      clock_.Advance(next->at - clock_.Now());
      const Pending due = std::move(*next);
      pending_.erase(next);
      due.done(due.response);
    }
    if (until > clock_.Now() && until != absl::InfiniteFuture())
      clock_.Advance(until - clock_.Now());
  }

  std::vector<std::string> queries;

 private:
  struct Pending {
    absl::Time at;
    absl::StatusOr<v1::SearchResponse> response;
    Done<v1::SearchResponse> done;
  };
  ManualClock& clock_;
  const std::function<Reply(size_t)> script_;
  std::vector<Pending> pending_;
};

v1::SearchResponse Answer(bool complete = true) {
  v1::SearchResponse response;
  response.mutable_coverage()->set_complete(complete);
  return response;
}

class RunLoadTest : public ::testing::Test {
 protected:
  LoadReport Run(const LoadOptions& options, std::function<ScriptedBackend::Reply(size_t)> script) {
    backend_.emplace(clock_, std::move(script));
    return RunLoad(*backend_, {"a", "b", "c"}, options, clock_, [this](absl::Time at) {
      backend_->AdvanceTo(at);
      return at < stop_at_;
    });
  }

  ManualClock clock_;
  absl::Time stop_at_ = absl::InfiniteFuture();
  std::optional<ScriptedBackend> backend_;
};

TEST_F(RunLoadTest, SendsAtTheGivenRateForTheGivenTime) {
  const LoadReport report =
      Run({.qps = 50, .duration = absl::Seconds(2), .arrivals = Arrivals::kFixed}, [](size_t) {
        return ScriptedBackend::Reply{absl::ZeroDuration(), Answer()};
      });
  EXPECT_EQ(report.sent, 100u);
  EXPECT_EQ(report.ok, 100u);
  EXPECT_EQ(report.partial, 0u);
  EXPECT_TRUE(report.errors.empty());
}

TEST_F(RunLoadTest, EndsEarlyWithAReportOfWhatWasSent) {
  stop_at_ = clock_.Now() + absl::Seconds(1);
  const LoadReport report =
      Run({.qps = 50, .duration = absl::Seconds(2), .arrivals = Arrivals::kFixed}, [](size_t) {
        return ScriptedBackend::Reply{absl::Milliseconds(4), Answer()};
      });
  EXPECT_EQ(report.sent, 50u);
  EXPECT_EQ(report.ok, 50u);
}

// One answer takes a second, and while it is awaited nothing can be sent: the clock stands still
// for the sender, as a thread that could not run. Those that were to leave meanwhile are charged
// for it.
TEST_F(RunLoadTest, CountsLatencyFromTheIntendedTime) {
  const LoadReport report =
      Run({.qps = 100, .duration = absl::Seconds(2), .arrivals = Arrivals::kFixed},
          [this](size_t query) {
            if (query == 0) clock_.Advance(absl::Seconds(1));
            return ScriptedBackend::Reply{absl::ZeroDuration(), Answer()};
          });
  EXPECT_EQ(report.sent, 200u);
  EXPECT_NEAR(static_cast<double>(report.latency_us.max()), 1e6, 1e4);
  EXPECT_NEAR(static_cast<double>(report.latency_us.Quantile(0.75)), 5e5, 2e4);
}

TEST_F(RunLoadTest, DoesNotWaitForAnswersBeforeTheNextQuery) {
  size_t seen = 0;
  const LoadReport report =
      Run({.qps = 100, .duration = absl::Milliseconds(995), .arrivals = Arrivals::kFixed},
          [&](size_t query) {
            seen = query;
            const bool last = query == 99;
            return ScriptedBackend::Reply{last ? absl::ZeroDuration() : absl::Milliseconds(4),
                                          Answer()};
          });
  EXPECT_EQ(seen, 99u);
  EXPECT_EQ(report.ok, 100u);
  EXPECT_EQ(report.latency_us.Quantile(0.5), 4000u);
}

TEST_F(RunLoadTest, CountsErrorsByStatusAndPartialAnswers) {
  const LoadReport report = Run(
      {.qps = 10, .duration = absl::Seconds(1), .arrivals = Arrivals::kFixed}, [](size_t query) {
        ScriptedBackend::Reply reply{absl::ZeroDuration(), Answer()};
        if (query == 1) reply.response = absl::UnavailableError("gone");
        if (query == 2) reply.response = absl::DeadlineExceededError("late");
        if (query == 3) reply.response = absl::UnavailableError("gone");
        if (query == 4) reply.response = Answer(/*complete=*/false);
        return reply;
      });
  EXPECT_EQ(report.sent, 10u);
  EXPECT_EQ(report.ok, 7u);
  EXPECT_EQ(report.partial, 1u);
  EXPECT_THAT(report.errors, ElementsAre(Pair("DEADLINE_EXCEEDED", 1), Pair("UNAVAILABLE", 2)));
  EXPECT_EQ(report.latency_us.count(), 7u);
}

TEST_F(RunLoadTest, TimesErrorsByStatusApartFromAnswers) {
  const LoadReport report = Run(
      {.qps = 10, .duration = absl::Seconds(1), .arrivals = Arrivals::kFixed}, [](size_t query) {
        if (query == 9) return ScriptedBackend::Reply{absl::ZeroDuration(), Answer()};
        if (query >= 2) return ScriptedBackend::Reply{absl::Milliseconds(50), Answer()};
        return ScriptedBackend::Reply{absl::Milliseconds(3), absl::ResourceExhaustedError("full")};
      });
  ASSERT_EQ(report.error_latency_us.size(), 1u);
  EXPECT_EQ(report.error_latency_us.at("RESOURCE_EXHAUSTED").count(), 2u);
  EXPECT_EQ(report.error_latency_us.at("RESOURCE_EXHAUSTED").max(), 3000u);
  EXPECT_EQ(report.latency_us.max(), 50000u);
  EXPECT_EQ(report.latency_us.count(), 8u);
}

TEST_F(RunLoadTest, TheTimelineGoesByTheSecondOfTheIntendedDeparture) {
  const LoadReport report =
      Run({.qps = 10, .duration = absl::Seconds(3), .arrivals = Arrivals::kFixed, .timeline = true},
          [](size_t query) {
            ScriptedBackend::Reply reply{absl::Milliseconds(3), Answer()};
            if (query == 9) reply.delay = absl::Milliseconds(1500);
            if (query >= 20) reply = {absl::ZeroDuration(), absl::UnavailableError("gone")};
            return reply;
          });
  ASSERT_EQ(report.timeline.size(), 3u);
  for (const LoadSecond& second : report.timeline) EXPECT_EQ(second.sent, 10u);
  EXPECT_EQ(report.timeline[0].latency_us.size(), 10u);
  EXPECT_EQ(report.timeline[0].p99_us(), 1500000u);
  EXPECT_EQ(report.timeline[1].p99_us(), 3000u);
  EXPECT_EQ(report.timeline[2].latency_us.size(), 0u);
  EXPECT_EQ(report.timeline[2].p99_us(), 0u);
}

TEST_F(RunLoadTest, KeepsTheSlowestAnswersWithTheirCalls) {
  const absl::Duration delays[] = {absl::Milliseconds(5),  absl::Milliseconds(40),
                                   absl::Milliseconds(1),  absl::Milliseconds(30),
                                   absl::Milliseconds(90), absl::ZeroDuration()};
  const LoadReport report =
      Run({.qps = 8, .duration = absl::Milliseconds(750), .arrivals = Arrivals::kFixed, .slowest = 3},
          [&](size_t n) -> ScriptedBackend::Reply {
            if (n == 4) return {delays[n], absl::UnavailableError("gone")};
            v1::SearchResponse answer = Answer();
            answer.add_attempts()->set_address(n == 1 ? "one" : "other");
            return {delays[n], answer};
          });
  ASSERT_EQ(report.slowest.size(), 3u);
  EXPECT_EQ(report.slowest[0].latency_us, 40000u);
  EXPECT_EQ(report.slowest[1].latency_us, 30000u);
  EXPECT_EQ(report.slowest[2].latency_us, 5000u);
  EXPECT_EQ(report.slowest[0].query, backend_->queries[1]);
  const Json json = Json::parse(LoadJson(report, ClusterWork()));
  ASSERT_EQ(json["slowest"].size(), 3u);
  EXPECT_EQ(json["slowest"][0]["latency_us"], 40000u);
  EXPECT_EQ(json["slowest"][0]["attempts"][0]["address"], "one");
  EXPECT_THAT(HumanLoad(report, ClusterWork()), HasSubstr("40.00 ms: " + backend_->queries[1]));
}

TEST_F(RunLoadTest, KeepsTheTimesOfTheCallsThatContributed) {
  v1::SearchResponse answer = Answer();
  const auto add = [&answer](v1::AttemptKind kind, v1::AttemptOutcome outcome, uint64_t us) {
    v1::Attempt& attempt = *answer.add_attempts();
    attempt.set_kind(kind);
    attempt.set_outcome(outcome);
    attempt.set_duration_us(us);
  };
  add(v1::ATTEMPT_KIND_PRIMARY, v1::ATTEMPT_OUTCOME_WON, 10);
  add(v1::ATTEMPT_KIND_PRIMARY, v1::ATTEMPT_OUTCOME_CANCELLED, 20);
  add(v1::ATTEMPT_KIND_HEDGE, v1::ATTEMPT_OUTCOME_WON, 30);
  add(v1::ATTEMPT_KIND_FETCH, v1::ATTEMPT_OUTCOME_WON, 40);
  add(v1::ATTEMPT_KIND_FETCH_HEDGE, v1::ATTEMPT_OUTCOME_WON, 50);
  add(v1::ATTEMPT_KIND_MORE, v1::ATTEMPT_OUTCOME_WON, 60);
  const LoadReport report =
      Run({.qps = 10, .duration = absl::Seconds(1), .arrivals = Arrivals::kFixed}, [&](size_t) {
        return ScriptedBackend::Reply{absl::ZeroDuration(), answer};
      });
  EXPECT_EQ(report.leaf_call_us.count(), 20u);
  EXPECT_EQ(report.leaf_call_us.min(), 10u);
  EXPECT_EQ(report.leaf_call_us.max(), 30u);
}

TEST_F(RunLoadTest, RefusesMoreThanTheLimitInFlight) {
  const LoadReport report = Run(
      {.qps = 10, .duration = absl::Seconds(1), .arrivals = Arrivals::kFixed, .max_in_flight = 1},
      [](size_t query) {
        const absl::Duration delay = query == 0 ? absl::Milliseconds(450) : absl::ZeroDuration();
        return ScriptedBackend::Reply{delay, Answer()};
      });
  EXPECT_EQ(report.sent, 10u);
  EXPECT_EQ(report.ok, 6u);  // those at 100 to 400 ms find the first one still out
  EXPECT_THAT(report.errors, ElementsAre(Pair("RESOURCE_EXHAUSTED", 4)));
}

TEST_F(RunLoadTest, TheSameSeedSendsTheSameQueries) {
  const LoadOptions options = {.qps = 100, .duration = absl::Seconds(1), .seed = 7};
  const auto script = [](size_t) { return ScriptedBackend::Reply{absl::ZeroDuration(), Answer()}; };
  Run(options, script);
  const std::vector<std::string> first = backend_->queries;
  Run(options, script);
  EXPECT_EQ(backend_->queries, first);
}

TEST(ArrivalSchedule, PoissonHasTheRightMeanAndSpread) {
  ArrivalSchedule schedule(Arrivals::kPoisson, 1000, /*seed=*/3);
  constexpr int kCount = 100000;
  double sum = 0, squares = 0;
  absl::Duration last = schedule.Next();
  EXPECT_EQ(last, absl::ZeroDuration());
  for (int i = 0; i < kCount; ++i) {
    const absl::Duration at = schedule.Next();
    const double gap = absl::ToDoubleSeconds(at - last) * 1000;
    sum += gap;
    squares += gap * gap;
    last = at;
  }
  const double mean = sum / kCount;
  EXPECT_NEAR(mean, 1, 0.02);
  EXPECT_NEAR(squares / kCount - mean * mean, 1, 0.05);  // exponential: variance = mean^2
}

v1::ClusterStatus StatusWith(uint64_t primary, uint64_t retry, uint64_t cpu, uint64_t wasted) {
  v1::ClusterStatus status;
  status.set_primary_calls_total(primary);
  status.set_retry_calls_total(retry);
  v1::ReplicaStatus& replica = *status.add_replicas();
  replica.set_address("a:1");
  replica.set_reachable(true);
  replica.mutable_leaf()->mutable_load()->set_cpu_us(cpu);
  replica.mutable_leaf()->set_wasted_us_total(wasted);
  return status;
}

TEST(WorkBetween, IsTheGrowthOfTheCounters) {
  const ClusterWork work =
      WorkBetween(StatusWith(100, 5, 1000, 10), StatusWith(300, 15, 3000, 110));
  EXPECT_EQ(work.primary_calls, 200u);
  EXPECT_EQ(work.retries, 10u);
  EXPECT_DOUBLE_EQ(work.extra_load(), 0.05);
  EXPECT_DOUBLE_EQ(work.wasted_cpu_ratio(), 0.05);
}

TEST(WorkBetween, ALeafThatBeganAgainCountsFromItsStart) {
  const ClusterWork work = WorkBetween(StatusWith(0, 0, 1000, 10), StatusWith(0, 0, 400, 4));
  EXPECT_EQ(work.search_us, 400u);
  EXPECT_EQ(work.wasted_us, 4u);
}

TEST(WorkBetween, OfAnIdleClusterHasNoRatios) {
  const ClusterWork work = WorkBetween(StatusWith(1, 1, 1, 1), StatusWith(1, 1, 1, 1));
  EXPECT_EQ(work.extra_load(), 0);
  EXPECT_EQ(work.wasted_cpu_ratio(), 0);
}

TEST(LoadJson, HasTheNamesOfTheContract) {
  LoadReport report;
  report.sent = 4;
  report.ok = 3;
  report.errors["UNAVAILABLE"] = 1;
  report.seconds = 2;
  for (const uint64_t us : {100, 100, 120}) report.latency_us.Record(us);
  ClusterWork work;
  work.primary_calls = 10;
  work.hedges = 1;
  const Json json = Json::parse(LoadJson(report, work));
  EXPECT_EQ(json["sent"], 4);
  EXPECT_EQ(json["ok"], 3);
  EXPECT_EQ(json["errors"], (Json{{"UNAVAILABLE", 1}}));
  EXPECT_EQ(json["partial"], 0);
  for (const char* name : {"p50_us", "p90_us", "p95_us", "p99_us", "p999_us", "max_us"}) {
    EXPECT_TRUE(json.contains(name)) << name;
  }
  EXPECT_EQ(json["p50_us"], 100);
  EXPECT_EQ(json["max_us"], 120);
  EXPECT_EQ(json["achieved_qps"], 1.5);
  EXPECT_EQ(json["hedges"], 1);
  EXPECT_EQ(json["extra_load"], 0.1);
  EXPECT_EQ(json["wasted_cpu_ratio"], 0);
}

TEST(LoadJson, HasNullForWhatTheClusterDidNotTell) {
  LoadReport report;
  report.sent = 4;
  const Json json = Json::parse(LoadJson(report, std::nullopt));
  EXPECT_EQ(json["sent"], 4);
  for (const char* name :
       {"primary_calls", "retries", "hedges", "extra_load", "wasted_cpu_ratio"}) {
    ASSERT_TRUE(json.contains(name)) << name;
    EXPECT_TRUE(json[name].is_null()) << name;
  }
}

TEST(HumanLoad, SaysWhatIsNotKnownOfTheCluster) {
  EXPECT_THAT(HumanLoad({}, std::nullopt), HasSubstr("unknown"));
  EXPECT_THAT(HumanLoad({}, ClusterWork{.primary_calls = 12}),
              AllOf(HasSubstr("12 primary"), Not(HasSubstr("unknown"))));
}

TEST(LoadJson, HasTheTimesOfErrorsAndTheTimelineWhenAskedFor) {
  LoadReport report;
  EXPECT_FALSE(Json::parse(LoadJson(report, {})).contains("timeline"));
  report.error_latency_us["UNAVAILABLE"].Record(70);
  report.timeline = {{.sent = 3, .latency_us = {5, 9}}, {.sent = 1}};
  const Json json = Json::parse(LoadJson(report, {}));
  EXPECT_EQ(json["error_latency"]["UNAVAILABLE"]["p99_us"], 70);
  EXPECT_EQ(json["timeline"][0], (Json{{"second", 0}, {"sent", 3}, {"ok", 2}, {"p99_us", 9}}));
  EXPECT_EQ(json["timeline"][1],
            (Json{{"second", 1}, {"sent", 1}, {"ok", 0}, {"p99_us", nullptr}}));
}

}  // namespace
}  // namespace canopy
