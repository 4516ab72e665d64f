#include "cli/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/strings.h"
#include "cli/sweep_cluster.h"
#include "cli/sweep_report.h"

namespace canopy {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

TEST(ParseCounts, ReadsAListOfNumbersAboveZero) {
  EXPECT_THAT(*ParseCounts("1,2,16"), ElementsAre(1u, 2u, 16u));
  for (const char* const wrong : {"", "0", "1,,2", "1,x", "-1"}) {
    EXPECT_THAT(Message(ParseCounts(wrong).status()), HasSubstr("whole numbers above 0")) << wrong;
  }
  EXPECT_THAT(Message(ParseCounts("4,2,4").status()), HasSubstr("4 stands in the list twice"));
}

TEST(ParseHedgeModes, KnowsThoseOfTheRoot) {
  EXPECT_THAT(*ParseHedgeModes("on,shadow,off"), ElementsAre("on", "shadow", "off"));
  EXPECT_THAT(Message(ParseHedgeModes("off,maybe").status()), HasSubstr("got \"off,maybe\""));
}

TEST(CheckStraggler, TakesWhatALeafTakes) {
  for (const char* const right : {"1%:50ms", "0.5%:1s:exp", "100%:0"}) {
    EXPECT_TRUE(CheckStraggler(right).ok()) << right;
  }
  for (const char* const wrong : {"", "1%", "1:50ms", "101%:50ms", "1%:50", "1%:50ms:normal"}) {
    EXPECT_THAT(Message(CheckStraggler(wrong)), HasSubstr("SHARE:TIME")) << wrong;
  }
}

TEST(CheckAxes, MoreLeavesThanShardsAreRefusedWithBothNumbers) {
  const SweepAxes axes = {.leaves = {1, 8}, .replicas = {1}, .hedge = {"off"}};
  EXPECT_TRUE(CheckAxes(axes, 8).ok());
  const absl::Status status = CheckAxes(axes, 4);
  EXPECT_THAT(Message(status), HasSubstr("--leaves 8"));
  EXPECT_THAT(Message(status), HasSubstr("the index has 4 shards"));
}

TEST(CasesWith, AreTheCalmOneAndAllCombinations) {
  const SweepAxes axes = {.leaves = {2, 4}, .replicas = {1, 2}, .hedge = {"off", "on"}};
  std::vector<std::string> series;
  for (const SweepCase& sweep_case : CasesWith(axes, 4)) {
    EXPECT_EQ(sweep_case.leaves, 4u);
    series.push_back(sweep_case.Series());
  }
  EXPECT_THAT(series, ElementsAre("calm", "hedge off, 1 replica", "hedge on, 1 replica",
                                  "hedge off, 2 replicas", "hedge on, 2 replicas"));
  EXPECT_EQ(CasesWith(axes, 4)[0].replicas, 2u);
}

TEST(DurationOf, IsBoundedByEveryPart) {
  const SweepAxes axes = {.leaves = {1, 2}, .replicas = {1}, .hedge = {"off"}};
  const SweepTimes times = {.start = absl::Seconds(100),
                            .stop = absl::Seconds(10),
                            .warm_up = absl::Seconds(2),
                            .load = absl::Seconds(20),
                            .drain = absl::Seconds(5),
                            .clean = absl::Seconds(60),
                            .ramp = absl::Seconds(40),
                            .repeats = 3};
  const SweepDuration duration = DurationOf(axes, times);
  EXPECT_EQ(duration.clusters, 2u * 2 * 3 + 1);  // and one for the ramp
  EXPECT_EQ(duration.at_least, 12 * absl::Seconds(22));
  EXPECT_EQ(duration.at_most, 12 * absl::Seconds(22 + 5) + 13 * absl::Seconds(110) +
                                  2 * absl::Seconds(60) + absl::Seconds(40 + 2));
}

const SweepClusterOptions kClusterOptions = {
    .canopy = "bin/canopy", .index = "dir", .log = "log", .straggler = "1%:50ms"};

TEST(UpCommandLine, EveryLeafHasASeedOfItsOwnAndEveryRepeatOthers) {
  const SweepCase sweep_case = {.leaves = 4, .replicas = 2, .hedge = "on"};
  SweepClusterOptions options = kClusterOptions;
  const auto first = UpCommandLine(sweep_case, options);
  EXPECT_THAT(first, Contains("--leaf-flag=--inject-delay=1%:50ms"));
  EXPECT_THAT(first, Contains("--leaf-flag=--inject-seed=1{n}"));
  EXPECT_THAT(first, Contains("--root-flag=--hedge=on"));
  options.repeat = 1;
  EXPECT_THAT(UpCommandLine(sweep_case, options), Contains("--leaf-flag=--inject-seed=2{n}"));
}

TEST(UpCommandLine, ACalmClusterHasNoFaults) {
  for (const std::string& argument : UpCommandLine({.leaves = 4, .calm = true}, kClusterOptions)) {
    EXPECT_THAT(argument, Not(HasSubstr("inject")));
  }
}

TEST(MeasureCapacity, DoublesTheLoadUntilItIsNotAnsweredInTime) {
  std::vector<double> offered;
  const auto capacity = MeasureCapacity([&](double qps) -> absl::StatusOr<double> {
    offered.push_back(qps);
    return std::min(qps, 130.0);
  });
  EXPECT_THAT(offered, ElementsAre(25, 50, 100, 200));
  EXPECT_EQ(*capacity, 130);
}

TEST(MeasureCapacity, EndsWhereverTheClusterDoesNot) {
  int steps = 0;
  const auto capacity = MeasureCapacity([&](double qps) -> absl::StatusOr<double> {
    ++steps;
    return qps;
  });
  EXPECT_EQ(steps, kRampSteps);
  EXPECT_EQ(*capacity, kRampFirstQps * 4096);
}

TEST(QpsFor, IsARoundNumberOfAtMostFortyPercent) {
  EXPECT_DOUBLE_EQ(QpsFor(1000), 400);
  EXPECT_DOUBLE_EQ(QpsFor(1234), 490);
  EXPECT_DOUBLE_EQ(QpsFor(32), 12);
  EXPECT_DOUBLE_EQ(QpsFor(7), 2.8);
  EXPECT_EQ(QpsFor(0), 0);
}

// A run of `count` queries that took `us` each, over calls that took `call_us`.
CaseRun RunOf(uint64_t count, uint64_t us, uint64_t call_us = 50) {
  CaseRun run;
  run.load.sent = run.load.ok = count;
  run.load.seconds = 10;
  run.load.latency_us.RecordMany(us, count);
  run.load.leaf_call_us.RecordMany(call_us, count);
  run.work.primary_calls = 100;
  return run;
}

CleanTimes OneCleanQuery() {
  v1::SearchResponse response;
  v1::Attempt& attempt = *response.add_attempts();
  attempt.add_shards(0);
  attempt.set_duration_us(40);
  attempt.set_outcome(v1::ATTEMPT_OUTCOME_WON);
  response.mutable_ledger()->set_leaf_execution_us(40);
  CleanTimes clean;
  clean.Add(0, response, 50);
  return clean;
}

TEST(MakeRow, HasTheMedianOfItsRepeats) {
  const std::vector<CaseRun> runs = {RunOf(1000, 100), RunOf(1200, 90), RunOf(1100, 120)};
  const SweepRow row = MakeRow({}, {.qps = 100, .repeats = 3}, runs, nullptr, CleanTimes());
  EXPECT_EQ(row.repeats, 3u);
  EXPECT_EQ(row.measured.p99_us, 100u);
  EXPECT_EQ(row.ok, 1100u);
  EXPECT_EQ(row.achieved_qps, 110);
  EXPECT_FALSE(row.limit.has_value());
  EXPECT_FALSE(row.prediction.has_value());
}

TEST(MakeRow, WhatMustNotHappenIsShownWhenItHappenedOnce) {
  std::vector<CaseRun> runs = {RunOf(1000, 100), RunOf(1000, 100), RunOf(1000, 100)};
  runs[1].load.errors = {{"UNAVAILABLE", 2}, {"DEADLINE_EXCEEDED", 1}};
  runs[2].load.partial = 5;
  const SweepRow row = MakeRow({}, {.repeats = 3}, runs, nullptr, CleanTimes());
  EXPECT_EQ(row.errors, 3u);
  EXPECT_EQ(row.partial, 5u);
}

TEST(MakeRow, TooFewAnswersHaveNoP999) {
  const SweepOptions options = {.min_queries = 1000};
  const CaseRun enough = RunOf(1000, 100), too_few = RunOf(999, 100);
  EXPECT_EQ(MakeRow({}, options, {&enough, 1}, nullptr, CleanTimes()).measured.p999_us, 100u);
  EXPECT_FALSE(MakeRow({}, options, {&too_few, 1}, nullptr, CleanTimes()).measured.p999_us);
}

TEST(MakeRow, TheLimitIsWhatTheQueryTakesAloneAndThePredictionAddsTheWayToTheRoot) {
  const CaseRun run = RunOf(1000, 100);
  const SweepRow row = MakeRow({}, {}, {&run, 1}, &run.load.leaf_call_us, OneCleanQuery());
  EXPECT_EQ(row.limit->p99_us, 50u);
  EXPECT_EQ(row.P99OverLimit(), 2);
  EXPECT_EQ(row.prediction->p99_us, 50u + 10u);
}

class RunSweepTest : public ::testing::Test {
 protected:
  absl::Status Run(const MeasureCase& measure) {
    return RunSweep(options_, measure, [this](const std::vector<SweepRow>& rows) { rows_ = rows; });
  }
  const SweepRow* RowOf(uint32_t leaves, const std::string& series) const {
    for (const SweepRow& row : rows_) {
      if (row.sweep_case.leaves == leaves && row.sweep_case.Series() == series) return &row;
    }
    return nullptr;
  }

