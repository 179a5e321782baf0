// The queue in memory, kept like the store: what the scheduler looks at and
// what people are told of it. Loaded once, then fed with jobs that changed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/jobs/schedule_store.h"
#include "server/schedule/explain.h"
#include "server/schedule/plan.h"

namespace atelier::server {

// What of the machine a plan is made for.
struct MachineView {
  std::vector<DeviceState> devices;
  int64_t host_memory_bytes = 0;
  // The daemon is going down.
  bool is_closing = false;
  bool disk_low = false;
  absl::Time now = absl::InfinitePast();
};

struct ShareRow {
  Account account;
  double decayed = 0;
  double week = 0;
  AccountLoad load;
};

// Threads: all methods, from any.
class QueueState {
 public:
  // The store outlives it.
  QueueState(ScheduleRules rules, ScheduleStore& store);

  // The job changed; it is read anew before the next look.
  void Touch(JobId job);

  // What there is to do. Blocks: reads of the store.
  absl::StatusOr<Plan> Look(const MachineView& machine);

  // Jobs that can never start, each with the one it waited for; and jobs that
  // waited for others and are in line since the last call.
  std::map<JobId, JobId> Doomed() const;
  std::vector<JobId> TakeResolved();
  // Running jobs, those left out that are already to stop.
  std::vector<JobId> Stoppable() const;

  // `job` is one that waits. Errors: NOT_FOUND where it does not.
  absl::StatusOr<Explanation> Explain(const MachineView& machine, JobId job,
                                      const std::map<JobId, absl::Time>& ends);

  // Least served first. Blocks: reads of the store.
  absl::StatusOr<std::vector<ShareRow>> Shares(absl::Time now);

  // Kept in the store first.
  absl::Status SetDrain(const std::optional<ServerDrain>& drain);
  std::optional<ServerDrain> drain() const;

  const ScheduleRules& rules() const { return rules_; }

 private:
  absl::Status Refresh(absl::Time now);
  absl::Status Load(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts an attempt that has ended since the job was read before.
  void ChargeEnd(const QueuedJob& now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  PlanInput InputOf(const MachineView& machine) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ScheduleRules rules_;
  ScheduleStore& store_;

  mutable absl::Mutex touched_mutex_;
  std::set<JobId> touched_ ABSL_GUARDED_BY(touched_mutex_);

  // Taken before touched_mutex_.
  mutable absl::Mutex mutex_;
  bool is_loaded_ ABSL_GUARDED_BY(mutex_) = false;
  JobQueue queue_ ABSL_GUARDED_BY(mutex_);
  ShareLedger ledger_ ABSL_GUARDED_BY(mutex_);
  std::optional<ServerDrain> drain_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> disk_use_ ABSL_GUARDED_BY(mutex_);
  absl::Time disk_read_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace atelier::server
