#include "rpc/metrics_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/strings.h"

namespace canopy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<prometheus::MetricFamily> OneCounter() {
  MetricsPage page("canopy_");
  page.Counter("runs_total", "Runs.").Add(7);
  return page.Take();
}

std::unique_ptr<MetricsServer> Serve() {
  auto server = MetricsServer::Start("127.0.0.1:0", OneCounter);
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

// A client's side of a connection to an address of this machine.
class Connection final {
 public:
  explicit Connection(const std::string& address, bool wait = true)
      : fd_(socket(AF_INET, SOCK_STREAM | (wait ? 0 : SOCK_NONBLOCK), 0)) {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    to.sin_port = htons(static_cast<uint16_t>(port));
    const int done = connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    EXPECT_TRUE(done == 0 || !wait);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // What comes until the server closes.
  std::string Get(const std::string& path) {
    const std::string request = Concat("GET ", path, " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(send(fd_, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string reply;
    char buffer[4096];
    for (ssize_t n; (n = recv(fd_, buffer, sizeof(buffer), 0)) > 0;) reply.append(buffer, n);
    return reply;
  }

 private:
  const int fd_;
};

size_t OpenFiles() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

TEST(MetricsServer, ServesWhatIsCollectedAtThePortThatItTells) {
  const auto server = Serve();
  EXPECT_THAT(server->address(), AllOf(StartsWith("127.0.0.1:"), ::testing::Ne("127.0.0.1:0")));
  EXPECT_THAT(Connection(server->address()).Get("/metrics"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("\r\n\r\n# HELP canopy_runs_total"),
                    HasSubstr("\ncanopy_runs_total 7\n")));
}

TEST(MetricsServer, ServesNothingElse) {
  const auto server = Serve();
  for (const char* const path : {"/", "/metrics/x", "/etc/passwd", "nonsense"}) {
    EXPECT_THAT(Connection(server->address()).Get(path), StartsWith("HTTP/1.1 4")) << path;
  }
}

TEST(MetricsServer, EndsThoughSomebodyHoldsAConnection) {
  auto server = Serve();
  const Connection silent(server->address());
  server.reset();
}

TEST(MetricsServer, HoldsFewConnectionsHoweverManyCome) {
  constexpr size_t kClients = 64, kLimit = MetricsServer::kMaxConnections;
  const auto server = Serve();
  const size_t before = OpenFiles();
  std::vector<std::unique_ptr<Connection>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<Connection>(server->address(), /*wait=*/false));
  }
  size_t most = 0;
  const absl::Time give_up = SteadyClock().Now() + absl::Seconds(1);
  while (most <= kLimit && SteadyClock().Now() < give_up) {
    most = std::max(most, OpenFiles() - before - kClients);
  }
  EXPECT_GT(most, 0u);
  EXPECT_LE(most, kLimit);
}

TEST(MetricsServer, SaysWhyItCannotListen) {
  const auto server = Serve();
  const absl::Status in_use = MetricsServer::Start(server->address(), OneCounter).status();
  EXPECT_EQ(in_use.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(in_use),
            Concat("cannot listen on ", server->address(), ": address already in use"));
  for (const char* const wrong : {"", "nowhere", "127.0.0.1:x", "unix:/tmp/x", "unix:1"}) {
    EXPECT_EQ(MetricsServer::Start(wrong, OneCounter).status().code(),
              absl::StatusCode::kInvalidArgument)
        << wrong;
  }
}

}  // namespace
}  // namespace canopy
