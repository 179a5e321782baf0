// Makes ThreadSanitizer see absl::Mutex and absl::CondVar.
//
// Abseil comes from the system's packages, compiled without the sanitizer, so
// the order that its locks give would be unknown and every guarded member
// reported. These definitions stand before the shared library's, tell the
// sanitizer, and call on. Linked by the preset tsan only; programs that link
// it must link Abseil dynamically.
//
// Between pre_ and post_ the sanitizer ignores what the thread does: the
// library evaluates the conditions of waiting threads there.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>
#include <type_traits>

#include "absl/synchronization/mutex.h"

namespace {

// The library's own definition of the function with this mangled name, in which
// stands the inline namespace of Debian's package.
template <typename Function>
Function* Original(const char* symbol) {
  void* found = dlsym(RTLD_NEXT, symbol);
  if (found == nullptr) abort();
  return reinterpret_cast<Function*>(found);
}

template <typename Call>
auto WhileLocking(void* mutex, unsigned flags, Call call) {
  __tsan_mutex_pre_lock(mutex, flags);
  if constexpr (std::is_void_v<decltype(call())>) {
    call();
    __tsan_mutex_post_lock(mutex, flags, 0);
  } else {
    auto result = call();
    __tsan_mutex_post_lock(mutex, flags, 0);
    return result;
  }
}

template <typename Call>
void WhileUnlocking(void* mutex, unsigned flags, Call call) {
  __tsan_mutex_pre_unlock(mutex, flags);
  call();
  __tsan_mutex_post_unlock(mutex, flags);
}

// Waiting gives the lock up and takes it again.
template <typename Call>
auto WhileWaiting(void* mutex, Call call) {
  WhileUnlocking(mutex, 0, [] {});
  return WhileLocking(mutex, 0, call);
}

template <typename Call>
bool WhileTrying(void* mutex, unsigned flags, Call call) {
  flags |= __tsan_mutex_try_lock;
  __tsan_mutex_pre_lock(mutex, flags);
  const bool taken = call();
  __tsan_mutex_post_lock(
      mutex, taken ? flags : flags | __tsan_mutex_try_lock_failed, 0);
  return taken;
}

}  // namespace

namespace absl {

Mutex::~Mutex() {
  static auto* const original =
      Original<void(Mutex*)>("_ZN4absl7debian35MutexD1Ev");
  __tsan_mutex_destroy(this, 0);
  original(this);
}

void Mutex::Lock() {
  static auto* const original =
      Original<void(Mutex*)>("_ZN4absl7debian35Mutex4LockEv");
  WhileLocking(this, 0, [this] { original(this); });
}

void Mutex::Unlock() {
  static auto* const original =
      Original<void(Mutex*)>("_ZN4absl7debian35Mutex6UnlockEv");
  WhileUnlocking(this, 0, [this] { original(this); });
}

bool Mutex::TryLock() {
  static auto* const original =
      Original<bool(Mutex*)>("_ZN4absl7debian35Mutex7TryLockEv");
  return WhileTrying(this, 0, [this] { return original(this); });
}

void Mutex::ReaderLock() {
  static auto* const original =
      Original<void(Mutex*)>("_ZN4absl7debian35Mutex10ReaderLockEv");
  WhileLocking(this, __tsan_mutex_read_lock, [this] { original(this); });
}

void Mutex::ReaderUnlock() {
  static auto* const original =
      Original<void(Mutex*)>("_ZN4absl7debian35Mutex12ReaderUnlockEv");
  WhileUnlocking(this, __tsan_mutex_read_lock, [this] { original(this); });
}

void Mutex::Await(const Condition& condition) {
  static auto* const original = Original<void(Mutex*, const Condition&)>(
      "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
  WhileWaiting(this, [&] { original(this, condition); });
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static auto* const original =
      Original<bool(Mutex*, const Condition&, Duration)>(
          "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_"
          "8DurationE");
  return WhileWaiting(this, [&] { return original(this, condition, timeout); });
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static auto* const original = Original<bool(Mutex*, const Condition&, Time)>(
      "_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  return WhileWaiting(this,
                      [&] { return original(this, condition, deadline); });
}

void Mutex::LockWhen(const Condition& condition) {
  static auto* const original = Original<void(Mutex*, const Condition&)>(
      "_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE");
  WhileLocking(this, 0, [&] { original(this, condition); });
}

void CondVar::Wait(Mutex* mutex) {
  static auto* const original = Original<void(CondVar*, Mutex*)>(
      "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  WhileWaiting(mutex, [&] { original(this, mutex); });
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const original = Original<bool(CondVar*, Mutex*, Duration)>(
      "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  return WhileWaiting(mutex, [&] { return original(this, mutex, timeout); });
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const original = Original<bool(CondVar*, Mutex*, Time)>(
      "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  return WhileWaiting(mutex, [&] { return original(this, mutex, deadline); });
}

}  // namespace absl
