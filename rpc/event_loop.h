// Where calls and replies arrive, where a root's query state lives and where timers fire. In a
// query's flow: everything between the network and the search threads. Functions that run here must
// not block and must not search.
//
// Two threads wait, one for sockets and timers, one for gRPC's completion queue; what they wait for
// is handled in turns, one event at a time. "The loop's thread" is the one whose turn it is, so
// what only runs there needs no lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "base/clock.h"

namespace canopy {

// Thread safety: every member from any thread, except where it says otherwise.
// Lifetime: clients (leaf_client.h, search_client.h) that use the loop are destroyed before it.
class EventLoop final {
 public:
  // A timer that was set; the default one is none.
  struct Timer {
    absl::Time at;
    uint64_t id = 0;
  };

  EventLoop();
  // Stop().
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs `function` on the loop's thread, in the order of the calls. False: the loop is stopping,
  // and `function` is gone.
  bool Post(std::function<void()> function);

  // Runs `function` on the loop's thread at `at` (time of clock()) or up to 2 ms later; in the
  // past: soon. Dropped, without being run, once the loop stops.
  Timer RunAt(absl::Time at, std::function<void()> function);
  Timer RunAfter(absl::Duration delay, std::function<void()> function);
  // True: the timer had not run and never will. On the loop's thread false means that it has run;
  // elsewhere it may be running now.
  bool CancelTimer(const Timer& timer);

  bool InLoop() const;
  // On the thread of any loop: the event that it handles came after a wait, so the loop has nothing
  // else to do right now. Elsewhere false.
  static bool HandlesFirstEvent();
  const Clock& clock() const;  // SteadyClock()

  // Runs what has been posted, waits until every call in flight has ended (by a timer, it may be)
  // and the threads are gone; then drops timers. May be called twice. REQUIRES: not on the loop's
  // thread, and the calls in flight have deadlines or are cancelled.
  void Stop();

  // For the .cc files of rpc/ (event_loop_impl.h).
  class Impl;
  Impl& impl() { return *impl_; }
  explicit EventLoop(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace canopy
