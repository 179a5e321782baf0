#include "server/jobs/job_store.h"

#include <utility>

#include "absl/synchronization/notification.h"

namespace atelier::server {

absl::StatusOr<int64_t> JobStore::AppendWorkerEvents(
    const AttemptId& attempt, std::vector<v1::Event> events) {
  absl::Notification finished;
  absl::StatusOr<int64_t> result;
  AppendWorkerEvents(attempt, std::move(events),
                     [&](absl::StatusOr<int64_t> durable) {
                       result = std::move(durable);
                       finished.Notify();
                     });
  finished.WaitForNotification();
  return result;
}

}  // namespace atelier::server
