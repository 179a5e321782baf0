// Contact with workers. A worker that hears nothing from the daemon until its
// lease ends saves its state and exits; a worker that is silent for longer than
// that no longer does what it should and is ended.
//
// Leases are kept in memory: a daemon that starts gives every attempt that it
// finds running a whole new one, so a restart never costs a worker its life.
// (Which attempt holds which device is in the database, in `leases`.)
#pragma once

#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/jobs/clock.h"
#include "server/jobs/job.h"

namespace atelier::server {

// Threads: any.
class WorkerLeases {
 public:
  // `length`: of a lease. A worker is given `margin` beyond its lease to save
  // and exit before it counts as expired.
  WorkerLeases(const Clock& clock, absl::Duration length,
               absl::Duration margin);

  // The attempt was started, adopted or heard from; returns until when it may
  // go on without contact.
  absl::Time Renew(const AttemptId& attempt);

  // The attempt has ended.
  void Drop(const AttemptId& attempt);

  // Attempts whose lease and margin are over; each is told once, until it is
  // renewed.
  std::vector<AttemptId> TakeExpired();

  // When the next one expires; infinite future: none.
  absl::Time NextExpiry() const;

 private:
  const Clock& clock_;
  const absl::Duration length_;
  const absl::Duration margin_;
  mutable absl::Mutex mutex_;
  // Until when, margin included.
  std::map<AttemptId, absl::Time> until_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
