// Stragglers and errors on purpose, for tests, benchmarks and demonstrations: what the root does
// about slow and failing leaves can be shown on one machine. A leaf has it only with
// --allow-fault-injection.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "rpc/event_loop.h"
#include "rpc/search_backend.h"

namespace canopy {

struct FaultOptions {
  double delay_share = 0;  // of the searches, 0 to 1
  absl::Duration delay = absl::ZeroDuration();
  bool exponential = false;  // then `delay` is the mean
  double error_share = 0;    // of the searches; these answer UNAVAILABLE
  uint64_t seed = 1;

  bool any() const { return delay_share > 0 || error_share > 0; }
};

// "1%:50ms" or "1%:50ms:exp" into the delay_ members. INVALID_ARGUMENT.
absl::Status ParseDelay(std::string_view text, FaultOptions& options);

// What happens to one search.
struct Fault {
  absl::Duration delay = absl::ZeroDuration();
  bool error = false;
};

// The same seed gives the same faults, in the order of the calls. Thread safety: all members from
// any thread.
class FaultGenerator final {
 public:
  explicit FaultGenerator(const FaultOptions& options);
  Fault Next();

 private:
  double NextUniform() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);  // in [0, 1)

  const FaultOptions options_;
  absl::Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
};

// Passes searches on to `backend`, some of them later and some not at all. A delay is slept by a
// timer of the loop: no thread waits, no processor time is burnt. Fetches pass unharmed. Thread
// safety: all members from any thread. Lifetime: borrows the loop and the backend; delayed searches
// reach the backend until the loop stops.
class FaultyBackend final : public SearchBackend {
 public:
  FaultyBackend(EventLoop& loop, SearchBackend& backend, const FaultOptions& options)
      : loop_(loop), backend_(backend), faults_(options) {}

  void Search(std::shared_ptr<const v1::SearchRequest> request,
              std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) override;
  void Fetch(std::shared_ptr<const v1::FetchRequest> request, std::shared_ptr<Cancellation> context,
             Done<v1::FetchResponse> done) override;

 private:
  EventLoop& loop_;
  SearchBackend& backend_;
  FaultGenerator faults_;
};

}  // namespace canopy
