// What a leaf does, without the network: admits searches, runs them on search threads, fetches
// stored fields, changes to a new generation. In a query's flow: between the server shell and the
// shards.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/thread_pool.h"
#include "canopy/v1/postings.pb.h"
#include "canopy/v1/service.pb.h"
#include "leaf/generation_keeper.h"
#include "leaf/leaf_counters.h"
#include "leaf/search_job.h"
#include "rpc/search_backend.h"

namespace canopy {

struct LeafServiceOptions {
  GenerationKeeperOptions generations = {};
  size_t threads = 1;       // search threads
  size_t max_queue = 1024;  // searches of one shard that may wait for a thread, over all requests
};

// One request becomes one task for each shard asked. A request whose tasks do not all fit into the
// queue is refused as a whole. Fetches have a thread of their own, so that an answer that is nearly
// done does not wait behind other searches. Thread safety: all members from any thread. Lifetime:
// borrows the file system and the clock. The destructor runs what is queued: cancel the contexts
// before.
class LeafService final : public SearchBackend {
 public:
  // Documents of one fetch.
  static constexpr int kMaxFetchDocs = kMaxHits;
  static constexpr size_t kMaxQueuedFetches = 1024;

  LeafService(FileSystem& files, const Clock& clock, LeafServiceOptions options);

  // Serves nothing (UNAVAILABLE) before the first Reload. See GenerationKeeper::Reload.
  void Reload(GenerationKeeper::Done done) { generations_.Reload(std::move(done)); }
  void StopReloading() { generations_.Stop(); }
  // Also waits until no `done` runs or will run.
  void EndReloading() { generations_.End(); }

  // RESOURCE_EXHAUSTED: the queue is full. FAILED_PRECONDITION: a generation that is not held.
  // INVALID_ARGUMENT, UNIMPLEMENTED: the request. Otherwise see SearchJob.
  void Search(std::shared_ptr<const v1::SearchRequest> request,
              std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) override;
  // As Search; FAILED_PRECONDITION also for a document of a shard that is not served here.
  void Fetch(std::shared_ptr<const v1::FetchRequest> request, std::shared_ptr<Cancellation> context,
             Done<v1::FetchResponse> done) override;
  // Bitmaps of all matches, for roots that scatter by term; waits in the queue as one task. Errors
  // of Search, CheckPostingsRequest and PostingsJob (postings_job.h).
  void Postings(std::shared_ptr<const v1::PostingsRequest> request,
                std::shared_ptr<Cancellation> context, Done<v1::PostingsResponse> done);

  // All but `ready` and `draining`, which are the process's. The load's times are sums over all
  // searches since the start; its processor time is that of fetches too.
  v1::LeafStatus Status() const;
  const LeafCounters& counters() const { return counters_; }

 private:
  absl::Status Admit(size_t tasks);
  absl::StatusOr<std::shared_ptr<SearchJob>> MakeJob(SearchJob::Call call);

  const Clock& clock_;
  const LeafServiceOptions options_;
  const absl::Time started_;
  LeafCounters counters_;
  GenerationKeeper generations_;
  // Last, so that their tasks end first.
  ThreadPool fetch_pool_;
  ThreadPool search_pool_;
};

}  // namespace canopy
