// From addresses to sockets: what to connect to, and listening. For the .cc files of rpc/ only.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace canopy {

using StreamEndpoint = boost::asio::generic::stream_protocol::endpoint;
using StreamAcceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

// HOST:PORT or unix:PATH; a name may stand for several. `done` is called once, on a thread of the
// context, or at once for what needs no resolver. INVALID_ARGUMENT: no address.
// UNAVAILABLE: the name is not known.
void Resolve(boost::asio::io_context& context, const std::string& address,
             std::function<void(absl::StatusOr<std::vector<StreamEndpoint>>)> done);

struct Listeners {
  std::vector<StreamAcceptor> acceptors;
  std::string address;  // with the real port
};
// Listens on everything that `address` stands for. UNAVAILABLE with the system's reason.
absl::StatusOr<Listeners> Listen(boost::asio::io_context& context, const std::string& address);

// Small messages go out at once.
void SetNoDelay(boost::asio::generic::stream_protocol::socket& socket);

}  // namespace canopy
