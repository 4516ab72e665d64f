#include "rpc/stream_address.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "rpc/address.h"

namespace canopy {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::string_view kUnix = "unix:";

bool IsUnix(const std::string& address) { return address.starts_with(kUnix); }

StreamEndpoint UnixEndpoint(const std::string& address) {
  return asio::local::stream_protocol::endpoint(address.substr(kUnix.size()));
}

std::vector<StreamEndpoint> ToEndpoints(const tcp::resolver::results_type& results) {
  std::vector<StreamEndpoint> endpoints;
  for (const auto& each : results) endpoints.emplace_back(each.endpoint());
  return endpoints;
}

absl::Status ListenError(const std::string& address, const Error& error) {
  return absl::UnavailableError(Concat("cannot listen on ", address, ": ", error.message()));
}

// What a process left behind that was killed.
void RemoveOldSocket(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) unlink(path.c_str());
}

int PortOf(const StreamEndpoint& endpoint) {
  const auto* const any = static_cast<const sockaddr*>(endpoint.data());
  if (any->sa_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(any)->sin_port);
  if (any->sa_family != AF_INET6) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in6*>(any)->sin6_port);
}

Error ListenOn(const StreamEndpoint& endpoint, StreamAcceptor& acceptor) {
  Error error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

bool IsAbsent(const Error& error) {
  return error == asio::error::address_family_not_supported ||
         error == Error(EADDRNOTAVAIL, boost::system::system_category());
}

}  // namespace

void Resolve(asio::io_context& context, const std::string& address,
             std::function<void(absl::StatusOr<std::vector<StreamEndpoint>>)> done) {
  if (const absl::Status status = CheckAddress(address); !status.ok()) return done(status);
  if (IsUnix(address)) return done(std::vector<StreamEndpoint>{UnixEndpoint(address)});
  const HostPort at = SplitAddress(address);
  Error error;
  const auto number = asio::ip::make_address(at.host, error);
  if (!error) {
    const auto port = static_cast<uint16_t>(std::stoi(at.port));
    return done(std::vector<StreamEndpoint>{tcp::endpoint(number, port)});
  }
  auto resolver = std::make_shared<tcp::resolver>(context);
  resolver->async_resolve(
      at.host, at.port,
      [resolver, host = at.host, done = std::move(done)](
          Error error, const tcp::resolver::results_type& results) {
        if (!error) return done(ToEndpoints(results));
        done(absl::UnavailableError(Concat("cannot resolve ", host, ": ", error.message())));
      });
}

absl::StatusOr<Listeners> Listen(asio::io_context& context, const std::string& address) {
  Listeners listeners = {.acceptors = {}, .address = address};
  if (IsUnix(address)) {
    RemoveOldSocket(address.substr(kUnix.size()));
    StreamAcceptor acceptor(context);
    if (const Error error = ListenOn(UnixEndpoint(address), acceptor)) {
      return ListenError(address, error);
    }
    listeners.acceptors.push_back(std::move(acceptor));
    return listeners;
  }
  HostPort at = SplitAddress(address);
  Error error;
  const auto found =
      tcp::resolver(context).resolve(at.host, at.port, tcp::resolver::passive, error);
  if (error) return ListenError(address, error);
  for (const auto& each : found) {
    StreamAcceptor acceptor(context);
    tcp::endpoint endpoint = each.endpoint();
    // Any port is the same one for all that the name stands for.
    if (!listeners.acceptors.empty()) {
      endpoint.port(static_cast<uint16_t>(PortOf(listeners.acceptors[0].local_endpoint())));
    }
    const Error failed = ListenOn(endpoint, acceptor);
    if (failed && !IsAbsent(failed)) return ListenError(address, failed);
    error = failed;
    if (!failed) listeners.acceptors.push_back(std::move(acceptor));
  }
  if (listeners.acceptors.empty()) return ListenError(address, error);
  listeners.address = WithPort(address, PortOf(listeners.acceptors[0].local_endpoint()));
  return listeners;
}

void SetNoDelay(asio::generic::stream_protocol::socket& socket) {
  Error ignored;  // a local socket has no such option
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}

}  // namespace canopy
