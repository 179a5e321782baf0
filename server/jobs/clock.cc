#include "server/jobs/clock.h"

#include "absl/time/clock.h"

namespace atelier::server {
namespace {

// How soon a waiter on the fake clock sees that it was moved.
constexpr absl::Duration kSlice = absl::Milliseconds(1);

bool AwaitFor(absl::Mutex& mutex, const std::function<bool()>& condition,
              absl::Duration duration) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return mutex.AwaitWithTimeout(
      absl::Condition(
          +[](const std::function<bool()>* is_met) { return (*is_met)(); },
          &condition),
      duration);
}

}  // namespace

absl::Time SystemClock::Now() const { return absl::Now(); }

bool SystemClock::AwaitUntil(absl::Mutex& mutex,
                             const std::function<bool()>& condition,
                             absl::Time deadline) const {
  return AwaitFor(mutex, condition, deadline - absl::Now());
}

FakeClock::FakeClock(absl::Time now) : now_(now) {}

absl::Time FakeClock::Now() const {
  absl::MutexLock lock(&mutex_);
  return now_;
}

void FakeClock::Advance(absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  now_ += duration;
}

bool FakeClock::AwaitUntil(absl::Mutex& mutex,
                           const std::function<bool()>& condition,
                           absl::Time deadline) const {
  while (!AwaitFor(mutex, condition, kSlice)) {
    if (Now() >= deadline) return false;
  }
  return true;
}

}  // namespace atelier::server
