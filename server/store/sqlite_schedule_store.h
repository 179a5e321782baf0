// ScheduleStore over SQLite.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/jobs/schedule_store.h"
#include "server/store/reader_pool.h"
#include "server/store/writer.h"

namespace atelier::server {

class SqliteScheduleStore : public ScheduleStore {
 public:
  // Both outlive the store.
  SqliteScheduleStore(Writer& writer, ReaderPool& readers)
      : writer_(writer), readers_(readers) {}

  absl::StatusOr<ScheduleSnapshot> ReadSchedule(
      int64_t usage_from) const override;
  absl::StatusOr<std::vector<QueuedJob>> ReadQueuedJobs(
      const std::vector<JobId>& jobs) const override;
  absl::StatusOr<std::map<std::string, int64_t>> ReadDiskUse() const override;
  absl::Status NoteWaits(const std::vector<WaitNote>& waits) override;
  absl::StatusOr<Job> UpdateJob(const JobUpdate& update) override;
  absl::Status SetDrain(const std::optional<ServerDrain>& drain) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace atelier::server
