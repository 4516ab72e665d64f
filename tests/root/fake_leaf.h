// A leaf process without a network: answers from a FakeCollection as a test tells it to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "root/cluster_monitor.h"
#include "tests/root/fake_collection.h"

namespace canopy {

// Thread safety: all members from any thread.
class FakeLeaf final {
 public:
  FakeLeaf(std::vector<FakeCollection> collections, std::vector<ShardId> shards)
      : collections_(std::move(collections)), shards_(std::move(shards)) {}

  // Calls and probes end so from now on; OK: they are answered.
  void Fail(absl::Status error);
  void FailFetches(absl::Status error);
  // Every second search, from the first on, ends so; probes are answered.
  void FailEverySecondSearch(absl::Status error);
  // Calls wait until Release; probes are answered.
  void Hold();
  // Probes wait until Release.
  void HoldProbes();
  void Release();
  // Replaces what it serves; the first is current, the others are previous.
  void Serve(std::vector<FakeCollection> collections);

  int searches() const;
  int fetches() const;
  int probes() const;
  // Calls that wait, and how many of those were cancelled.
  size_t held() const;
  size_t held_cancelled() const;
  std::vector<v1::SearchRequest> requests() const;

  v1::LeafStatus Status() const;
  void Search(std::shared_ptr<const v1::SearchRequest> request,
              std::shared_ptr<Cancellation> context, SearchBackend::Done<v1::SearchResponse> done);
  void Fetch(std::shared_ptr<const v1::FetchRequest> request,
             SearchBackend::Done<v1::FetchResponse> done);
  void Probe(SearchBackend::Done<v1::LeafStatus> done);

 private:
  struct HeldCall {
    std::shared_ptr<Cancellation> context;
    std::function<void()> answer;
  };
  absl::StatusOr<v1::SearchResponse> Answer(const v1::SearchRequest& request) const;
  const FakeCollection* Find(uint64_t generation, uint64_t checksum) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::vector<FakeCollection> collections_ ABSL_GUARDED_BY(mutex_);
  const std::vector<ShardId> shards_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  absl::Status fetch_error_ ABSL_GUARDED_BY(mutex_);
  absl::Status second_error_ ABSL_GUARDED_BY(mutex_);
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<HeldCall> held_ ABSL_GUARDED_BY(mutex_);
  bool holding_probes_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<SearchBackend::Done<v1::LeafStatus>> held_probes_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::SearchRequest> requests_ ABSL_GUARDED_BY(mutex_);
  int fetches_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable int probes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The leaf as a backend, for connections and servers. Lifetime: shares the leaf.
std::unique_ptr<SearchBackend> BackendOf(std::shared_ptr<FakeLeaf> leaf);

// Leaves by address.
using FakeLeaves = std::map<std::string, std::shared_ptr<FakeLeaf>>;
LeafConnector ConnectorTo(std::shared_ptr<const FakeLeaves> leaves);

}  // namespace canopy
