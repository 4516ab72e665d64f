// Answers as one JSON object on one line, for programs: what --json prints. The names are those of
// docs and contracts and do not follow the wire messages.
#pragma once

#include <cstdint>
#include <string>

#include "canopy/v1/search.pb.h"
#include "canopy/v1/service.pb.h"

namespace canopy {

struct SearchJsonOptions {
  uint64_t client_us = 0;  // measured around the call
  bool with_hits = true;   // false: a count
  bool with_attempts = false;
};

// Text that is not UTF-8 is given with U+FFFD in place of what is not.
std::string SearchJson(const v1::SearchResponse& response, const SearchJsonOptions& options);
std::string StatusJson(const v1::ClusterStatus& status);

// "primary", "hedge", "retry"; "won", "lost", ...; "complete", "truncated", "missing".
std::string AttemptKindName(v1::AttemptKind kind);
std::string AttemptOutcomeName(v1::AttemptOutcome outcome);
std::string ShardStateName(v1::ShardState state);

}  // namespace canopy
