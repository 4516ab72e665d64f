// Virtual time: what is to happen, in order of time, and of scheduling where times are equal. So a
// run depends on its seed alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/check.h"

namespace canopy {

// Nanoseconds of virtual time, since the start of the run.
using Nanos = int64_t;

inline constexpr Nanos kNanosPerSecond = 1'000'000'000;

// As the sessions see it.
inline absl::Time ToTime(Nanos at) { return absl::UnixEpoch() + absl::Nanoseconds(at); }
inline Nanos ToNanos(absl::Time time) { return absl::ToInt64Nanoseconds(time - absl::UnixEpoch()); }

// Thread safety: none.
class EventQueue final {
 public:
  Nanos now() const { return now_; }
  uint64_t events() const { return events_; }

  // What lies in the past happens now.
  void At(Nanos time, std::function<void()> event) {
    heap_.push_back({std::max(time, now_), next_sequence_++, std::move(event)});
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  void After(Nanos delay, std::function<void()> event) { At(now_ + delay, std::move(event)); }

  // Lets the next event happen. False: there is none.
  bool RunOne() {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    const Entry entry = std::move(heap_.back());
    heap_.pop_back();
    now_ = entry.time;
    ++events_;
    entry.event();
    return true;
  }

 private:
  struct Entry {
    Nanos time;
    uint64_t sequence;
    std::function<void()> event;  // captures of 16 bytes cost no allocation
  };
  static bool Later(const Entry& a, const Entry& b) {
    return std::pair(a.time, a.sequence) > std::pair(b.time, b.sequence);
  }

  std::vector<Entry> heap_;
  Nanos now_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t events_ = 0;
};

}  // namespace canopy