  SweepOptions options_ = {
      .axes = {.leaves = {1, 4}, .replicas = {2}, .hedge = {"off", "on"}}, .qps = 10, .repeats = 2};
  std::vector<SweepRow> rows_;
};

TEST_F(RunSweepTest, MeasuresEveryCaseOfARepeatBeforeTheNext) {
  std::vector<std::string> order;
  const auto measure = [&](const SweepCase& sweep_case, uint32_t repeat, CleanTimes* clean) {
    order.push_back(Concat(sweep_case.leaves, " ", sweep_case.Series(), " ", repeat,
                           clean != nullptr ? " limit" : ""));
    return RunOf(100, 100);
  };
  ASSERT_TRUE(Run(measure).ok());
  EXPECT_THAT(order,
              ElementsAre("1 calm 0 limit", "1 hedge off, 2 replicas 0", "1 hedge on, 2 replicas 0",
                          "1 calm 1", "1 hedge off, 2 replicas 1", "1 hedge on, 2 replicas 1",
                          "4 calm 0 limit", "4 hedge off, 2 replicas 0", "4 hedge on, 2 replicas 0",
                          "4 calm 1", "4 hedge off, 2 replicas 1", "4 hedge on, 2 replicas 1"));
  EXPECT_EQ(rows_.size(), 6u);
  EXPECT_EQ(rows_[5].repeats, 2u);
}

TEST_F(RunSweepTest, KeepsWhatWasMeasuredBeforeAnError) {
  int cases = 0;
  const auto measure = [&](const SweepCase&, uint32_t, CleanTimes*) -> absl::StatusOr<CaseRun> {
    if (++cases == 3) return absl::CancelledError("stopped");
    return RunOf(100, 100);
  };
  EXPECT_EQ(Run(measure).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(rows_.size(), 2u);
}

// Hedged calls are cut short; the prediction needs calls as they are without.
TEST_F(RunSweepTest, PredictsHedgingFromTheCallsWithout) {
  const auto measure = [&](const SweepCase& sweep_case, uint32_t, CleanTimes* clean) {
    if (clean != nullptr) *clean = OneCleanQuery();
    if (sweep_case.calm) return RunOf(100, 100);
    CaseRun run = RunOf(990, 1000, 1000);
    run.load.leaf_call_us.RecordMany(sweep_case.hedge == "on" ? 1000 : 9000, 10);
    return run;
  };
  ASSERT_TRUE(Run(measure).ok());
  // Of four leaves, 4 % of the queries have a call of 9 ms; hedged ones wait 1 ms, and again 1 ms.
  EXPECT_NEAR(static_cast<double>(RowOf(4, "hedge off, 2 replicas")->prediction->p99_us), 9010, 90);
  EXPECT_NEAR(static_cast<double>(RowOf(4, "hedge on, 2 replicas")->prediction->p99_us), 2010, 40);
}

class ReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const uint32_t leaves : {1u, 2u}) {
      for (SweepCase& sweep_case :
           CasesWith({.leaves = {}, .replicas = {2}, .hedge = {"off", "on"}}, leaves)) {
        const CaseRun run = RunOf(1000, leaves * 1000);
        rows_.push_back(MakeRow(sweep_case, options_, {&run, 1}, nullptr, OneCleanQuery()));
      }
    }
  }

  SweepOptions options_ = {.min_queries = 1001};
  std::vector<SweepRow> rows_;
};

