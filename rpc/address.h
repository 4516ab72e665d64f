// Addresses, HOST:PORT or unix:PATH, and why a server cannot listen on one: the library only logs
// it.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace canopy {

// INVALID_ARGUMENT: neither HOST:PORT (port 0 to 65535) nor unix:PATH.
absl::Status CheckAddress(const std::string& address);

// INVALID_ARGUMENT: not HOST:PORT, as above.
absl::Status CheckHostPort(const std::string& address);

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  std::string port;
};
// REQUIRES: `address` is HOST:PORT.
HostPort SplitAddress(const std::string& address);

// `address` with `port` in the place of its own; a unix: address as it is.
std::string WithPort(const std::string& address, int port);

// Tries to bind. UNAVAILABLE with the system's reason: "cannot listen on ADDRESS: address already
// in use".
absl::Status CheckListen(const std::string& address);

}  // namespace canopy
