// Puts the results of parallel work back into order: items come in from many threads, each with its
// number, and are consumed one at a time in the order of the numbers, by whichever thread brings
// the one that is due. How far the work may run ahead of the consumer is bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace canopy {

// Thread safety: all members from any thread.
template <typename Item>
class OrderedStage final {
 public:
  using Consume = std::function<absl::Status(Item)>;

  // Item n + window may only be worked on when item n has been consumed. REQUIRES: window >= 1.
  OrderedStage(uint64_t window, Consume consume) : window_(window), consume_(std::move(consume)) {}

  // Waits until item `number` may be worked on. Returns the error that ended the stage, if one did.
  // Whoever has the smallest number never waits, so with numbers handed out in order there is no
  // deadlock.
  absl::Status WaitForRoom(uint64_t number) {
    absl::MutexLock lock(&mutex_);
    const auto may_start = [this, number]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !status_.ok() || number < next_ + window_;
    };
    mutex_.Await(absl::Condition(&may_start));
    return status_;
  }

  // Hands in item `number` (0, 1, 2, ...; each once) and consumes what is due. Returns the error
  // that ended the stage.
  absl::Status Put(uint64_t number, Item item) {
    absl::MutexLock lock(&mutex_);
    waiting_.emplace(number, std::move(item));
    if (consuming_) return status_;
    consuming_ = true;
    while (status_.ok() && !waiting_.empty() && waiting_.begin()->first == next_) {
      Item due = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      mutex_.Unlock();
      const absl::Status status = consume_(std::move(due));
      mutex_.Lock();
      status_.Update(status);
      ++next_;
    }
    consuming_ = false;
    return status_;
  }

  // Ends the stage: nothing more is consumed, nobody waits any more. The first error stays.
  void Fail(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    status_.Update(status);
  }

  absl::Status status() const {
    absl::MutexLock lock(&mutex_);
    return status_;
  }

 private:
  const uint64_t window_;
  const Consume consume_;
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Item> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // to be consumed
  bool consuming_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace canopy
