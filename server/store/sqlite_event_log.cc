#include "server/store/sqlite_event_log.h"

#include <utility>

#include "proto/cc/job_state.h"
#include "server/jobs/job_message.h"
#include "server/store/job_rows.h"

namespace atelier::server {

void AppendEvent(WriteTransaction& transaction, Job* job, v1::Event event) {
  // Columns of their own.
  event.clear_sequence();
  const int attempt = event.attempt();
  const int64_t worker_sequence = event.worker_sequence();
  event.clear_attempt();
  event.clear_worker_sequence();
  const int64_t sequence = ++job->last_sequence;
  Query(transaction.connection(), "INSERT INTO events VALUES (?, ?, ?, ?, ?)")
      .Bind(job->id, sequence, attempt, worker_sequence, ToBlob(event))
      .Run();
  event.set_sequence(sequence);
  event.set_attempt(attempt);
  event.set_worker_sequence(worker_sequence);
  transaction.Emit(job->id, std::move(event));
}

void AppendStateEvent(WriteTransaction& transaction, Job* job) {
  v1::Event event;
  event.set_attempt(job->attempt_count);
  event.set_step(job->progress.step());
  *event.mutable_time() = ToTimestamp(transaction.now());
  event.mutable_state()->set_state(job->state);
  event.mutable_state()->set_reason(job->reason);
  event.mutable_state()->set_message(job->message);
  AppendEvent(transaction, job, std::move(event));
}

absl::StatusOr<std::vector<v1::Event>> SqliteEventLog::ReadEvents(
    JobId job, int64_t after, size_t limit) const {
  using Events = absl::StatusOr<std::vector<v1::Event>>;
  return readers_.Read("cannot read events", [&](Connection& db) -> Events {
    std::vector<v1::Event> events;
    Query query(db,
                "SELECT sequence, attempt, worker_sequence, body FROM events "
                "WHERE job_id = ? AND sequence > ? ORDER BY sequence LIMIT ?");
    query.Bind(job, after, static_cast<int64_t>(limit));
    while (query.Step()) {
      v1::Event event;
      if (!event.ParseFromString(query.Text(3))) {
        return absl::DataLossError("an event of the log does not parse");
      }
      event.set_sequence(query.Int(0));
      event.set_attempt(static_cast<int>(query.Int(1)));
      event.set_worker_sequence(query.Int(2));
      events.push_back(std::move(event));
    }
    return events;
  });
}

absl::StatusOr<HistoryEnd> SqliteEventLog::ReadEnd(JobId job) const {
  using End = absl::StatusOr<HistoryEnd>;
  return readers_.Read("cannot read a job", [&](Connection& db) -> End {
    Query query(db, "SELECT last_sequence, state FROM jobs WHERE id = ?");
    query.Bind(job);
    if (!query.Step()) return JobNotFound(job);
    return HistoryEnd{query.Int(0),
                      IsTerminal(static_cast<v1::JobState>(query.Int(1)))};
  });
}

}  // namespace atelier::server
