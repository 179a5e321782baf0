// Where time comes from, so that tests need not wait for it.
#pragma once

#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace atelier::server {

class Clock {
 public:
  virtual ~Clock() = default;

  virtual absl::Time Now() const = 0;

  // Waits until `condition` holds (true) or `deadline` has come (false).
  // `mutex` is held before and after, released while waiting; the condition is
  // read with it held. Who changes what the condition reads holds `mutex`.
  virtual bool AwaitUntil(absl::Mutex& mutex,
                          const std::function<bool()>& condition,
                          absl::Time deadline) const = 0;
};

// The machine's clock.
class SystemClock : public Clock {
 public:
  absl::Time Now() const override;
  bool AwaitUntil(absl::Mutex& mutex, const std::function<bool()>& condition,
                  absl::Time deadline) const override;
};

// Stands still until it is moved. Threads: any.
class FakeClock : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1700000000));

  absl::Time Now() const override;
  // Wakes waiters whose deadline has come.
  void Advance(absl::Duration duration);
  // Polls real time in small slices, so that Advance of another thread is seen.
  bool AwaitUntil(absl::Mutex& mutex, const std::function<bool()>& condition,
                  absl::Time deadline) const override;

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
