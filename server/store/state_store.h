// The daemon's state on disk, opened: atelier.db (jobs, attempts, leases,
// events, artifacts) and metrics.db (points of the loss curve), both in
// state_dir, with the thread that writes them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/access/access_store.h"
#include "server/jobs/clock.h"
#include "server/jobs/event_log.h"
#include "server/jobs/job_store.h"
#include "server/jobs/notification_store.h"
#include "server/jobs/schedule_store.h"

namespace atelier::server {

struct StateStoreOptions {
  // Absolute; made (0700) where it is not there.
  std::string state_dir;
  // Network file systems are refused without this.
  bool allow_network_file_system = false;
  // How long a worker's events wait for others to share a disk sync with; all
  // other changes go at once.
  absl::Duration group_commit = absl::Milliseconds(20);
  // Told of every commit's duration, on the writer thread. May be null.
  std::function<void(absl::Duration)> on_commit = nullptr;
};

class StateStore {
 public:
  virtual ~StateStore() = default;

  // All live as long as the store. Threads: any.
  virtual JobStore& jobs() = 0;
  virtual AccessStore& access() = 0;
  virtual NotificationStore& notifications() = 0;
  virtual ScheduleStore& schedule() = 0;
  virtual const EventLog& events() const = 0;

  // `listener` hears of every event that is committed from now on, until it is
  // removed; RemoveListener returns when it is not being called any more.
  virtual void AddListener(EventListener* listener) = 0;
  virtual void RemoveListener(EventListener* listener) = 0;

  // Number of the newest migration in the database.
  virtual int schema_version() const = 0;

  // Writes a consistent copy of atelier.db to `path`: whole and checked, or not
  // there. Threads: any. Blocks: as long as it takes.
  virtual absl::Status Backup(const std::string& path) = 0;
};

// Opens or makes the state: takes the instance lock, checks the file system,
// migrates, checks integrity. `clock` outlives the store. Closing it (the
// destructor) finishes what was queued.
// Errors: FAILED_PRECONDITION: another daemon has the folder, the database is
// newer than this program, is of another program, or lies on a network file
// system; DATA_LOSS: the database is damaged; RESOURCE_EXHAUSTED, DISK_FULL;
// PERMISSION_DENIED.
absl::StatusOr<std::unique_ptr<StateStore>> OpenStateStore(
    const StateStoreOptions& options, const Clock& clock);

}  // namespace atelier::server
