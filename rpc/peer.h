// Who calls are made to, as errors say it, and what is not sent to it. For the .cc files of rpc/
// only.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {

struct Peer {
  std::string address;
  std::string service;  // "canopy.v1.SearchService (is it a root?)"
  size_t max_request_bytes;

  // `status` with the address before its message. UNIMPLEMENTED without a message, which only a
  // transport says: nobody offers the method.
  absl::Status Describe(const absl::Status& status) const {
    if (!absl::IsUnimplemented(status) || !status.message().empty()) {
      return Annotate(status, address);
    }
    return Annotate(
        absl::UnimplementedError(Concat("this server does not have the service ", service)),
        address);
  }

  // INVALID_ARGUMENT: a request of this size is not sent.
  absl::Status CheckSize(size_t request_bytes) const {
    if (request_bytes <= max_request_bytes) return absl::OkStatus();
    return Describe(absl::InvalidArgumentError(Concat("the request is ", request_bytes,
                                                      " bytes long, more than the limit of ",
                                                      max_request_bytes, " (request bytes)")));
  }
};

}  // namespace canopy
