// Which running jobs stop for one of higher priority: those of the lowest
// priority that hold what it lacks, the youngest first, so that the least work
// waits. Never one of the same priority, so none is stopped back and forth.
#pragma once

#include <vector>

#include "absl/time/time.h"

#include "server/schedule/placement.h"

namespace atelier::server {

struct Victims {
  // Empty: none, or not enough.
  std::vector<JobId> jobs;
  // When more may be stopped; infinite future: never.
  absl::Time look_again = absl::InfiniteFuture();
};

// `min_run`: jobs that have run for less are left alone.
Victims ChooseVictims(const Placement& placement,
                      const Placement::Reservation& reservation,
                      const QueuedJob& job, absl::Duration min_run,
                      absl::Time now);

}  // namespace atelier::server
