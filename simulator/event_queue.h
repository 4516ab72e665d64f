// Virtual time: what is to happen, in order of time, and of scheduling where times are equal. So a
// run depends on its seed alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/time/time.h"

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
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(actions_.size()));
      actions_.emplace_back();
    }
    const uint32_t place = free_.back();
    free_.pop_back();
    actions_[place] = std::move(event);
    heap_.push_back({.time = std::max(time, now_), .sequence = next_sequence_++, .place = place});
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  void After(Nanos delay, std::function<void()> event) { At(now_ + delay, std::move(event)); }

  // Lets the next event happen. False: there is none.
  bool RunOne() {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    const Entry entry = heap_.back();
    heap_.pop_back();
    const std::function<void()> action = std::exchange(actions_[entry.place], nullptr);
    free_.push_back(entry.place);
    now_ = entry.time;
    ++events_;
    action();
    return true;
  }

 private:
  // Small, as the heap moves them about.
  struct Entry {
    Nanos time;
    uint64_t sequence;
    uint32_t place;  // in actions_
  };
  static bool Later(const Entry& a, const Entry& b) {
    return a.time != b.time ? a.time > b.time : a.sequence > b.sequence;
  }

  std::vector<Entry> heap_;
  std::vector<std::function<void()>> actions_;
  std::vector<uint32_t> free_;  // places in actions_
  Nanos now_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t events_ = 0;
};

}  // namespace canopy
