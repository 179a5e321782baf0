#include "server/store/sqlite_notification_store.h"

namespace atelier::server {
namespace {

constexpr int kAtATime = 16;

}  // namespace

absl::Status SqliteNotificationStore::SetNotifiedStates(
    const std::vector<v1::JobState>& states) {
  return writer_.Run([&](WriteTransaction& transaction) {
    Connection& connection = transaction.connection();
    Query(connection, "DELETE FROM notify_on").Run();
    for (const v1::JobState state : states)
      Query(connection, "INSERT OR IGNORE INTO notify_on VALUES (?)")
          .Bind(static_cast<int>(state))
          .Run();
    Query(connection,
          "DELETE FROM notifications WHERE job_id NOT IN (SELECT id FROM jobs "
          "JOIN notify_on ON notify_on.state = jobs.state "
          "WHERE jobs.id = notifications.job_id)")
        .Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<DueNotifications> SqliteNotificationStore::ReadDue(
    absl::Time now) const {
  return readers_.Read(
      "cannot read what is to be told",
      [&](Connection& connection) -> absl::StatusOr<DueNotifications> {
        DueNotifications result;
        Query rows(connection,
                   "SELECT job_id, tries, not_before FROM notifications "
                   "ORDER BY not_before, job_id LIMIT ?");
        rows.Bind(kAtATime);
        while (rows.Step()) {
          if (rows.Time(2) > now) {
            result.next = rows.Time(2);
            break;
          }
          result.due.push_back({rows.Int(0), static_cast<int>(rows.Int(1))});
        }
        return result;
      });
}

absl::Status SqliteNotificationStore::ForgetNotification(JobId job) {
  return writer_.Run([&](WriteTransaction& transaction) {
    Query(transaction.connection(),
          "DELETE FROM notifications WHERE job_id = ?")
        .Bind(job)
        .Run();
    return absl::OkStatus();
  });
}

absl::Status SqliteNotificationStore::RetryNotification(JobId job,
                                                        absl::Time not_before) {
  return writer_.Run([&](WriteTransaction& transaction) {
    Query(transaction.connection(),
          "UPDATE notifications SET tries = tries + 1, not_before = ? "
          "WHERE job_id = ?")
        .Bind(not_before, job)
        .Run();
    return absl::OkStatus();
  });
}

}  // namespace atelier::server
