// Leaves and their clients, each against a peer made of a bare socket, which may do as it likes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "rpc/frame.h"
#include "rpc/leaf_client.h"
#include "rpc/rpc_server.h"
#include "rpc/search_client.h"
#include "tests/rpc/function_backend.h"

namespace canopy {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ::testing::HasSubstr;

constexpr absl::Duration kShort = absl::Milliseconds(30);

// A socket that blocks.
class Peer final {
 public:
  // To a server.
  explicit Peer(const std::string& address) {
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    socket_.connect({asio::ip::address_v4::loopback(), static_cast<uint16_t>(port)});
  }
  // Of a client.
  Peer() = default;

  std::string Listen() {
    acceptor_ = std::make_unique<tcp::acceptor>(context_,
                                                tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    return Concat("127.0.0.1:", acceptor_->local_endpoint().port());
  }
  void Accept() { acceptor_->accept(socket_); }
  // Another connection; the first that is said on it.
  std::string AcceptAnother() {
    acceptor_->accept(another_);
    std::string bytes(14, 0);
    asio::read(another_, asio::buffer(bytes));
    return bytes;
  }

  void Send(FrameHeader header, std::string_view payload) {
    header.bytes = static_cast<uint32_t>(payload.size());
    const auto bytes = EncodeFrameHeader(header);
    SendBytes(std::string(bytes.data(), bytes.size()).append(payload));
  }
  void SendBytes(const std::string& bytes) { asio::write(socket_, asio::buffer(bytes)); }
  void Greet() { Send({.kind = FrameKind::kHello}, kFrameGreeting); }

  std::pair<FrameHeader, std::string> Receive() {
    std::string bytes(kFrameHeaderBytes, 0);
    asio::read(socket_, asio::buffer(bytes));
    const FrameHeader header = DecodeFrameHeader(bytes).value();
    std::string payload(header.bytes, 0);
    asio::read(socket_, asio::buffer(payload));
    return {header, payload};
  }
  // False: the other side took nothing for a while.
  bool TrySend(std::string_view bytes) {
    constexpr int kPatienceMs = 200;
    while (!bytes.empty()) {
      pollfd waited = {.fd = socket_.native_handle(), .events = POLLOUT, .revents = 0};
      if (poll(&waited, 1, kPatienceMs) == 0) return false;
      const ssize_t sent =
          send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(sent);
    }
    return true;
  }
  // Until the other side ends the connection; the bytes that it has sent.
  size_t WaitForEnd() {
    boost::system::error_code error;
    std::array<char, 4096> bytes;
    size_t received = 0;
    while (!error) received += socket_.read_some(asio::buffer(bytes), error);
    return received;
  }
  void Close() { socket_.close(); }

 private:
  asio::io_context context_;
  tcp::socket socket_{context_};
  tcp::socket another_{context_};
  std::unique_ptr<tcp::acceptor> acceptor_;
};

class FrameServerTest : public ::testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    server_ = RpcServer::Create(options).value();
    server_->AddLeafService(backend_, {.status = [](auto, auto done) { done(v1::LeafStatus()); },
                                       .reload = [](auto, auto done) { done(v1::LeafStatus()); }});
    ASSERT_TRUE(server_->Start().ok());
  }
  static FrameHeader Request(uint64_t call, FrameMethod method = FrameMethod::kSearch) {
    return {.kind = FrameKind::kRequest, .code = static_cast<uint8_t>(method), .call = call};
  }
  static void ExpectReply(const std::pair<FrameHeader, std::string>& frame, uint64_t call,
                          absl::StatusCode code) {
    EXPECT_EQ(frame.first.kind, FrameKind::kReply);
    EXPECT_EQ(frame.first.call, call);
    EXPECT_EQ(frame.first.code, static_cast<uint8_t>(code)) << frame.second;
  }

  FunctionBackend backend_;
  std::unique_ptr<RpcServer> server_;
};

