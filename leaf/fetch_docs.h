// The end of a query: external ids and stored fields of the documents that won.
#pragma once

#include "absl/status/statusor.h"
#include "base/cancellation.h"
#include "canopy/v1/search.pb.h"
#include "leaf/served_generation.h"

namespace canopy {

// One hit a document, in the order asked. INVALID_ARGUMENT: a document that the collection does not
// have; hits of more than kMaxFetchBytes. FAILED_PRECONDITION: a document of a shard that is not
// served here. CANCELLED, DEADLINE_EXCEEDED: looked at between documents. DATA_LOSS.
absl::StatusOr<v1::FetchResponse> FetchDocs(const ServedGeneration& generation,
                                            const v1::FetchRequest& request,
                                            const Cancellation& context);

}  // namespace canopy
