#include "cli/json_output.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "base/strings.h"
#include "rpc/ledger_parts.h"

namespace canopy {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// "SHARD_STATE_COMPLETE" -> "complete".
std::string LowerWithout(absl::string_view prefix, const std::string& name) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

Json TotalToJson(const v1::Total& total) {
  return {{"value", total.value()}, {"relation", total.relation() == v1::Total::EQ ? "eq" : "gte"}};
}

Json HitToJson(const v1::Hit& hit) {
  Json fields = Json::object();
  for (const v1::Field& field : hit.fields()) fields[field.name()] = field.value();
  return {{"id", hit.id()}, {"doc", hit.doc()}, {"score", hit.score()}, {"fields", fields}};
}

Json CoverageToJson(const v1::Coverage& coverage) {
  Json shards = Json::array();
  for (const v1::ShardCoverage& shard : coverage.shards()) {
    Json entry = {{"shard", shard.shard()},
                  {"state", ShardStateName(shard.state())},
                  {"docs_total", shard.docs_total()},
                  {"docs_covered", shard.docs_covered()}};
    if (!shard.reason().empty()) entry["reason"] = shard.reason();
    shards.push_back(std::move(entry));
  }
  return {
      {"shards_total", coverage.shards_total()}, {"shards_complete", coverage.shards_complete()},
      {"docs_total", coverage.docs_total()},     {"docs_covered", coverage.docs_covered()},
      {"complete", coverage.complete()},         {"shards", std::move(shards)}};
}

Json LedgerToJson(const v1::Ledger& ledger) {
  Json json = {{"total_us", ledger.total_us()}};
  for (const LedgerPart& part : LedgerParts(ledger)) json[Concat(part.name, "_us")] = part.us;
  return json;
}

Json AttemptToJson(const v1::Attempt& attempt) {
  Json json = {{"shards", attempt.shards()},
               {"replica", attempt.replica()},
               {"address", attempt.address()},
               {"kind", AttemptKindName(attempt.kind())},
               {"sent_us", attempt.sent_us()},
               {"duration_us", attempt.duration_us()},
               {"queue_us", attempt.queue_us()},
               {"execution_us", attempt.execution_us()},
               {"outcome", AttemptOutcomeName(attempt.outcome())}};
  if (!attempt.reason().empty()) json["reason"] = attempt.reason();
  return json;
}

Json CollectionToJson(const v1::CollectionInfo& collection) {
  return {
      {"generation", collection.generation()}, {"shards", collection.num_shards()},
      {"docs", collection.docs_total()},       {"average_length", collection.average_length()},
      {"analyzer", collection.analyzer()},     {"analyzer_version", collection.analyzer_version()},
      {"fields", collection.fields()},         {"checksum", collection.checksum()}};
}

Json ReplicaToJson(const v1::ReplicaStatus& replica) {
  const v1::LeafStatus& leaf = replica.leaf();
  Json json = {{"replica", replica.replica()},
               {"address", replica.address()},
               {"shards", replica.shards()},
               {"reachable", replica.reachable()},
               {"ready", leaf.ready()},
               {"draining", leaf.draining()},
               {"generation", leaf.collection().generation()},
               {"searches_total", leaf.searches_total()},
               {"searches_cancelled_total", leaf.searches_cancelled_total()},
               {"searches_rejected_total", leaf.searches_rejected_total()},
               {"wasted_us_total", leaf.wasted_us_total()},
               {"uptime_us", leaf.uptime_us()},
               {"version", leaf.version()}};
  if (!replica.error().empty()) json["error"] = replica.error();
  if (!leaf.reload_error().empty()) json["reload_error"] = leaf.reload_error();
  return json;
}

Json HedgesToJson(const v1::HedgeStatus& hedges) {
  return {{"mode", hedges.mode()},
          {"budget_tokens", hedges.budget_tokens()},
          {"won_total", hedges.won_total()},
          {"lost_total", hedges.lost_total()},
          {"cancelled_total", hedges.cancelled_total()},
          {"failed_total", hedges.failed_total()},
          {"shadow_total", hedges.shadow_total()},
          {"unhedged_no_replica_total", hedges.unhedged_no_replica_total()},
          {"unhedged_budget_total", hedges.unhedged_budget_total()},
          {"unhedged_slow_cluster_total", hedges.unhedged_slow_cluster_total()},
          {"unhedged_refused_total", hedges.unhedged_refused_total()},
          {"unhedged_failing_total", hedges.unhedged_failing_total()}};
}

}  // namespace

std::string AttemptKindName(v1::AttemptKind kind) {
  return LowerWithout("ATTEMPT_KIND_", v1::AttemptKind_Name(kind));
}

std::string AttemptOutcomeName(v1::AttemptOutcome outcome) {
  return LowerWithout("ATTEMPT_OUTCOME_", v1::AttemptOutcome_Name(outcome));
}

std::string ShardStateName(v1::ShardState state) {
  return LowerWithout("SHARD_STATE_", v1::ShardState_Name(state));
}

std::string SearchJson(const v1::SearchResponse& response, const SearchJsonOptions& options) {
  Json json = {{"took_us", response.ledger().total_us()},
               {"client_us", options.client_us},
               {"total", TotalToJson(response.total())}};
  if (options.with_hits) {
    Json hits = Json::array();
    for (const v1::Hit& hit : response.hits()) hits.push_back(HitToJson(hit));
    json["hits"] = std::move(hits);
  } else {
    json["count"] = response.total().value();
  }
  json["coverage"] = CoverageToJson(response.coverage());
  json["top_k_exact"] = response.top_k_exact();
  json["generation"] = response.generation();
  json["timed_out"] = response.timed_out();
  json["ranked"] = !response.unranked();
  json["ledger"] = LedgerToJson(response.ledger());
  if (options.with_attempts) {
    Json attempts = Json::array();
    for (const v1::Attempt& attempt : response.attempts()) {
      attempts.push_back(AttemptToJson(attempt));
    }
    json["attempts"] = std::move(attempts);
  }
  return Dump(json);
}

std::string StatusJson(const v1::ClusterStatus& status) {
  Json replicas = Json::array();
  for (const v1::ReplicaStatus& replica : status.replicas()) {
    replicas.push_back(ReplicaToJson(replica));
  }
  return Dump({{"serving", status.serving()},
               {"collection", CollectionToJson(status.collection())},
               {"replicas", std::move(replicas)},
               {"docs_reachable", status.docs_reachable()},
               {"queries_in_flight", status.queries_in_flight()},
               {"queries_total", status.queries_total()},
               {"queries_failed_total", status.queries_failed_total()},
               {"queries_partial_total", status.queries_partial_total()},
               {"queries_rejected_total", status.queries_rejected_total()},
               {"primary_calls_total", status.primary_calls_total()},
               {"retry_calls_total", status.retry_calls_total()},
               {"hedge_calls_total", status.hedge_calls_total()},
               {"hedges", HedgesToJson(status.hedges())},
               {"fetch_calls_total", status.fetch_calls_total()},
               {"unretried_total", status.unretried_total()},
               {"shards_not_needed_total", status.shards_not_needed_total()},
               {"wasted_cancelled_us_total", status.wasted_cancelled_us_total()},
               {"wasted_lost_us_total", status.wasted_lost_us_total()},
               {"late_replies_total", status.late_replies_total()},
               {"wrong_generation_replies_total", status.wrong_generation_replies_total()},
               {"uptime_us", status.uptime_us()},
               {"version", status.version()}});
}

}  // namespace canopy
