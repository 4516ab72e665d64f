// The binary canopy-root: flags, signals, exit status, what it prints. CANOPY_ROOT is its path.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/strings.h"
#include "rpc/search_client.h"
#include "tests/root/served_fake_leaf.h"
#include "tests/rpc/function_backend.h"
#include "tests/support/health.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A root over one leaf process with all four shards of the fake collection.
class CanopyRootTest : public ::testing::Test {
 protected:
  std::unique_ptr<ServerProcess> Run(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {CANOPY_ROOT, "--drain-grace", "0s"});
    return std::make_unique<ServerProcess>(std::move(flags), errors_);
  }
  std::unique_ptr<ServerProcess> RunOver(const std::vector<std::string>& leaves) {
    WriteTopology(leaves);
    return Run({"--topology", topology_});
  }
  // Every shard on every leaf.
  void WriteTopology(const std::vector<std::string>& leaves) {
    std::string replicas;
    for (const std::string& leaf : leaves) replicas += Concat("\"", leaf, "\", ");
    std::string text = "shards:\n";
    for (int shard = 0; shard < 4; ++shard) text += Concat("  ", shard, ": [", replicas, "]\n");
    Write(text);
  }
  void Write(const std::string& topology) {
    ASSERT_TRUE(WriteFileAtomically(LocalFileSystem(), topology_, topology).ok());
  }
  // The address that a root prints when it is ready.
  std::string AddressOf(ServerProcess& root) {
    const std::string line = root.ReadLine();
    const auto json = nlohmann::json::parse(line, nullptr, false);
    EXPECT_TRUE(json.is_object()) << line << Errors();
    return json.is_object() ? json["address"].get<std::string>() : "";
  }
  std::string Errors() const { return ReadFile(LocalFileSystem(), errors_).value_or(""); }
  void WaitForError(const std::string& part) {
    const absl::Time give_up = SteadyClock().Now() + kLong;
    while (Errors().find(part) == std::string::npos) {
      ASSERT_LT(SteadyClock().Now(), give_up) << Errors();
      std::this_thread::yield();
    }
  }
  // Exit status of a root that is expected to end by itself.
  int ExitOf(std::vector<std::string> flags) { return Run(std::move(flags))->Wait(); }

  const TempDir directory_;
  const std::string topology_ = directory_.File("topology.yaml");
  const std::string errors_ = directory_.File("errors");
  ServedFakeLeaf leaf_{{0, 1, 2, 3}};
};

int ReplicasOf(SearchClient& client) {
  Outcome<v1::ClusterStatus> status;
  client.Status(WithTimeout(kLong), status.done());
  EXPECT_TRUE(status.Wait().ok()) << status.Wait().status();
  return status.Wait().ok() ? status.Wait()->replicas_size() : 0;
}

TEST_F(CanopyRootTest, PrintsOneLineWhenItIsReadyAndDrainsOnSigterm) {
  const auto root = RunOver({leaf_.address()});
  const std::string line = root->ReadLine();
  const auto json = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(json.is_object()) << line << Errors();
  EXPECT_EQ(json["ready"], true);
  EXPECT_EQ(json["pid"], root->pid());
  EXPECT_EQ(CheckHealth(json["address"], kReadyService, kLong), absl::OkStatus());
  root->Signal(SIGTERM);
  EXPECT_EQ(root->ReadLine(), "");  // nothing else, and then the end
  EXPECT_EQ(root->Wait(), 0);
}

TEST_F(CanopyRootTest, SighupReadsTheTopologyAgainAndABrokenOneChangesNothing) {
  const auto root = RunOver({leaf_.address()});
  EventLoop loop;
  SearchClient client(loop, AddressOf(*root));
  Write("shards:\n  0: [\"nowhere\"]\n");
  root->Signal(SIGHUP);
  WaitForError("the old topology stays");
  EXPECT_THAT(Errors(), HasSubstr(topology_ + ":2"));
  EXPECT_EQ(ReplicasOf(client), 1);

  ServedFakeLeaf other({0, 1, 2, 3});
  WriteTopology({leaf_.address(), other.address()});
  root->Signal(SIGHUP);
  WaitForError("topology read again");
  const absl::Time give_up = SteadyClock().Now() + kLong;
  while (ReplicasOf(client) != 2) ASSERT_LT(SteadyClock().Now(), give_up);
}

TEST_F(CanopyRootTest, WhatIsWrongIsSaidAndNamed) {
  EXPECT_EQ(ExitOf({}), 2);
  EXPECT_THAT(Errors(), HasSubstr("--topology"));
  EXPECT_EQ(ExitOf({"--topology", topology_}), 1);
  EXPECT_THAT(Errors(), HasSubstr(topology_));
  Write("shards:\n  0: []\n");
  EXPECT_EQ(ExitOf({"--topology", topology_}), 1);
  EXPECT_THAT(Errors(), HasSubstr(topology_ + ":2"));
  WriteTopology({leaf_.address()});
  EXPECT_EQ(ExitOf({"--topology", topology_, "--listen", "nowhere"}), 2);
  EXPECT_THAT(Errors(), AllOf(HasSubstr("--listen"), HasSubstr("HOST:PORT"), HasSubstr("nowhere")));
  EXPECT_EQ(ExitOf({"--topology", topology_, "--default-timeout", "1h"}), 2);
  EXPECT_THAT(Errors(), HasSubstr("--max-timeout"));
}

TEST_F(CanopyRootTest, ScattersByTermOverOneShardOnly) {
  WriteTopology({leaf_.address()});
  EXPECT_EQ(ExitOf({"--topology", topology_, "--scatter", "sideways"}), 2);
  EXPECT_THAT(Errors(), HasSubstr("--scatter sideways: expected document or term"));
  EXPECT_EQ(ExitOf({"--topology", topology_, "--scatter", "term"}), 1);
  EXPECT_THAT(Errors(), HasSubstr(topology_ + ": 4 shards, --scatter term wants one"));
}

TEST_F(CanopyRootTest, APortInUseIsSaidAndNamed) {
  WriteTopology({leaf_.address()});
  EXPECT_EQ(ExitOf({"--topology", topology_, "--listen", leaf_.address()}), 1);
  EXPECT_THAT(Errors(),
              HasSubstr("cannot listen on " + leaf_.address() + ": address already in use"));
}

}  // namespace
}  // namespace canopy
