// How simulated runs and plans are printed.
#include "cli/simulation_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/model_flags.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

SimulationRow Row() {
  SimulationRow row{.cluster = {.shards = 4, .leaves = 4}, .hedge = HedgeMode::kOn, .report = {}};
  row.report.seed = 7;
  row.report.queries = 100;
  row.report.ok = 98;
  row.report.errors["UNAVAILABLE"] = 2;
  row.report.latency_us.RecordMany(1500, 98);
  row.report.primary_calls = 400;
  row.report.hedges = 8;
  row.report.hedges_won = 5;
  row.report.busy = 1000;
  row.report.wasted = 10;
  return row;
}

TEST(SimulationOutputTest, JsonHasEveryFigureOfARow) {
  const auto json = nlohmann::json::parse(SimulationJson({Row()}, "by flags"));
  const auto& row = json["rows"][0];
  EXPECT_EQ(json["model"], "by flags");
  EXPECT_EQ(row["leaves"], 4);
  EXPECT_EQ(row["hedge"], "on");
  EXPECT_EQ(row["seed"], 7);
  EXPECT_EQ(row["errors"]["UNAVAILABLE"], 2);
  EXPECT_EQ(row["p99_us"], 1500);
  EXPECT_EQ(row["extra_load"], 0.02);
  EXPECT_EQ(row["hedges_won"], 5);
  EXPECT_EQ(row["wasted_cpu_ratio"], 0.01);
}

TEST(SimulationOutputTest, TheTableSaysWhatFailed) {
  const std::string text = HumanSimulation({Row()}, "by flags");
  EXPECT_THAT(text, HasSubstr("1.50"));
  EXPECT_THAT(text, HasSubstr("UNAVAILABLE 2"));
  EXPECT_THAT(text, HasSubstr("seed 7"));
}

PlanRequest Request() {
  PlanRequest request;
  request.objective = {.quantile = 0.99, .latency = 80'000'000};
  request.qps = 100;
  request.docs = 1e6;
  request.max_leaves = 10;
  return request;
}

TEST(SimulationOutputTest, APlanNamesItsRunnerUpAndWhatBreaksFirst) {
  Plan plan;
  plan.best = PlanPoint{.shards = 3, .replicas = 2, .holds = true};
  plan.runner_up = PlanPoint{.shards = 7, .replicas = 1, .holds = true};
  plan.load = Limit{.factor = 1.5, .beyond = {.busiest_leaf = 0.95}, .by_load = true};
  plan.docs = Limit{.factor = 1.2, .beyond = {.busiest_leaf = 0.3}, .by_load = false};
  const std::string text = HumanPlan(Request(), plan, {"it rains"});
  EXPECT_THAT(text, HasSubstr("6 leaf processes"));
  EXPECT_THAT(text, HasSubstr("7 leaf processes"));
  EXPECT_THAT(text, HasSubstr("first when it grows: documents"));
  EXPECT_THAT(text, HasSubstr("1.50 times (150)"));
  EXPECT_THAT(text, HasSubstr("- it rains"));
  const auto json = nlohmann::json::parse(PlanJson(Request(), plan, {"it rains"}));
  EXPECT_EQ(json["plan"]["leaf_processes"], 6);
  EXPECT_EQ(json["runner_up"]["leaf_processes"], 7);
  EXPECT_EQ(json["first_to_break"], "documents");
  EXPECT_EQ(json["docs_limit"]["cause"], "slow queries");
  EXPECT_EQ(json["assumptions"][0], "it rains");
}

TEST(SimulationOutputTest, WithoutAPlanItSaysSo) {
  const std::string text = HumanPlan(Request(), {}, {});
  EXPECT_THAT(text, HasSubstr("nothing holds with at most 10 leaf processes"));
  EXPECT_THAT(text, Not(HasSubstr("runner-up")));
  EXPECT_TRUE(nlohmann::json::parse(PlanJson(Request(), {}, {}))["plan"].is_null());
}

TEST(ModelFlagsTest, StragglersAreReadAsLeavesReadThem) {
  WorkModel work;
  ASSERT_TRUE(ParseStraggler("1%:50ms:exp", work).ok());
  EXPECT_DOUBLE_EQ(work.straggler_share, 0.01);
  EXPECT_DOUBLE_EQ(work.straggler_delay.Mean(), 50e6);
  Random random(1);
  EXPECT_NE(work.straggler_delay.Sample(random), 50e6);
  ASSERT_TRUE(ParseStraggler("0.5%:20ms", work).ok());
  EXPECT_EQ(work.straggler_delay.Sample(random), 20e6);
  for (const char* text : {"", "1%", "1:50ms", "101%:50ms", "1%:50", "1%:50ms:x", "-1%:50ms"}) {
    EXPECT_FALSE(ParseStraggler(text, work).ok()) << text;
  }
}

TEST(ModelFlagsTest, AWrongFlagIsNamed) {
  ModelFlags flags;
  flags.wire_time = "soon";
  EXPECT_THAT(std::string(ReadWorkModel(flags).status().message()), HasSubstr("--wire-time"));
  flags = {};
  flags.straggler = "often";
  EXPECT_THAT(std::string(ReadWorkModel(flags).status().message()), HasSubstr("--straggler"));
}

}  // namespace
}  // namespace canopy
