// The history of every job: what happened, in order, numbered from 1 without
// gaps. Events are appended by JobStore, in the same transaction as the change
// that they tell of; this is the reading side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "atelier/v1/event.pb.h"
#include "server/jobs/job.h"

namespace atelier::server {

// Where a job's history stands.
struct HistoryEnd {
  // Of the newest event.
  int64_t last_sequence = 0;
  // The job has ended: nothing follows.
  bool is_final = false;
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  // Events with a sequence above `after`, oldest first, at most `limit`. Empty:
  // there are none (an unknown job has none).
  // Threads: any. Blocks: reads the disk.
  virtual absl::StatusOr<std::vector<v1::Event>> ReadEvents(
      JobId job, int64_t after, size_t limit) const = 0;

  // Errors: NOT_FOUND, JOB_NOT_FOUND.
  virtual absl::StatusOr<HistoryEnd> ReadEnd(JobId job) const = 0;
};

// Is told of events once they are durable.
class EventListener {
 public:
  virtual ~EventListener() = default;

  // Events of one job, oldest first; calls come in the order of commits, so a
  // job's sequences grow by one from call to call.
  // Threads: the store's writer thread, which waits: return at once, and do not
  // call JobStore from here.
  virtual void OnEvents(JobId job, absl::Span<const v1::Event> events) = 0;
};

}  // namespace atelier::server
