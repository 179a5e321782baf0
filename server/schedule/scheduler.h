// The loop that starts jobs: wakes when something changed or a time has come,
// asks for a plan, writes each attempt with its device leases, and hands it to
// the one that spawns; asks jobs to stop that others come before. What becomes
// of ended attempts is decided by the rules of policy.h.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "server/jobs/clock.h"
#include "server/jobs/event_log.h"
#include "server/jobs/job.h"
#include "server/jobs/job_store.h"
#include "server/schedule/lease.h"
#include "server/schedule/policy.h"
#include "server/schedule/queue_state.h"

namespace atelier::server {

struct SchedulerOptions {
  RetryRules retry;
  ScheduleRules rules;
  // No starts while less than this is free; 0: no matter.
  int64_t min_free_bytes = 0;
};

// What the scheduler asks of others; the daemon binds them.
struct SchedulerHooks {
  // Every device as it is now, leases left out, and the machine's memory.
  std::function<std::vector<DeviceState>()> devices;
  std::function<int64_t()> host_memory_bytes;
  // Starts the attempt's worker. A failure ends the attempt with START_FAILED.
  // Threads: the scheduler's.
  std::function<absl::Status(const AttemptToStart&)> start;
  // The attempt's worker is silent beyond its lease: end its process tree and
  // report the attempt as LOST with LEASE_EXPIRED. May be null.
  std::function<void(const AttemptId&)> lease_expired;
  // Free bytes where the daemon keeps its state. May be null.
  std::function<int64_t()> free_bytes;
  // A scheduling pass took that long. May be null.
  std::function<void(absl::Duration)> pass_done;
  // A job was started, after that wait; it may have passed others. May be null.
  std::function<void(const Job&, absl::Duration waited, bool is_backfill)>
      started;
  // A job is stopped for one of higher priority. May be null.
  std::function<void()> preempted;
};

// Threads: all methods, from any.
class Scheduler : public EventListener {
 public:
  // What is referred to outlives the scheduler. `leases` may be null.
  Scheduler(SchedulerOptions options, JobStore& store, ScheduleStore& schedule,
            const Clock& clock, WorkerLeases* leases, SchedulerHooks hooks);
  // Stops.
  ~Scheduler() override;

  // Starts the loop. Attempts that a former daemon left are to be adopted or
  // ended by the caller (JobStore::RunningJobs); their devices are leased and
  // so not given away meanwhile.
  void Start();

  // Ends the loop; running workers go on. Returns when no hook runs any more.
  void Stop();

  // Looks at the queue again soon.
  void Wake();

  // The daemon goes down: no new starts.
  void Close();

  // No new starts until resumed, over restarts too; with `requeue_running`
  // running jobs stop with their state saved and wait again. Blocks: disk
  // syncs.
  absl::Status Drain(const std::string& message, bool requeue_running);
  absl::Status Resume();
  bool draining() const;

  // Stops a running job with its state saved and puts it back into the queue;
  // one that waits may start at once. Blocks: a disk sync.
  // Errors: FAILED_PRECONDITION, JOB_ENDED; those of JobStore.
  absl::StatusOr<Job> Requeue(JobId job, const std::string& message);

  // Why a job that waits does so. Blocks: reads of the store.
  // Errors: NOT_FOUND: it does not wait.
  absl::StatusOr<Explanation> Explain(JobId job);

  // Who has had how much of the devices, least served first. Blocks: reads.
  absl::StatusOr<std::vector<ShareRow>> Shares();
  const ScheduleRules& rules() const { return queue_.rules(); }

  // The attempt has ended: decides what becomes of the job (AfterAttempt),
  // writes it and frees the devices. The job comes back as it is then.
  // Blocks: one disk sync. Errors: those of JobStore::FinishAttempt; ABORTED
  // where it had been ended before.
  absl::StatusOr<Job> AttemptEnded(const AttemptResult& result);

  // Notes what changed and wakes when a job may have become startable.
  void OnEvents(JobId job, absl::Span<const v1::Event> events) override;

 private:
  void Loop();
  // One pass; returns when to look again.
  absl::Time Pass();
  MachineView ViewMachine() const;
  void StartJob(const JobStart& start);
  void NoteWaits(const Plan& plan);
  void FailDoomed();
  void StopFor(const Plan& plan);
  void StopForMaintenance(absl::Time now);
  void EndExpired();

  const SchedulerOptions options_;
  JobStore& store_;
  ScheduleStore& schedule_;
  const Clock& clock_;
  WorkerLeases* const leases_;
  const SchedulerHooks hooks_;
  QueueState queue_;

  mutable absl::Mutex mutex_;
  bool awake_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace atelier::server
