// What the two kinds of sessions (query_session.h, term_session.h) share.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/strings.h"
#include "root/call_recorder.h"
#include "root/cluster_view.h"
#include "root/steering.h"

namespace canopy {

inline absl::Status DeadlinePassed(std::string_view doing) {
  return absl::DeadlineExceededError(Concat("deadline passed while ", doing));
}

// The query's own fault: every leaf would say the same.
inline bool IsQueryError(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsUnimplemented(status);
}

// FAILED_PRECONDITION, counted: the reply is of another collection than the query's.
inline absl::Status CheckCollection(const ClusterView& view, uint64_t generation, uint64_t checksum,
                                    SessionCounters& counters) {
  const v1::CollectionInfo& ours = view.collection;
  if (generation == ours.generation() && checksum == ours.checksum()) return absl::OkStatus();
  ++counters.wrong_generation_replies;
  return absl::FailedPreconditionError(
      Concat("answered from generation ", generation, " (checksum ", checksum, "), asked for ",
             ours.generation(), " (checksum ", ours.checksum(), ")"));
}

inline void Append(const std::vector<CallId>& more, std::vector<CallId>& to) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace canopy
