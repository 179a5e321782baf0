// NotificationStore in SQLite; the entries are made by a trigger
// (migrations/0006_access.sql).
#pragma once

#include <vector>

#include "server/jobs/notification_store.h"
#include "server/store/reader_pool.h"
#include "server/store/writer.h"

namespace atelier::server {

class SqliteNotificationStore : public NotificationStore {
 public:
  // Both outlive the store.
  SqliteNotificationStore(Writer& writer, ReaderPool& readers)
      : writer_(writer), readers_(readers) {}

  absl::Status SetNotifiedStates(
      const std::vector<v1::JobState>& states) override;
  absl::StatusOr<DueNotifications> ReadDue(absl::Time now) const override;
  absl::Status ForgetNotification(JobId job) override;
  absl::Status RetryNotification(JobId job, absl::Time not_before) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace atelier::server
