#include "rpc/address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr int kMaxPort = 65535;

bool IsUnix(const std::string& address) { return address.starts_with("unix:"); }

std::string SystemText(int error) {
  std::string text = std::strerror(error);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(text[0]));
  return text;
}

// The system's error when one tries to bind, or 0.
int BindError(const addrinfo& at) {
  const int socket_fd = socket(at.ai_family, at.ai_socktype | SOCK_CLOEXEC, at.ai_protocol);
  if (socket_fd < 0) return errno;
  const int on = 1;
  setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const int error = bind(socket_fd, at.ai_addr, at.ai_addrlen) == 0 ? 0 : errno;
  close(socket_fd);
  return error;
}

// The machine does not have the address, such as ::1 where IPv6 is off. One of several that a name
// stands for may be so.
bool IsAbsent(int error) { return error == EADDRNOTAVAIL || error == EAFNOSUPPORT; }

// Empty: one can listen.
std::string ListenProblem(const std::string& address) {
  const HostPort at = SplitAddress(address);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(at.host.c_str(), at.port.c_str(), &hints, &found); error != 0) {
    return gai_strerror(error);
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  bool any = false;
  int absent = 0;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const int error = BindError(*each);
    if (error != 0 && !IsAbsent(error)) return SystemText(error);
    any |= error == 0;
    absent = error == 0 ? absent : error;
  }
  return any ? "" : SystemText(absent);
}

}  // namespace

HostPort SplitAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return {std::move(host), address.substr(colon + 1)};
}

absl::Status CheckAddress(const std::string& address) {
  return IsUnix(address) ? absl::OkStatus() : CheckHostPort(address);
}

absl::Status CheckHostPort(const std::string& address) {
  const HostPort at = SplitAddress(address);
  int port = 0;
  const bool is_number = absl::SimpleAtoi(at.port, &port) && port >= 0 && port <= kMaxPort;
  const size_t colon = address.rfind(':');
  if (colon != std::string::npos && colon > 0 && is_number && !IsUnix(address))
    return absl::OkStatus();
  return absl::InvalidArgumentError(Concat("address must be HOST:PORT with a port of 0 to ",
                                           kMaxPort, ", got \"", address, "\""));
}

std::string WithPort(const std::string& address, int port) {
  if (IsUnix(address)) return address;
  return Concat(address.substr(0, address.rfind(':') + 1), port);
}

absl::Status CheckListen(const std::string& address) {
  if (IsUnix(address)) return absl::OkStatus();
  const std::string problem = ListenProblem(address);
  if (problem.empty()) return absl::OkStatus();
  return absl::UnavailableError(Concat("cannot listen on ", address, ": ", problem));
}

}  // namespace canopy
