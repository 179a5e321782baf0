#include "server/store/state_store.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "proto/cc/status_macros.h"
#include "server/store/backup.h"
#include "server/store/connection.h"
#include "server/store/metric_points.h"
#include "server/store/migrator.h"
#include "server/store/reader_pool.h"
#include "server/store/sqlite_access_store.h"
#include "server/store/sqlite_event_log.h"
#include "server/store/sqlite_job_store.h"
#include "server/store/sqlite_notification_store.h"
#include "server/store/sqlite_schedule_store.h"
#include "server/store/state_folder.h"
#include "server/store/writer.h"

namespace atelier::server {
namespace {

// "Atel"
constexpr int32_t kStateApplicationId = 0x4174656c;
// Requests are remembered for that long; the contract promises 7 days.
constexpr absl::Duration kRequestsKept = absl::Hours(24 * 30);

class OpenedStateStore : public StateStore {
 public:
  OpenedStateStore(const StateStoreOptions& options, const Clock& clock,
                   std::unique_ptr<StateFolder> folder,
                   std::unique_ptr<MetricPoints> points,
                   std::unique_ptr<Connection> connection, int64_t last_audit)
      : path_(absl::StrCat(options.state_dir, "/atelier.db")),
        folder_(std::move(folder)),
        points_(std::move(points)),
        readers_(path_),
        writer_(std::move(connection), clock,
                {options.group_commit, options.on_commit}),
        jobs_(options.state_dir, writer_, readers_),
        events_(readers_),
        access_(writer_, readers_, last_audit),
        notifications_(writer_, readers_),
        schedule_(writer_, readers_) {
    writer_.AddListener(points_.get());
  }

  JobStore& jobs() override { return jobs_; }
  const EventLog& events() const override { return events_; }
  AccessStore& access() override { return access_; }
  NotificationStore& notifications() override { return notifications_; }
  ScheduleStore& schedule() override { return schedule_; }
  void AddListener(EventListener* listener) override {
    writer_.AddListener(listener);
  }
  void RemoveListener(EventListener* listener) override {
    writer_.RemoveListener(listener);
  }
  int schema_version() const override {
    return static_cast<int>(StateMigrations().size());
  }
  absl::Status Backup(const std::string& path) override {
    return BackUpDatabase(path_, path);
  }

 private:
  const std::string path_;
  // Released last.
  const std::unique_ptr<StateFolder> folder_;
  const std::unique_ptr<MetricPoints> points_;
  ReaderPool readers_;
  Writer writer_;
  SqliteJobStore jobs_;
  SqliteEventLog events_;
  SqliteAccessStore access_;
  SqliteNotificationStore notifications_;
  SqliteScheduleStore schedule_;
};

absl::Status BackUpBeforeMigration(const StateStoreOptions& options,
                                   absl::Time now, int old_version) {
  const std::string folder = absl::StrCat(options.state_dir, "/backups");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("cannot make ", folder));
  }
  return BackUpDatabase(absl::StrCat(options.state_dir, "/atelier.db"),
                        absl::StrCat(folder, "/atelier-schema", old_version,
                                     "-", absl::ToUnixSeconds(now), ".db"));
}

void ForgetOldRequests(Connection& connection, absl::Time now) {
  Query(connection, "DELETE FROM requests WHERE create_time < ?")
      .Bind(now - kRequestsKept)
      .Run();
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateStore>> OpenStateStore(
    const StateStoreOptions& options, const Clock& clock) {
  ASSIGN_OR_RETURN(
      auto folder,
      StateFolder::Take(options.state_dir, options.allow_network_file_system));
  const absl::Time now = clock.Now();
  const std::string path = absl::StrCat(options.state_dir, "/atelier.db");
  ASSIGN_OR_RETURN(auto connection,
                   Connection::OpenWriter(path, Durability::kFull));
  RETURN_IF_ERROR(AddContext(Migrate(*connection, StateMigrations(), now,
                                     {kStateApplicationId,
                                      [&](int old_version) {
                                        return BackUpBeforeMigration(
                                            options, now, old_version);
                                      }}),
                             path));
  RETURN_IF_ERROR(CheckDatabase(path));
  int64_t last_audit = 0;
  RETURN_IF_ERROR(CatchSql("cannot forget old requests", [&] {
    ForgetOldRequests(*connection, now);
    last_audit = connection->ReadInt("SELECT COALESCE(MAX(id), 0) FROM audit");
    return absl::OkStatus();
  }));
  ASSIGN_OR_RETURN(
      auto points,
      MetricPoints::Open(absl::StrCat(options.state_dir, "/metrics.db"), now));
  return std::make_unique<OpenedStateStore>(options, clock, std::move(folder),
                                            std::move(points),
                                            std::move(connection), last_audit);
}

}  // namespace atelier::server
