// Only in builds with the thread sanitizer. Debian's Abseil is compiled without it, so the
// sanitizer does not see that a Mutex, CondVar, Notification or BlockingCounter orders what two
// threads do, and reports a race at every use. Here the calls that programs make are caught on
// their way to the library (an executable's definition of a function goes before a shared
// library's) and told to the sanitizer. Functions that no program calls are not caught: they are
// added when one does.
#include <dlfcn.h>

#include <string>

#include "absl/base/options.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/strings.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void __tsan_ignore_thread_begin();
void __tsan_ignore_thread_end();
}

#define CANOPY_TEXT_OF_INNER(name) #name
#define CANOPY_TEXT_OF(name) CANOPY_TEXT_OF_INNER(name)

namespace {

// The library's function with this mangled name: `prefix`, namespace absl and its inline namespace,
// `suffix`.
void* FindOriginal(std::string_view prefix, std::string_view suffix) {
  constexpr std::string_view kInline = CANOPY_TEXT_OF(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  const std::string name = canopy::Concat(prefix, "4absl", kInline.size(), kInline, suffix);
  void* original = ::dlsym(RTLD_NEXT, name.c_str());
  CHECK(original != nullptr);
  return original;
}

template <typename Result, typename... Arguments>
struct Original final {
  // Calls the library. What it reads and writes, also through conditions of other threads, is its
  // own affair.
  static Result Call(void* function, Arguments... arguments) {
    struct Ignoring {
      Ignoring() { __tsan_ignore_thread_begin(); }
      ~Ignoring() { __tsan_ignore_thread_end(); }
    } const ignoring;
    return reinterpret_cast<Result (*)(Arguments...)>(function)(arguments...);
  }
};

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static void* const original = FindOriginal("_ZN", "5Mutex4LockEv");
  Original<void, Mutex*>::Call(original, this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static void* const original = FindOriginal("_ZN", "5Mutex6UnlockEv");
  __tsan_release(this);
  Original<void, Mutex*>::Call(original, this);
}

bool Mutex::TryLock() {
  static void* const original = FindOriginal("_ZN", "5Mutex7TryLockEv");
  const bool locked = Original<bool, Mutex*>::Call(original, this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::ReaderLock() {
  static void* const original = FindOriginal("_ZN", "5Mutex10ReaderLockEv");
  Original<void, Mutex*>::Call(original, this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  static void* const original = FindOriginal("_ZN", "5Mutex12ReaderUnlockEv");
  __tsan_release(this);
  Original<void, Mutex*>::Call(original, this);
}

void Mutex::LockWhen(const Condition& condition) {
  static void* const original = FindOriginal("_ZN", "5Mutex8LockWhenERKNS0_9ConditionE");
  Original<void, Mutex*, const Condition*>::Call(original, this, &condition);
  __tsan_acquire(this);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, absl::Duration timeout) {
  static void* const original =
      FindOriginal("_ZN", "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  const bool met = Original<bool, Mutex*, const Condition*, absl::Duration>::Call(
      original, this, &condition, timeout);
  __tsan_acquire(this);
  return met;
}

void Mutex::Await(const Condition& condition) {
  static void* const original = FindOriginal("_ZN", "5Mutex5AwaitERKNS0_9ConditionE");
  __tsan_release(this);
  Original<void, Mutex*, const Condition*>::Call(original, this, &condition);
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, absl::Duration timeout) {
  static void* const original =
      FindOriginal("_ZN", "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  __tsan_release(this);
  const bool met = Original<bool, Mutex*, const Condition*, absl::Duration>::Call(
      original, this, &condition, timeout);
  __tsan_acquire(this);
  return met;
}

bool Mutex::AwaitWithDeadline(const Condition& condition, absl::Time deadline) {
  static void* const original =
      FindOriginal("_ZN", "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  __tsan_release(this);
  const bool met = Original<bool, Mutex*, const Condition*, absl::Time>::Call(original, this,
                                                                              &condition, deadline);
  __tsan_acquire(this);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  static void* const original = FindOriginal("_ZN", "7CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  Original<void, CondVar*, Mutex*>::Call(original, this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, absl::Duration timeout) {
  static void* const original =
      FindOriginal("_ZN", "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool expired =
      Original<bool, CondVar*, Mutex*, absl::Duration>::Call(original, this, mutex, timeout);
  __tsan_acquire(mutex);
  return expired;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, absl::Time deadline) {
  static void* const original =
      FindOriginal("_ZN", "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool expired =
      Original<bool, CondVar*, Mutex*, absl::Time>::Call(original, this, mutex, deadline);
  __tsan_acquire(mutex);
  return expired;
}

void Notification::Notify() {
  static void* const original = FindOriginal("_ZN", "12Notification6NotifyEv");
  __tsan_release(this);
  Original<void, Notification*>::Call(original, this);
}

void Notification::WaitForNotification() const {
  static void* const original = FindOriginal("_ZNK", "12Notification19WaitForNotificationEv");
  Original<void, const Notification*>::Call(original, this);
  __tsan_acquire(const_cast<Notification*>(this));
}

bool Notification::WaitForNotificationWithTimeout(absl::Duration timeout) const {
  static void* const original =
      FindOriginal("_ZNK", "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE");
  const bool notified =
      Original<bool, const Notification*, absl::Duration>::Call(original, this, timeout);
  if (notified) __tsan_acquire(const_cast<Notification*>(this));
  return notified;
}

bool BlockingCounter::DecrementCount() {
  static void* const original = FindOriginal("_ZN", "15BlockingCounter14DecrementCountEv");
  __tsan_release(this);
  return Original<bool, BlockingCounter*>::Call(original, this);
}

void BlockingCounter::Wait() {
  static void* const original = FindOriginal("_ZN", "15BlockingCounter4WaitEv");
  Original<void, BlockingCounter*>::Call(original, this);
  __tsan_acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl
