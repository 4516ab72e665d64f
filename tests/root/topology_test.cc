#include "root/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace canopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Topology, ReadsReplicasByShard) {
  const auto topology = ParseTopology(
      "# two leaf processes a replica\n"
      "shards:\n"
      "  1: [\"127.0.0.1:7002\", \"[::1]:7004\"]\n"
      "  0: [127.0.0.1:7001, \"unix:/run/leaf\"]\n"
      "  2:\n"
      "    - 127.0.0.1:7001\n",
      "t.yaml");
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_THAT(topology->shards, ElementsAre(ElementsAre("127.0.0.1:7001", "unix:/run/leaf"),
                                            ElementsAre("127.0.0.1:7002", "[::1]:7004"),
                                            ElementsAre("127.0.0.1:7001")));
  EXPECT_THAT(topology->Addresses(),
              ElementsAre("127.0.0.1:7001", "unix:/run/leaf", "127.0.0.1:7002", "[::1]:7004"));
}

TEST(Topology, ReadsJsonToo) {
  const auto topology = ParseTopology(R"({"shards": {"0": ["a:1"], "1": ["b:2"]}})", "t.json");
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->shards.size(), 2u);
}

struct BadTopology {
  std::string text;
  std::string expected;
};

TEST(Topology, ErrorsNameFileAndLine) {
  const std::vector<BadTopology> examples = {
      {"", "expected a map"},
      {"[1, 2]", "t.yaml:1: expected a map"},
      {"shards:\n  0: [a:1\n", "t.yaml:"},
      {"shards:\n  0: [a:1]\nreplicas: 2\n", "t.yaml:3: unknown key \"replicas\""},
      {"shards: {}\n", "to be a map from shard number"},
      {"shards: [a:1]\n", "to be a map from shard number"},
      {"shards:\n  0: [a:1]\n  x: [a:1]\n",
       "t.yaml:3: expected a shard number below 100000, found \"x\""},
      {"shards:\n  -1: [a:1]\n", "t.yaml:2: expected a shard number"},
      {"shards:\n  100000: [a:1]\n", "t.yaml:2: expected a shard number"},
      {"shards:\n  0: [a:1]\n  2: [a:1]\n", "shard 1 is missing before shard 2"},
      {"shards:\n  0: [a:1]\n  00: [a:2]\n", "t.yaml:3: shard 0 stands twice"},
      {"shards:\n  0: []\n", "t.yaml:2: expected a list of addresses for shard 0"},
      {"shards:\n  0: a:1\n", "t.yaml:2: expected a list of addresses for shard 0"},
      {"shards:\n  0:\n    - a:1\n    - nonsense\n", "t.yaml:4: shard 0: "},
      {"shards:\n  0:\n    - a:1\n    - {b: 2}\n", "t.yaml:4: shard 0: "},
      {"shards:\n  0: [a:1, a:1]\n", "t.yaml:2: shard 0: a:1 stands twice"},
  };
  for (const auto& [text, expected] : examples) {
    const auto topology = ParseTopology(text, "t.yaml");
    EXPECT_EQ(topology.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(topology.status().message()), HasSubstr(expected)) << text;
    EXPECT_THAT(std::string(topology.status().message()), HasSubstr("t.yaml")) << text;
  }
}

TEST(Topology, AMissingFileIsNotFound) {
  const auto topology = ReadTopology(LocalFileSystem(), ::testing::TempDir() + "/no/such.yaml");
  EXPECT_EQ(topology.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(topology.status().message()), HasSubstr("such.yaml"));
}

}  // namespace
}  // namespace canopy