TEST_F(FrameServerTest, AServerGreetsAndAnswers) {
  Start();
  Peer peer(server_->address());
  peer.Greet();
  EXPECT_EQ(peer.Receive().second, kFrameGreeting);
  peer.Send(Request(7), "");
  ExpectReply(peer.Receive(), 7, absl::StatusCode::kOk);
}

TEST_F(FrameServerTest, AMethodThatALeafDoesNotHaveIsUnimplemented) {
  Start();
  Peer peer(server_->address());
  peer.Greet();
  peer.Receive();
  peer.Send(Request(1, static_cast<FrameMethod>(99)), "");
  ExpectReply(peer.Receive(), 1, absl::StatusCode::kUnimplemented);
}

TEST_F(FrameServerTest, ARequestThatIsNoMessageIsAnInvalidArgument) {
  Start();
  Peer peer(server_->address());
  peer.Greet();
  peer.Receive();
  peer.Send(Request(1), "\xff\xff\xff");
  ExpectReply(peer.Receive(), 1, absl::StatusCode::kInvalidArgument);
}

TEST_F(FrameServerTest, BytesThatAreNoFramesEndTheConnectionAlone) {
  Start();
  for (const std::string& bytes : {std::string(64, '\0'), std::string(64, '\1'),
                                   std::string("GET / HTTP/1.1\r\n\r\n"), std::string(64, '\7')}) {
    Peer peer(server_->address());
    peer.SendBytes(bytes);
    if (bytes[0] == '\1') peer.WaitForEnd();
  }
  Peer wrong_version(server_->address());
  wrong_version.Send({.kind = FrameKind::kHello}, "canopy frames 0");
  wrong_version.Send(Request(1), "");
  EXPECT_LE(wrong_version.WaitForEnd(), kFrameHeaderBytes + kFrameGreeting.size());  // no reply
  Peer after_greeting(server_->address());
  after_greeting.Greet();
  after_greeting.SendBytes(std::string(64, '\xee'));
  after_greeting.WaitForEnd();

  Peer peer(server_->address());
  peer.Greet();
  peer.Receive();
  peer.Send(Request(1), "");
  ExpectReply(peer.Receive(), 1, absl::StatusCode::kOk);
}

TEST_F(FrameServerTest, TwoCallsWithOneIdEndTheConnection) {
  backend_.on_search = [](auto, auto, auto) {};  // never answers
  Start();
  Peer peer(server_->address());
  peer.Greet();
  peer.Send(Request(1), "");
  peer.Send(Request(1), "");
  peer.WaitForEnd();
}

TEST_F(FrameServerTest, ALongAnswerLetsAShortOnePass) {
  constexpr size_t kBytes = 32 << 20;  // more than sockets hold
  absl::Notification both_answered;
  backend_.on_search = [&](auto request, auto, auto done) {
    v1::SearchResponse response;
    const bool is_long = request->query_text() == "long";
    if (is_long) response.add_hits()->set_id(std::string(kBytes, 'x'));
    done(response);
    if (!is_long) both_answered.Notify();
  };
  Start();
  Peer peer(server_->address());
  peer.Greet();
  peer.Receive();
  peer.Send(Request(1), TextRequest("long")->SerializeAsString());
  peer.Send(Request(2), TextRequest("short")->SerializeAsString());
  both_answered.WaitForNotification();
  size_t bytes = 0;
  size_t before_short = 0;
  while (true) {
    const auto [header, payload] = peer.Receive();
    if (header.call == 2) before_short = bytes;
    if (header.call == 1) bytes += payload.size();
    if (header.call == 1 && (header.flags & kFrameMore) == 0) break;
  }
  EXPECT_GT(bytes, kBytes);
  EXPECT_GT(before_short, 0u);
  EXPECT_LT(before_short, kBytes);
}

