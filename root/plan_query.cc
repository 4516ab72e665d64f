#include "root/plan_query.h"

#include <algorithm>
#include <set>

#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "query/parser.h"
#include "query/validate.h"
#include "root/analyze_query.h"
#include "rpc/search_backend.h"

namespace canopy {
namespace {

absl::Status CheckHitRange(const v1::SearchRequest& request) {
  if (request.count_only()) return absl::OkStatus();
  if (request.k() < 1 || request.k() > kMaxHits) {
    return absl::InvalidArgumentError(
        Concat("k is ", request.k(), ", it must be from 1 to ", kMaxHits));
  }
  if (uint64_t{request.offset()} + request.k() > kMaxHits) {
    return absl::InvalidArgumentError(Concat("offset ", request.offset(), " + k ", request.k(),
                                             " is over the limit of ", kMaxHits));
  }
  return absl::OkStatus();
}

absl::Status CheckTimeout(const v1::SearchRequest& request, absl::Duration max_timeout) {
  const uint64_t limit_us = absl::ToInt64Microseconds(max_timeout);
  if (request.timeout_us() <= limit_us) return absl::OkStatus();
  return absl::InvalidArgumentError(Concat("timeout_us is ", request.timeout_us(),
                                           ", over the limit of ", limit_us, " (--max-timeout)"));
}

absl::Status CheckLeafFields(const v1::SearchRequest& request) {
  const bool leaf_fields = request.shards_size() > 0 || request.score_threshold() != 0 ||
                           request.attempt_kind() != v1::ATTEMPT_KIND_PRIMARY ||
                           request.collection_checksum() != 0 || request.cost_hint() != 0;
  if (!leaf_fields) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "shards, score_threshold, attempt_kind, collection_checksum and cost_hint are for leaves "
      "only");
}

absl::Status CheckPriority(const v1::SearchRequest& request) {
  if (v1::Priority_IsValid(request.priority())) return absl::OkStatus();
  return absl::InvalidArgumentError(Concat("priority is ", static_cast<int>(request.priority()),
                                           ", it must be from 0 to ",
                                           static_cast<int>(v1::Priority_MAX)));
}

absl::Status CheckReturnedFields(const v1::SearchRequest& request) {
  if (request.omit_fields() && request.fields_size() > 0) {
    return absl::InvalidArgumentError("fields and omit_fields exclude each other");
  }
  if (request.omit_ids() && request.fields_size() > 0) {
    return absl::InvalidArgumentError("fields and omit_ids exclude each other");
  }
  if (request.fields_size() > kMaxReturnedFields) {
    return absl::InvalidArgumentError(Concat("fields names ", request.fields_size(),
                                             " fields, more than the limit of ",
                                             kMaxReturnedFields));
  }
  return absl::OkStatus();
}

absl::Status CheckMinCoverage(const v1::SearchRequest& request) {
  const double min_coverage = request.min_coverage();
  if (min_coverage >= 0 && min_coverage <= 1) return absl::OkStatus();  // false for NaN
  return absl::InvalidArgumentError(
      Concat("min_coverage is ", min_coverage, ", it must be from 0 to 1"));
}

absl::StatusOr<v1::Query> QueryOf(const v1::SearchRequest& request) {
  if (!request.has_query()) return ParseQuery(request.query_text());
  if (!request.query_text().empty()) {
    return absl::InvalidArgumentError("query_text and query exclude each other");
  }
  RETURN_IF_ERROR(CheckQuerySize(request.query()));
  return request.query();
}

}  // namespace

absl::Status CheckSearchRequest(const v1::SearchRequest& request, absl::Duration max_timeout,
                                v1::Query& query) {
  RETURN_IF_ERROR(CheckHitRange(request));
  RETURN_IF_ERROR(CheckMinCoverage(request));
  RETURN_IF_ERROR(CheckTimeout(request, max_timeout));
  RETURN_IF_ERROR(CheckLeafFields(request));
  RETURN_IF_ERROR(CheckReturnedFields(request));
  RETURN_IF_ERROR(CheckPriority(request));
  ASSIGN_OR_RETURN(query, QueryOf(request));
  return ValidateQuery(query);
}

absl::StatusOr<QueryPlan> PlanQuery(const v1::SearchRequest& request, const v1::Query& query,
                                    const v1::CollectionInfo& collection,
                                    AnalyzerCache& analyzers) {
  const std::vector<std::string> fields(collection.fields().begin(), collection.fields().end());
  for (const std::string& field : request.fields()) RETURN_IF_ERROR(CheckField(field, fields));
  ASSIGN_OR_RETURN(Analyzer* const analyzer,
                   analyzers.Get(collection.analyzer(), collection.analyzer_version()));
  ASSIGN_OR_RETURN(AnalyzedQuery analyzed, AnalyzeQuery(query, *analyzer, fields));

  QueryPlan plan;
  plan.highlight_terms = std::move(analyzed.highlight_terms);
  plan.session = {.k = request.count_only() ? 0 : request.k(),
                  .offset = request.count_only() ? 0 : request.offset(),
                  .count_only = request.count_only(),
                  .min_coverage = request.has_min_coverage() ? request.min_coverage() : 1,
                  .total_may_be_lower_bound = request.total_may_be_lower_bound(),
                  .omit_ids = request.omit_ids(),
                  .trace = request.trace(),
                  .query_hash = Checksum(analyzed.query.SerializeAsString())};
  v1::SearchRequest& leaf = plan.leaf_request;
  plan.tree = std::make_shared<v1::Query>(std::move(analyzed.query));
  leaf.set_count_only(request.count_only());
  leaf.set_total_may_be_lower_bound(request.total_may_be_lower_bound());
  leaf.set_priority(request.priority());
  leaf.set_generation(collection.generation());
  leaf.set_collection_checksum(collection.checksum());
  plan.fetch_request.set_generation(collection.generation());
  plan.fetch_request.set_collection_checksum(collection.checksum());
  plan.fetch_request.set_omit_fields(request.omit_fields());
  for (const std::string& field : std::set(request.fields().begin(), request.fields().end())) {
    plan.fetch_request.add_fields(field);
  }
  return plan;
}

absl::Duration SoftDeadlineMargin(absl::Duration timeout) {
  const absl::Duration tenth =
      std::clamp(timeout / 10, absl::Milliseconds(2), absl::Milliseconds(100));
  return std::min(tenth, timeout / 2);
}

}  // namespace canopy