TEST_F(ReportTest, TheTableSaysTooFewInsteadOfNoise) {
  EXPECT_THAT(SweepTable(rows_), HasSubstr("too few"));
  for (SweepRow& row : rows_) row.measured.p999_us = 5000;
  EXPECT_THAT(SweepTable(rows_), Not(HasSubstr("too few")));
}

TEST_F(ReportTest, JsonHasTheNamesOfTheContract) {
  const Json json = Json::parse(SweepJson({.checksum = 0xab}, options_, rows_));
  EXPECT_EQ(json["index"]["checksum"], "00000000000000ab");
  EXPECT_TRUE(json["capacity_qps"].is_null());
  ASSERT_EQ(json["rows"].size(), 6u);
  const Json& row = json["rows"][0];
  for (const char* const name :
       {"leaves", "replicas", "hedge", "straggler", "offered_qps", "achieved_qps", "p50_us",
        "p90_us", "p95_us", "p99_us", "p999_us", "max_us", "prediction_p99_us", "limit_p99_us",
        "p99_over_limit", "extra_load", "wasted_cpu_ratio", "partial", "errors"}) {
    EXPECT_TRUE(row.contains(name)) << name;
  }
  EXPECT_EQ(row["straggler"], false);
  EXPECT_EQ(row["p99_us"], 1000);
  EXPECT_TRUE(row["p999_us"].is_null());
  EXPECT_EQ(row["p99_over_limit"], 20);
}