TEST_F(FrameServerTest, PartsOfRequestsThatNeverEndAreNotKeptForEver) {
  Start({.max_request_bytes = 100'000});
  Peer peer(server_->address());
  peer.Greet();
  for (uint64_t call = 1; call <= 7; ++call) {
    FrameHeader part = Request(call);
    part.flags = kFrameMore;
    peer.Send(part, std::string(kMaxFrameBytes, 'x'));
  }
  peer.WaitForEnd();
}

TEST_F(FrameServerTest, ARequestInPartsAboveTheLimitIsRefusedAndTheNextIsServed) {
  Start({.max_request_bytes = 100'000});
  Peer peer(server_->address());
  peer.Greet();
  peer.Receive();
  FrameHeader part = Request(1);
  part.flags = kFrameMore;
  for (int i = 0; i < 20; ++i) peer.Send(part, std::string(kMaxFrameBytes, 'x'));
  peer.Send(Request(1), "");
  ExpectReply(peer.Receive(), 1, absl::StatusCode::kResourceExhausted);
  peer.Send(Request(2), "");
  ExpectReply(peer.Receive(), 2, absl::StatusCode::kOk);
}

TEST_F(FrameServerTest, AClientThatDoesNotReadIsNotReadFrom) {
  constexpr size_t kBytes = 64 << 20;  // more than sockets hold
  Start();
  Peer peer(server_->address());
  peer.Greet();
  std::string pings;
  for (int i = 0; i < 10'000; ++i) {
    const auto ping = EncodeFrameHeader({.kind = FrameKind::kPing});
    pings.append(ping.data(), ping.size());
  }
  size_t sent = 0;
  while (sent < kBytes && peer.TrySend(pings)) sent += pings.size();
  EXPECT_LT(sent, kBytes);
}

TEST_F(FrameServerTest, AClientThatAnswersNoPingIsGone) {
  absl::Notification cancelled;
  backend_.on_search = [&](auto, auto context, auto done) {
    context->OnCancel([&, done] {
      cancelled.Notify();
      done(absl::CancelledError("gone"));
    });
  };
  Start({.keepalive_time = kShort, .keepalive_timeout = kShort});
  Peer peer(server_->address());
  peer.Greet();
  peer.Send(Request(1), "");
  cancelled.WaitForNotification();
  peer.WaitForEnd();
}

class FrameClientTest : public ::testing::Test {
 protected:
  template <typename Client = LeafClient>
  Outcome<v1::SearchResponse> Search(ClientOptions options = {}) {
    client_ = std::make_unique<Client>(loop_, peer_.Listen(), options);
    const auto outcome = SearchAgain();
    peer_.Accept();
    return outcome;
  }
  Outcome<v1::SearchResponse> SearchAgain() {
    Outcome<v1::SearchResponse> outcome;
    context_ = WithTimeout(kLong);
    client_->Search(TextRequest("a"), context_, outcome.done());
    return outcome;
  }
  static void ExpectStatus(const Outcome<v1::SearchResponse>& outcome, absl::StatusCode code,
                           const std::string& message) {
    EXPECT_EQ(outcome.Wait().status().code(), code);
    EXPECT_THAT(std::string(outcome.Wait().status().message()), HasSubstr(message));
  }

  Peer peer_;
  EventLoop loop_;
  std::unique_ptr<SearchBackend> client_;
  std::shared_ptr<Cancellation> context_;  // of the last search
};

TEST_F(FrameClientTest, APeerThatSpeaksSomethingElseIsNoLeaf) {
  const auto outcome = Search();
  peer_.SendBytes(std::string("HTTP/1.1 400 Bad Request\r\n\r\n"));
  ExpectStatus(outcome, absl::StatusCode::kUnimplemented, "is it a leaf?");
}

TEST_F(FrameClientTest, APeerThatDoesNotGreetIsUnavailable) {
  const auto outcome = Search({.reconnect_backoff_max = kShort});
  ExpectStatus(outcome, absl::StatusCode::kUnavailable, "no greeting within");
}

TEST_F(FrameClientTest, APeerThatAnswersNoPingIsUnavailable) {
  const auto outcome = Search({.keepalive_time = kShort, .keepalive_timeout = kShort});
  peer_.Greet();
  ExpectStatus(outcome, absl::StatusCode::kUnavailable, "no answer to a ping");
}

TEST_F(FrameClientTest, APeerThatGoesAwayIsUnavailable) {
  const auto outcome = Search();
  peer_.Greet();
  peer_.Receive();
  peer_.Receive();
  peer_.Close();
  ExpectStatus(outcome, absl::StatusCode::kUnavailable, "connection lost");
}

TEST_F(FrameClientTest, AReplyThatIsNoMessageIsInternal) {
  const auto outcome = Search();
  peer_.Greet();
  peer_.Receive();
  const auto request = peer_.Receive();
  peer_.Send({.kind = FrameKind::kReply, .call = request.first.call}, "\xff\xff\xff");
  ExpectStatus(outcome, absl::StatusCode::kInternal, "cannot be read");
}

TEST_F(FrameClientTest, AReplyToNobodyIsIgnored) {
  const auto outcome = Search();
  peer_.Greet();
  peer_.Receive();
  const auto request = peer_.Receive();
  peer_.Send({.kind = FrameKind::kReply, .call = request.first.call + 1}, "");
  EXPECT_FALSE(outcome.arrived());
  peer_.Send({.kind = FrameKind::kReply, .call = request.first.call}, "");
  EXPECT_TRUE(outcome.Wait().ok());
}

TEST_F(FrameClientTest, ARootIsAskedOverFrames) {
  const auto outcome = Search<SearchClient>();
  peer_.Greet();
  peer_.Receive();
  const auto request = peer_.Receive();
  EXPECT_EQ(request.first.kind, FrameKind::kRequest);
  EXPECT_EQ(request.first.code, static_cast<uint8_t>(FrameMethod::kRootSearch));
  peer_.Send({.kind = FrameKind::kReply, .call = request.first.call}, "");
  EXPECT_TRUE(outcome.Wait().ok());
}

TEST_F(FrameClientTest, APeerThatSpeaksSomethingElseIsAskedOverGrpc) {
  const auto outcome = Search<SearchClient>();
  peer_.SendBytes(std::string("HTTP/1.1 400 Bad Request\r\n\r\n"));
  EXPECT_EQ(peer_.AcceptAnother(), "PRI * HTTP/2.0");
  client_.reset();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(FrameClientTest, APeerThatDoesNotGreetIsAskedOverGrpc) {
  const auto outcome = Search<SearchClient>({.reconnect_backoff_max = kShort});
  EXPECT_EQ(peer_.AcceptAnother(), "PRI * HTTP/2.0");
  client_.reset();
  EXPECT_EQ(outcome.Wait().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(FrameClientTest, ARootThatHasGreetedAndGoesAwayIsNotAskedOverGrpc) {
  const auto outcome = Search<SearchClient>();
  peer_.Greet();
  peer_.Receive();
  peer_.Receive();
  peer_.Close();
  ExpectStatus(outcome, absl::StatusCode::kUnavailable, "connection lost");
}

// Answers in parts, against a budget of kBudget bytes.
class PartsBudgetTest : public FrameClientTest {
 protected:
  static constexpr size_t kBudget = 3 * kMaxFrameBytes;

  Outcome<v1::SearchResponse> Search() {
    const auto take = [this](size_t bytes) {
      if (used_ + bytes > kBudget) {
        absl::Status status = absl::ResourceExhaustedError("no room");
        status.SetPayload("test/mine", absl::Cord("1"));
        return status;
      }
      used_ += bytes;
      if (!took_.HasBeenNotified()) took_.Notify();
      return absl::OkStatus();
    };
    const auto outcome = FrameClientTest::Search(
        {.parts = {.take = take, .give_back = [this](size_t bytes) { used_ -= bytes; }}});
    peer_.Greet();
    peer_.Receive();
    call_ = peer_.Receive().first.call;
    return outcome;
  }
  void SendPart() {
    FrameHeader part = {.kind = FrameKind::kReply, .call = call_};
    part.flags = kFrameMore;
    peer_.Send(part, std::string(kMaxFrameBytes, 'x'));
  }
  void SendEnd() { peer_.Send({.kind = FrameKind::kReply, .call = call_}, "x"); }
  // Whatever was sent before has been handled.
  void ExpectThatTheNextCallIsAnswered() {
    const auto outcome = SearchAgain();
    const FrameHeader request = peer_.Receive().first;
    EXPECT_EQ(request.kind, FrameKind::kRequest);
    peer_.Send({.kind = FrameKind::kReply, .call = request.call}, "");
    EXPECT_TRUE(outcome.Wait().ok());
  }

  std::atomic<size_t> used_ = 0;
  absl::Notification took_;
  uint64_t call_ = 0;
};

TEST_F(PartsBudgetTest, PartsAreTakenAsTheyComeAndGivenBackWhenTheAnswerIsWhole) {
  v1::SearchResponse response;
  response.add_hits()->set_id(std::string(2 * kMaxFrameBytes, 'x'));
  const std::string bytes = response.SerializeAsString();
  const auto outcome = Search();
  FrameHeader part = {.kind = FrameKind::kReply, .call = call_};
  part.flags = kFrameMore;
  peer_.Send(part, bytes.substr(0, kMaxFrameBytes));
  took_.WaitForNotification();
  EXPECT_EQ(used_, kMaxFrameBytes);
  EXPECT_FALSE(outcome.arrived());
  peer_.Send(part, bytes.substr(kMaxFrameBytes, kMaxFrameBytes));
  part.flags = 0;
  peer_.Send(part, bytes.substr(2 * kMaxFrameBytes));
  EXPECT_EQ(outcome.Wait()->hits(0).id().size(), 2 * kMaxFrameBytes);
  EXPECT_EQ(used_, 0u);
}

TEST_F(PartsBudgetTest, AnAnswerInOneFrameTakesNothing) {
  const auto outcome = Search();
  peer_.Send({.kind = FrameKind::kReply, .call = call_}, "");
  EXPECT_TRUE(outcome.Wait().ok());
  EXPECT_FALSE(took_.HasBeenNotified());
}

TEST_F(PartsBudgetTest, APartThatIsRefusedEndsTheCallWithTheReason) {
  const auto outcome = Search();
  for (size_t i = 0; i <= kBudget / kMaxFrameBytes; ++i) SendPart();
  ExpectStatus(outcome, absl::StatusCode::kResourceExhausted, ": no room");
  EXPECT_TRUE(outcome.Wait().status().GetPayload("test/mine").has_value());
  EXPECT_EQ(used_, 0u);
  const FrameHeader cancel = peer_.Receive().first;
  EXPECT_EQ(cancel.kind, FrameKind::kCancel);
  EXPECT_EQ(cancel.call, call_);
}

TEST_F(PartsBudgetTest, TheRestOfARefusedAnswerIsSkipped) {
  const auto outcome = Search();
  for (size_t i = 0; i < 10 * kBudget / kMaxFrameBytes; ++i) SendPart();
  SendEnd();
  ExpectStatus(outcome, absl::StatusCode::kResourceExhausted, "no room");
  EXPECT_EQ(peer_.Receive().first.kind, FrameKind::kCancel);
  ExpectThatTheNextCallIsAnswered();
  EXPECT_EQ(used_, 0u);
}

TEST_F(PartsBudgetTest, PartsOfACallThatIsCancelledAreGivenBack) {
  const auto outcome = Search();
  SendPart();
  took_.WaitForNotification();
  context_->Cancel();
  ExpectStatus(outcome, absl::StatusCode::kCancelled, "");
  EXPECT_EQ(used_, 0u);
  EXPECT_EQ(peer_.Receive().first.kind, FrameKind::kCancel);
  SendPart();  // too late
  SendEnd();
  ExpectThatTheNextCallIsAnswered();
  EXPECT_EQ(used_, 0u);
}

TEST_F(PartsBudgetTest, PartsAreGivenBackWhenThePeerGoes) {
  const auto outcome = Search();
  SendPart();
  took_.WaitForNotification();
  peer_.Close();
  ExpectStatus(outcome, absl::StatusCode::kUnavailable, "connection lost");
  EXPECT_EQ(used_, 0u);
}

}  // namespace
}  // namespace canopy
