#include "cli/cluster_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cli/local_cluster.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DefaultLeaves, IsAProcessAShardUpToTheProcessorsButAtLeastTwo) {
  EXPECT_EQ(DefaultLeaves(1, 8), 1u);
  EXPECT_EQ(DefaultLeaves(4, 8), 4u);
  EXPECT_EQ(DefaultLeaves(16, 8), 8u);
  EXPECT_EQ(DefaultLeaves(16, 1), 2u);
}

TEST(PlanLeaves, DealsShardsOutOverTheLeavesOfEachReplica) {
  const auto plans = PlanLeaves({.shards = 5, .leaves = 2, .replicas = 2});
  ASSERT_TRUE(plans.ok()) << plans.status();
  ASSERT_EQ(plans->size(), 4u);
  EXPECT_THAT((*plans)[0].shards, ElementsAre(0, 2, 4));
  EXPECT_THAT((*plans)[1].shards, ElementsAre(1, 3));
  EXPECT_EQ((*plans)[3].replica, 1u);
  EXPECT_EQ((*plans)[3].leaf, 1u);
  EXPECT_THAT((*plans)[3].shards, ElementsAre(1, 3));
}

TEST(PlanLeaves, RefusesALeafWithoutAShard) {
  const auto plans = PlanLeaves({.shards = 2, .leaves = 3, .replicas = 1});
  EXPECT_EQ(plans.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(plans.status()), HasSubstr("--leaves 3: the index has 2 shards"));
}

TEST(PlanLeaves, RefusesNoReplicaAndTooManyProcesses) {
  EXPECT_EQ(PlanLeaves({.shards = 2, .leaves = 1, .replicas = 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PlanLeaves({.shards = 64, .leaves = 64, .replicas = 5}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(PlanLeaves, GivesEveryLeafTheOnlyShardWhenTheRootScattersByTerm) {
  const auto plans = PlanLeaves({.shards = 1, .leaves = 1, .replicas = 3, .by_term = true});
  ASSERT_TRUE(plans.ok()) << plans.status();
  ASSERT_EQ(plans->size(), 3u);
  for (const LeafPlan& plan : *plans) EXPECT_THAT(plan.shards, ElementsAre(0));
}

TEST(PlanLeaves, RefusesToScatterByTermOverSeveralShards) {
  const auto plans = PlanLeaves({.shards = 4, .leaves = 1, .replicas = 2, .by_term = true});
  EXPECT_EQ(plans.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(plans.status()), HasSubstr("the index has 4 shards"));
}

TEST(PlanLeaves, SaysHowLeavesAreCountedWhenTheRootScattersByTerm) {
  const auto plans = PlanLeaves({.shards = 1, .leaves = 3, .replicas = 1, .by_term = true});
  EXPECT_THAT(Message(plans.status()), HasSubstr("say --replicas 3"));
}

TEST(TopologyYaml, ListsTheReplicasOfEveryShardInOrder) {
  const auto plans = PlanLeaves({.shards = 3, .leaves = 2, .replicas = 2});
  ASSERT_TRUE(plans.ok());
  EXPECT_EQ(TopologyYaml(*plans, {"h:1", "h:2", "h:3", "h:4"}),
            "shards:\n"
            "  0: [\"h:1\", \"h:3\"]\n"
            "  1: [\"h:2\", \"h:4\"]\n"
            "  2: [\"h:1\", \"h:3\"]\n");
}

TEST(RestartDelay, DoublesUpToFiveSeconds) {
  EXPECT_EQ(RestartDelay(1), absl::Milliseconds(100));
  EXPECT_EQ(RestartDelay(2), absl::Milliseconds(200));
  EXPECT_EQ(RestartDelay(6), absl::Milliseconds(3200));
  EXPECT_EQ(RestartDelay(7), absl::Seconds(5));
  EXPECT_EQ(RestartDelay(1000000), absl::Seconds(5));
}

TEST(ParseReadyLine, ReadsAddressAndGeneration) {
  const auto ready =
      ParseReadyLine(R"({"ready": true, "address": "127.0.0.1:5", "generation": 3, "x": []})");
  ASSERT_TRUE(ready.ok()) << ready.status();
  EXPECT_EQ(ready->address, "127.0.0.1:5");
  EXPECT_EQ(ready->generation, 3u);
  EXPECT_EQ(ready->metrics, "");
}

TEST(ParseReadyLine, ReadsWhereMetricsAreServed) {
  const auto metrics = [](const char* line) { return ParseReadyLine(line)->metrics; };
  EXPECT_EQ(metrics(R"({"ready": true, "address": "a:1", "metrics": "a:2"})"), "a:2");
  EXPECT_EQ(metrics(R"({"ready": true, "address": "a:1", "metrics": null})"), "");
}

TEST(ParseReadyLine, IsNotAnyOtherLine) {
  for (const char* line : {"", "ready", "{", "[1]", "true", R"({"ready": false, "address": "a:1"})",
                           R"({"ready": true})", R"({"ready": true, "address": 5})"}) {
    EXPECT_EQ(ParseReadyLine(line).status().code(), absl::StatusCode::kNotFound) << line;
  }
}

}  // namespace
}  // namespace canopy
