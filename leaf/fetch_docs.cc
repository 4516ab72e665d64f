#include "leaf/fetch_docs.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "rpc/search_backend.h"

namespace canopy {
namespace {

bool IsWanted(const v1::FetchRequest& request, const std::string& field) {
  const auto& fields = request.fields();
  return fields.empty() || std::find(fields.begin(), fields.end(), field) != fields.end();
}

absl::StatusOr<const ShardFile*> FindShard(const ServedGeneration& generation, DocId doc) {
  if (doc >= generation.docs_total()) {
    return absl::InvalidArgumentError(
        Concat("document ", doc, " is asked for, the collection has ", generation.docs_total()));
  }
  const ShardId shard = LocateDoc(doc, generation.num_shards()).shard;
  if (const ShardFile* const file = generation.Find(shard)) return file;
  return absl::FailedPreconditionError(
      Concat("document ", doc, " lives in shard ", shard, ", which this leaf does not serve"));
}

absl::Status FetchDoc(const ShardFile& shard, LocalDoc local, const v1::FetchRequest& request,
                      v1::Hit& hit) {
  ASSIGN_OR_RETURN(*hit.mutable_id(), shard.ExternalId(local));
  if (request.omit_fields()) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto stored, shard.StoredFields(local));
  for (auto& [name, value] : stored) {
    if (!IsWanted(request, name)) continue;
    v1::Field& field = *hit.add_fields();
    field.set_name(std::move(name));
    field.set_value(std::move(value));
  }
  return absl::OkStatus();
}

absl::Status CheckBytes(const v1::Hit& hit, size_t bytes_of_all) {
  if (bytes_of_all <= kMaxFetchBytes) return absl::OkStatus();
  if (hit.ByteSizeLong() > kMaxFetchBytes) {
    return absl::InvalidArgumentError(Concat("the fields of document ", hit.doc(), " take ",
                                             hit.ByteSizeLong(), " bytes, more than the limit of ",
                                             kMaxFetchBytes, " (fetch bytes): name the fields"));
  }
  return FetchTooLarge();
}

}  // namespace

absl::StatusOr<v1::FetchResponse> FetchDocs(const ServedGeneration& generation,
                                            const v1::FetchRequest& request,
                                            const Cancellation& context) {
  v1::FetchResponse response;
  response.set_generation(generation.number());
  response.set_collection_checksum(generation.checksum());
  response.mutable_hits()->Reserve(request.docs_size());
  size_t bytes = 0;
  for (const DocId doc : request.docs()) {
    RETURN_IF_ERROR(context.status());
    ASSIGN_OR_RETURN(const ShardFile* const shard, FindShard(generation, doc));
    v1::Hit& hit = *response.add_hits();
    hit.set_doc(doc);
    RETURN_IF_ERROR(FetchDoc(*shard, LocateDoc(doc, generation.num_shards()).local, request, hit));
    bytes += hit.ByteSizeLong();
    RETURN_IF_ERROR(CheckBytes(hit, bytes));
  }
  return response;
}

}  // namespace canopy
