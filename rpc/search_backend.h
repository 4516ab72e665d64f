// The one interface of every tier: a leaf's service, a root's service, the client to either,
// and the fakes of tests. Whoever implements it can stand in for any other, so a whole cluster can
// be wired inside one process without a socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/cancellation.h"
#include "canopy/v1/search.pb.h"
#include "canopy/v1/service.pb.h"

namespace canopy {

// The most hits of a query, offset + k, and of a search of one shard.
inline constexpr uint32_t kMaxHits = 10'000;
// Ids and stored fields that a query may return; a leaf and a root hold them in memory.
inline constexpr size_t kMaxFetchBytes = 32 << 20;
// Bitmaps of one PostingsResponse, and the nodes that one PostingsRequest asks for.
inline constexpr size_t kMaxPostingsBytes = 32 << 20;
inline constexpr int kMaxPostingsNodes = 16384;
// Of a request to a root: a query of the largest size (query/limits.h) and what it is packed in.
inline constexpr size_t kMaxRootRequestBytes = 4 << 20;

// What a leaf says of one part of them, and a root of all together.
inline absl::Status FetchTooLarge() {
  return absl::InvalidArgumentError(
      absl::StrCat("the fields of the hits take more than ", kMaxFetchBytes,
                   " bytes, the limit (fetch bytes): ask for fewer hits or name the fields"));
}

// Thread safety: all calls from any thread. Every `done` is called exactly once, from any thread
// (also from inside the call itself), with CANCELLED after context->Cancel() and DEADLINE_EXCEEDED
// after context->deadline().
class SearchBackend {
 public:
  template <typename Response>
  using Done = std::function<void(absl::StatusOr<Response>)>;

  virtual ~SearchBackend() = default;

  virtual void Search(std::shared_ptr<const v1::SearchRequest> request,
                      std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) = 0;

  // Only leaves answer; others say UNIMPLEMENTED.
  virtual void Fetch(std::shared_ptr<const v1::FetchRequest> request,
                     std::shared_ptr<Cancellation> context, Done<v1::FetchResponse> done) = 0;
};

}  // namespace canopy
