// `canopy bench load` as a user runs it, against a server in this process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "cli/commands.h"
#include "rpc/rpc_server.h"
#include "tests/rpc/function_backend.h"
#include "tests/support/temp_dir.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class BenchLoadTest : public ::testing::Test {
 protected:
  struct Result {
    int exit_status = 0;
    std::string out, err;
  };

  void SetUp() override {
    std::ofstream(queries_) << "a\n";
    server_ = RpcServer::Create({}).value();
    server_->AddSearchService(backend_, [](auto, auto done) { done(v1::ClusterStatus()); });
    ASSERT_TRUE(server_->Start().ok());
  }

  Result Run() {
    std::vector<std::string> words = {"bench",     "load",   "--target", server_->address(),
                                      "--queries", queries_, "--qps",    "50",
                                      "--seconds", "0.3",    "--json"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    Result result;
    result.exit_status = BenchCommand(static_cast<int>(arguments.size()), arguments.data());
    result.out = ::testing::internal::GetCapturedStdout();
    result.err = ::testing::internal::GetCapturedStderr();
    return result;
  }

  TempDir directory_;
  const std::string queries_ = directory_.File("queries.txt");
  FunctionBackend backend_;
  std::unique_ptr<RpcServer> server_;
};

TEST_F(BenchLoadTest, ReportsWhatTheClusterDid) {
  const Result result = Run();
  EXPECT_EQ(result.exit_status, 0);
  const Json report = Json::parse(result.out);
  EXPECT_GT(report["ok"], 0);
  EXPECT_EQ(report["hedges"], 0);
  EXPECT_EQ(result.err, "");
}

// One query is answered by the end of the server alone, so the load cannot end before.
TEST_F(BenchLoadTest, AServerThatGoesDuringTheLoadLeavesTheReport) {
  absl::Notification held;
  SearchBackend::Done<v1::SearchResponse> never;
  backend_.on_search = [&](auto, auto, auto done) {
    if (never != nullptr) return done(v1::SearchResponse());
    never = done;
    held.Notify();
  };
  std::thread stops([&] {
    held.WaitForNotification();
    server_->Shutdown({.grace = absl::ZeroDuration(), .deadline = absl::ZeroDuration()});
  });
  const Result result = Run();
  stops.join();
  EXPECT_EQ(result.exit_status, 0);
  const Json report = Json::parse(result.out);
  EXPECT_GE(report["errors"]["UNAVAILABLE"], 1);
  EXPECT_TRUE(report["hedges"].is_null());
  EXPECT_TRUE(report["wasted_cpu_ratio"].is_null());
  EXPECT_THAT(result.err, HasSubstr(server_->address()));
  EXPECT_THAT(result.err, HasSubstr("UNAVAILABLE"));
}

TEST_F(BenchLoadTest, AServerThatIsNotThereFailsBeforeTheLoad) {
  server_->Shutdown({.grace = absl::ZeroDuration(), .deadline = absl::ZeroDuration()});
  const Result result = Run();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("UNAVAILABLE"));
}

}  // namespace
}  // namespace canopy
