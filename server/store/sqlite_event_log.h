// The event log in SQLite: appending within a transaction, reading.
#pragma once

#include <vector>

#include "server/jobs/event_log.h"
#include "server/store/reader_pool.h"
#include "server/store/writer.h"

namespace atelier::server {

// Gives the event the job's next sequence, stores it and emits it. The caller
// writes `job` (last_sequence has grown) with UpdateJob.
// Throws SQLite::Exception.
void AppendEvent(WriteTransaction& transaction, Job* job, v1::Event event);

// The event that tells of the job's state, reason and message as they are.
void AppendStateEvent(WriteTransaction& transaction, Job* job);

class SqliteEventLog : public EventLog {
 public:
  // `readers` outlives the log.
  explicit SqliteEventLog(ReaderPool& readers) : readers_(readers) {}

  absl::StatusOr<std::vector<v1::Event>> ReadEvents(
      JobId job, int64_t after, size_t limit) const override;
  absl::StatusOr<HistoryEnd> ReadEnd(JobId job) const override;

 private:
  ReaderPool& readers_;
};

}  // namespace atelier::server