TEST_F(ReportTest, PlotsHaveALineForEachSeriesAndTheLimit) {
  EXPECT_EQ(PlotData(rows_),
            "# calm: leaves, p50, p99, p99.9 in ms\n1 1.00 1.00 ?\n2 2.00 2.00 ?\n\n\n"
            "# hedge off, 2 replicas: leaves, p50, p99, p99.9 in ms\n1 1.00 1.00 ?\n"
            "2 2.00 2.00 ?\n\n\n"
            "# hedge on, 2 replicas: leaves, p50, p99, p99.9 in ms\n1 1.00 1.00 ?\n"
            "2 2.00 2.00 ?\n\n\n"
            "# limit: leaves, p50, p99, p99.9 in ms\n1 0.05 0.05 0.05\n2 0.05 0.05 0.05\n");
  const std::string script = PlotScript(rows_, "1%:50ms");
  EXPECT_THAT(script, HasSubstr("index 3 using 1:3"));
  EXPECT_THAT(script, HasSubstr("title \"limit\""));
  EXPECT_THAT(script, HasSubstr("set xtics (1, 2)"));
}

TEST_F(ReportTest, P999IsPlottedWhenThereIsOne) {
  EXPECT_THAT(PlottedQuantiles(rows_), ElementsAre("p50", "p99"));
  rows_[3].measured.p999_us = 7000;
  EXPECT_THAT(PlottedQuantiles(rows_), ElementsAre("p50", "p99", "p999"));
}

}  // namespace
}  // namespace canopy
