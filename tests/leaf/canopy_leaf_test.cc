// The binary canopy-leaf: flags, signals, exit status, what it prints. CANOPY_LEAF is its path.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/file_system.h"
#include "rpc/leaf_client.h"
#include "tests/leaf/leaf_index.h"
#include "tests/rpc/function_backend.h"
#include "tests/support/health.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CanopyLeafTest : public ::testing::Test {
 protected:
  std::unique_ptr<ServerProcess> Run(std::vector<std::string> flags) {
    flags.insert(flags.begin(), CANOPY_LEAF);
    return std::make_unique<ServerProcess>(std::move(flags), errors_);
  }
  // The address that a leaf with the index prints when it is ready.
  std::string AddressOf(ServerProcess& leaf) {
    const std::string line = leaf.ReadLine();
    const auto json = nlohmann::json::parse(line, nullptr, false);
    EXPECT_TRUE(json.is_object()) << line << Errors();
    return json.is_object() ? json["address"].get<std::string>() : "";
  }
  std::string Errors() const { return ReadFile(LocalFileSystem(), errors_).value_or(""); }
  // Exit status of a leaf that is expected to end by itself.
  int ExitOf(std::vector<std::string> flags) { return Run(std::move(flags))->Wait(); }

  const TempDir directory_;
  const std::string index_ = directory_.File("index");
  const std::string errors_ = directory_.File("errors");
};

TEST_F(CanopyLeafTest, PrintsOneLineWhenItIsReadyAndDrainsOnSigterm) {
  PublishIndex(index_, MakeDocs(1, 20), 3);
  const auto leaf =
      Run({"--index", index_, "--shards", "2,0", "--drain-grace", "0s", "--threads", "1"});
  const std::string line = leaf->ReadLine();
  const auto json = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(json.is_object()) << line << Errors();
  EXPECT_EQ(json["ready"], true);
  EXPECT_EQ(json["generation"], 1);
  EXPECT_EQ(json["shards"], nlohmann::json({0, 2}));
  EXPECT_EQ(json["pid"], leaf->pid());
  EXPECT_EQ(CheckHealth(json["address"], kReadyService, absl::Seconds(10)), absl::OkStatus());
  leaf->Signal(SIGTERM);
  EXPECT_EQ(leaf->ReadLine(), "");  // nothing else, and then the end
  EXPECT_EQ(leaf->Wait(), 0);
}

TEST_F(CanopyLeafTest, SighupLoadsTheNewGeneration) {
  PublishIndex(index_, MakeDocs(1, 20), 2);
  const auto leaf = Run({"--index", index_});
  EventLoop loop;
  LeafClient client(loop, AddressOf(*leaf));
  PublishIndex(index_, MakeDocs(2, 40), 2);
  leaf->Signal(SIGHUP);
  uint64_t generation = 0;
  const absl::Time give_up = SteadyClock().Now() + kLong;
  while (generation != 2 && SteadyClock().Now() < give_up) {
    Outcome<v1::LeafStatus> status;
    client.Status(WithTimeout(kLong), status.done());
    ASSERT_TRUE(status.Wait().ok()) << status.Wait().status();
    generation = status.Wait()->collection().generation();
  }
  EXPECT_EQ(generation, 2u);
}

TEST_F(CanopyLeafTest, EndsWithItsParent) {
  PublishIndex(index_, MakeDocs(1, 20), 2);
  const std::string command = std::string(CANOPY_LEAF) +
                              " --exit-with-parent --drain-grace 0s --index " + index_ + " & wait";
  ServerProcess shell({"/bin/sh", "-c", command}, errors_);
  const std::string address = AddressOf(shell);
  EXPECT_EQ(CheckHealth(address, kLiveService, absl::Seconds(10)), absl::OkStatus());
  shell.Signal(SIGKILL);
  EXPECT_EQ(shell.ReadLine(), "");  // returns when the leaf, which has the pipe too, is gone
  EXPECT_NE(CheckHealth(address, kLiveService, absl::Seconds(10)), absl::OkStatus());
}

TEST_F(CanopyLeafTest, FaultsNeedPermission) {
  for (const char* const flag :
       {"--inject-delay=1%:50ms", "--inject-error=1%", "--inject-seed=3"}) {
    EXPECT_EQ(ExitOf({"--index", index_, flag}), 2) << flag;
    EXPECT_THAT(Errors(), HasSubstr("needs --allow-fault-injection"));
  }
  EXPECT_EQ(ExitOf({"--index", index_, "--allow-fault-injection", "--inject-delay", "often"}), 2);
  EXPECT_THAT(Errors(), AllOf(HasSubstr("--inject-delay"), HasSubstr("often")));
}

TEST_F(CanopyLeafTest, WhatIsWrongIsSaidAndNamed) {
  EXPECT_EQ(ExitOf({}), 2);
  EXPECT_THAT(Errors(), HasSubstr("--index"));
  EXPECT_EQ(ExitOf({"--index", index_, "--nonsense"}), 2);
  EXPECT_THAT(Errors(), HasSubstr("--nonsense"));
  EXPECT_EQ(ExitOf({"--index", index_, "--shards", "0;1"}), 2);
  EXPECT_THAT(Errors(), HasSubstr("--shards"));
  EXPECT_EQ(ExitOf({"--index", index_}), 1);
  EXPECT_THAT(Errors(), HasSubstr(index_));
  EXPECT_EQ(ExitOf({"--index", index_, "--listen", "nowhere"}), 2);
  EXPECT_THAT(Errors(), AllOf(HasSubstr("--listen"), HasSubstr("HOST:PORT"), HasSubstr("nowhere")));
  EXPECT_EQ(ExitOf({"--index", index_, "--metrics", "unix:here"}), 2);
  EXPECT_THAT(Errors(), AllOf(HasSubstr("--metrics"), HasSubstr("HOST:PORT"), HasSubstr("here")));
  PublishIndex(index_, MakeDocs(1, 20), 2);
  EXPECT_EQ(ExitOf({"--index", index_, "--shards", "0,5"}), 1);
  EXPECT_THAT(Errors(), HasSubstr("no shard 5: the index has 2 shards (0 to 1)"));
}

TEST_F(CanopyLeafTest, APortInUseIsSaidAndNamed) {
  PublishIndex(index_, MakeDocs(1, 20), 2);
  const auto leaf = Run({"--index", index_});
  const std::string address = AddressOf(*leaf);
  EXPECT_EQ(ExitOf({"--index", index_, "--listen", address}), 1);
  EXPECT_THAT(Errors(), HasSubstr("cannot listen on " + address + ": address already in use"));
  EXPECT_EQ(ExitOf({"--index", index_, "--metrics", address}), 1);
  EXPECT_THAT(Errors(), HasSubstr("--metrics: cannot listen on " + address));
}

TEST_F(CanopyLeafTest, ADamagedIndexIsNotServed) {
  PublishIndex(index_, MakeDocs(1, 20), 2);
  const std::string damaged = DamageShard(index_, 1);
  EXPECT_EQ(ExitOf({"--index", index_}), 1);
  EXPECT_THAT(Errors(), AllOf(HasSubstr(damaged), HasSubstr("section"), HasSubstr("offset")));
}

}  // namespace
}  // namespace canopy
