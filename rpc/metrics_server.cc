#include "rpc/metrics_server.h"

#include <prometheus/text_serializer.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "rpc/address.h"

namespace canopy {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Error = boost::system::error_code;

// From the connection to the end of the answer.
constexpr std::chrono::seconds kConnectionTime(5);
constexpr uint32_t kMaxHeaderBytes = 16 << 10;
constexpr int kBacklog = 16;

http::response<http::string_body> AnswerTo(const http::request<http::empty_body>& request,
                                           const MetricsServer::Collect& collect) {
  http::response<http::string_body> response;
  response.version(request.version());
  response.keep_alive(false);
  const auto target = request.target();
  const bool is_known = target.substr(0, target.find('?')) == "/metrics";
  if (is_known && request.method() == http::verb::get) {
    response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    response.body() = prometheus::TextSerializer().Serialize(collect());
  } else {
    response.result(is_known ? http::status::method_not_allowed : http::status::not_found);
    if (is_known) response.set(http::field::allow, "GET");
    response.set(http::field::content_type, "text/plain");
    response.body() = "metrics are at /metrics\n";
  }
  response.prepare_payload();
  return response;
}

// One request and its answer. Kept alive by what it waits for.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const MetricsServer::Collect& collect,
             std::function<void()> on_end)
      : stream_(std::move(socket)), collect_(collect), on_end_(std::move(on_end)) {
    parser_.header_limit(kMaxHeaderBytes);
  }
  ~Connection() { on_end_(); }

  void Run() {
    stream_.expires_after(kConnectionTime);
    http::async_read(stream_, buffer_, parser_, [self = shared_from_this()](Error error, size_t) {
      if (!error) self->Answer();
    });
  }

 private:
  void Answer() {
    response_ = AnswerTo(parser_.get(), collect_);
    http::async_write(stream_, response_, [self = shared_from_this()](Error error, size_t) {
      if (!error) self->stream_.socket().shutdown(tcp::socket::shutdown_send, error);
    });
  }

  beast::tcp_stream stream_;
  const MetricsServer::Collect& collect_;
  const std::function<void()> on_end_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

// Everything but Listen and the destructor runs on the thread.
class MetricsServer::Impl final {
 public:
  explicit Impl(Collect collect) : collect_(std::move(collect)) {}
  ~Impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // The port. REQUIRES: first, once.
  absl::StatusOr<int> Listen(const std::string& host, const std::string& port) {
    Error error;
    const auto found = tcp::resolver(io_).resolve(host, port, tcp::resolver::passive, error);
    if (!error) acceptor_.open(found.begin()->endpoint().protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(found.begin()->endpoint(), error);
    if (!error) acceptor_.listen(kBacklog, error);
    if (error) return absl::UnavailableError(error.message());
    const int chosen = acceptor_.local_endpoint(error).port();
    Accept();
    thread_ = std::thread([this] { io_.run(); });
    return chosen;
  }

 private:
  void Accept() {
    accepting_ = true;
    acceptor_.async_accept([this](Error error, tcp::socket socket) {
      accepting_ = false;
      // An error is of one connection, or passes (no file left): the next end of a connection, or
      // the pause, tries again.
      if (error) return AcceptLater();
      ++connections_;
      std::make_shared<Connection>(std::move(socket), collect_, [this] { OnEnd(); })->Run();
      if (connections_ < kMaxConnections) Accept();
    });
  }

  void AcceptLater() {
    pause_.expires_after(std::chrono::milliseconds(100));
    pause_.async_wait([this](Error error) {
      if (!error && !accepting_) Accept();
    });
  }

  void OnEnd() {
    --connections_;
    if (!accepting_ && !io_.stopped()) Accept();
  }

  const Collect collect_;
  size_t connections_ = 0;
  bool accepting_ = false;
  asio::io_context io_{1};  // its end ends the connections, which count themselves here
  tcp::acceptor acceptor_{io_};
  asio::steady_timer pause_{io_};
  std::thread thread_;
};

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl, std::string address)
    : impl_(std::move(impl)), address_(std::move(address)) {}

MetricsServer::~MetricsServer() = default;

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(const std::string& address,
                                                                    Collect collect) {
  RETURN_IF_ERROR(CheckHostPort(address));
  RETURN_IF_ERROR(CheckListen(address));  // says more than a failed bind
  auto impl = std::make_unique<Impl>(std::move(collect));
  const HostPort at = SplitAddress(address);
  const absl::StatusOr<int> port = impl->Listen(at.host, at.port);
  if (!port.ok()) {
    return absl::UnavailableError(
        Concat("cannot listen on ", address, ": ", Message(port.status())));
  }
  return std::unique_ptr<MetricsServer>(
      new MetricsServer(std::move(impl), WithPort(address, *port)));
}

}  // namespace canopy
