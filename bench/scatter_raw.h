// Scatters over gRPC alone: what the library costs, without what Canopy adds to it. One query at a
// time, one call for each leaf; Run() returns when all have been answered.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "bench/scatter_leaves.h"
#include "canopy/v1/service.grpc.pb.h"

namespace canopy {

// The connections, and what each leaf is asked.
class RawScatter {
 protected:
  RawScatter(LeafKind kind, int leaves);

  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<v1::LeafService::Stub>> stubs_;
  std::vector<std::shared_ptr<const v1::SearchRequest>> requests_;
};

// Unary calls of the callback API, on the library's threads.
class CallbackScatter final : public RawScatter {
 public:
  explicit CallbackScatter(int leaves) : RawScatter(LeafKind::kCanopy, leaves) {}
  void RunOne();

 private:
  absl::Mutex mutex_;
  size_t left_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Unary calls on a completion queue that the caller's thread turns.
class QueueScatter final : public RawScatter {
 public:
  explicit QueueScatter(int leaves) : RawScatter(LeafKind::kCanopy, leaves) {}
  ~QueueScatter();
  void RunOne();

 private:
  grpc::CompletionQueue queue_;
};

// One stream for each leaf that stays open, on a completion queue that the caller's thread turns.
class StreamScatter final : public RawScatter {
 public:
  explicit StreamScatter(int leaves);
  ~StreamScatter();
  void RunOne();

 private:
  struct Stream;
  // Waits for the next event; what happened, to which stream.
  Stream& Next(bool& is_reply);

  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace canopy
