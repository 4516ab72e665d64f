// Which generations a leaf serves: the newest one, and for a while the one before it, so that
// queries that were planned for it end well while a cluster's leaves switch one after another.
// Opening and verifying happens on a thread of its own, beside the generation being served; one
// that cannot be opened changes nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/cancellation.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "leaf/served_generation.h"

namespace canopy {

struct GenerationKeeperOptions {
  GenerationSource source = {};
  absl::Duration keep_previous = absl::Seconds(60);
};

// What is served at one moment.
struct ServedView {
  std::shared_ptr<const ServedGeneration> current;   // null: nothing yet
  std::shared_ptr<const ServedGeneration> previous;  // null: none
  std::string reload_error;                          // of the last reload; empty: it went well
};

// Thread safety: all members from any thread. Lifetime: borrows the file system and the clock.
class GenerationKeeper final {
 public:
  using Done = std::function<void(absl::Status)>;
  // Reloads that may wait while one runs; they are all answered by the one that follows it.
  static constexpr size_t kMaxWaitingReloads = 64;

  GenerationKeeper(FileSystem& files, const Clock& clock, GenerationKeeperOptions options);
  ~GenerationKeeper();  // End()

  // Ends a reload that runs, those that wait and all later ones with CANCELLED. What is served
  // stays.
  void Stop();
  // Stop(), and waits until no `done` runs or will run. REQUIRES: one thread at a time, not from a
  // `done`.
  void End();

  // Opens what the index directory now names and switches to it; does nothing when that is served
  // already. `done` runs on the keeper's thread, or at once with RESOURCE_EXHAUSTED when
  // kMaxWaitingReloads wait. Errors: ReadCurrentGeneration, ServedGeneration::Open; and
  // FAILED_PRECONDITION when the number of shards has changed and the source names the shards to
  // serve.
  void Reload(Done done);

  // The generation that a request asks for; 0: whichever. FAILED_PRECONDITION: not held, and what
  // is. UNAVAILABLE: nothing is served yet.
  absl::StatusOr<std::shared_ptr<const ServedGeneration>> Find(uint64_t generation,
                                                               uint64_t checksum) const;
  ServedView View() const;

 private:
  void Run();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !waiting_.empty();
  }
  absl::Status Load();
  absl::Status LoadAndReport();
  absl::Status CheckShape(const ServedGeneration& current, const GenerationInfo& next) const;
  void Switch(std::shared_ptr<const ServedGeneration> opened);
  void DropPreviousWhenDue();
  absl::Duration TimeToDropLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FileSystem& files_;
  const Clock& clock_;
  const GenerationKeeperOptions options_;
  Cancellation stop_;

  mutable absl::Mutex mutex_;
  ServedView view_ ABSL_GUARDED_BY(mutex_);
  absl::Time drop_previous_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::vector<Done> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace canopy
