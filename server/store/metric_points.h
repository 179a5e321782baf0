// The curves of a job, down-sampled, in a database of their own
// (migrations/README.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/jobs/event_log.h"
#include "server/store/connection.h"

namespace atelier::server {

// What happened in `bucket_steps` steps from `step` on.
struct MetricPoint {
  int64_t step = 0;
  int64_t bucket_steps = 1;
  // Steps that are in it; more than bucket_steps where some were done again.
  int64_t count = 0;
  double mean_loss = 0;
  double min_loss = 0;
  double max_loss = 0;
  // Of the newest step.
  double lr = 0;
  double mean_grad_norm = 0;
  double mean_step_seconds = 0;
  double mean_data_wait_seconds = 0;
};

// Threads: any.
class MetricPoints : public EventListener {
 public:
  // Errors: those of Connection::OpenWriter and Migrate.
  static absl::StatusOr<std::unique_ptr<MetricPoints>> Open(
      const std::string& path, absl::Time now);

  // Adds step events to their buckets. Points that cannot be written are left
  // out: they are a picture of the events, not the record.
  void OnEvents(JobId job, absl::Span<const v1::Event> events) override;

  // A job's points in the finest buckets of which there are at most
  // `max_points`, by step.
  absl::StatusOr<std::vector<MetricPoint>> ReadPoints(JobId job,
                                                      int max_points) const;

 private:
  explicit MetricPoints(std::unique_ptr<Connection> connection)
      : connection_(std::move(connection)) {}

  mutable absl::Mutex mutex_;
  const std::unique_ptr<Connection> connection_;
};

}  // namespace atelier::server
