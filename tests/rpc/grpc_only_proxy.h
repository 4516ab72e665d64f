// What may stand before a server: passes on connections of HTTP/2, and closes those that begin with
// anything else, as with a frame.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace canopy {

// Thread safety: any thread.
class GrpcOnlyProxy final {
 public:
  // `target`: 127.0.0.1:PORT; nobody has to listen there.
  explicit GrpcOnlyProxy(std::string_view target) {
    uint16_t port = 0;
    target.remove_prefix(target.rfind(':') + 1);
    if (int number = 0; absl::SimpleAtoi(ToAbsl(target), &number)) port = number;
    target_ = {Address::loopback(), port};
    Accept();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~GrpcOnlyProxy() {
    context_.stop();
    thread_.join();
  }

  std::string address() const { return Concat("127.0.0.1:", acceptor_.local_endpoint().port()); }

 private:
  using Tcp = boost::asio::ip::tcp;
  using Address = boost::asio::ip::address_v4;
  using Error = boost::system::error_code;
  struct Side {
    explicit Side(Tcp::socket connected) : socket(std::move(connected)) {}
    Tcp::socket socket;
    std::array<char, 64 << 10> bytes;  // that came from here
  };
  using SidePtr = std::shared_ptr<Side>;

  void Accept() {
    acceptor_.async_accept([this](Error error, Tcp::socket socket) {
      if (!error) Serve(std::make_shared<Side>(std::move(socket)));
      Accept();
    });
  }

  void Serve(SidePtr client) {
    client->socket.async_read_some(
        boost::asio::buffer(client->bytes), [this, client](Error error, size_t bytes) {
          const auto server = std::make_shared<Side>(Tcp::socket(context_));
          if (error || client->bytes[0] != 'P') return;
          server->socket.connect(target_, error);
          if (error) return;
          Pass(client, server, bytes);
          Pump(server, client);
        });
  }

  void Pump(SidePtr from, SidePtr to) {
    from->socket.async_read_some(boost::asio::buffer(from->bytes),
                                 [this, from, to](Error error, size_t bytes) {
                                   if (error) return Close(*from, *to);
                                   Pass(from, to, bytes);
                                 });
  }

  void Pass(SidePtr from, SidePtr to, size_t bytes) {
    boost::asio::async_write(to->socket, boost::asio::buffer(from->bytes.data(), bytes),
                             [this, from, to](Error error, size_t) {
                               if (error) return Close(*from, *to);
                               Pump(from, to);
                             });
  }

  static void Close(Side& one, Side& other) {
    Error ignored;
    one.socket.close(ignored);
    other.socket.close(ignored);
  }

  boost::asio::io_context context_;
  Tcp::acceptor acceptor_{context_, Tcp::endpoint(Address::loopback(), 0)};
  Tcp::endpoint target_;
  std::thread thread_;
};

}  // namespace canopy
