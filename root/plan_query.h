// What is decided of a query once, before it is scattered: is the request sound, what is asked of
// the leaves, how long it may take. Pure: no thread, clock or network.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "canopy/v1/search.pb.h"
#include "root/analyzer_cache.h"
#include "root/query_session.h"

namespace canopy {

inline constexpr int kMaxReturnedFields = 1'000;  // names in SearchRequest.fields

// INVALID_ARGUMENT, with value and limit, for everything that can be seen without the cluster: k,
// offset, min_coverage, timeout, both or neither of query_text and query, fields that are for
// leaves only, priority, and what ParseQuery and ValidateQuery (also UNIMPLEMENTED) say. `query`
// gets the raw tree.
absl::Status CheckSearchRequest(const v1::SearchRequest& request, absl::Duration max_timeout,
                                v1::Query& query);

struct QueryPlan {
  // For every leaf, without query, shards and attempt_kind.
  v1::SearchRequest leaf_request;
  // The query for every leaf. Requests share it, so nobody changes it.
  std::shared_ptr<v1::Query> tree;
  // For every leaf, without docs.
  v1::FetchRequest fetch_request;
  // Without the deadlines.
  SessionQuery session;
  std::vector<std::string> highlight_terms;
};

// `query`: from CheckSearchRequest. INVALID_ARGUMENT: an unknown field, in the query or to return.
// FAILED_PRECONDITION: the collection's analyzer is not one of this program.
absl::StatusOr<QueryPlan> PlanQuery(const v1::SearchRequest& request, const v1::Query& query,
                                    const v1::CollectionInfo& collection, AnalyzerCache& analyzers);

// The time to leave for merging and fetching, of a query that may take `timeout`: a tenth, from 2
// to 100 ms, never more than half.
absl::Duration SoftDeadlineMargin(absl::Duration timeout);

}  // namespace canopy
