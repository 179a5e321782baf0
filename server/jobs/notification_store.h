// Ends of jobs that somebody is still to hear of. An entry comes with the end
// of its job, in one transaction, and goes when it was delivered: each is told
// at least once whatever crashes, and twice only where the daemon died between
// the telling and the note of it.
//
// Threads: any but the writer's. Errors: those of JobStore.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/jobs/job.h"

namespace atelier::server {

struct Notification {
  JobId job = 0;
  // Failed ones.
  int tries = 0;
};

struct DueNotifications {
  // The oldest, a few at a time.
  std::vector<Notification> due;
  // When the next one is, where none is now; infinite future: there is none.
  absl::Time next = absl::InfiniteFuture();
};

class NotificationStore {
 public:
  virtual ~NotificationStore() = default;

  // From now on ends in these states are told; what waits of others is dropped.
  virtual absl::Status SetNotifiedStates(
      const std::vector<v1::JobState>& states) = 0;
  virtual absl::StatusOr<DueNotifications> ReadDue(absl::Time now) const = 0;
  // It was told, or given up.
  virtual absl::Status ForgetNotification(JobId job) = 0;
  // It could not be told.
  virtual absl::Status RetryNotification(JobId job, absl::Time not_before) = 0;
};

}  // namespace atelier::server
