// Lives of attempts: starts their workers, takes over those of an earlier
// daemon, stops them step by step, and says how they ended.
//
// Everything slow happens on one thread of its own, in order; what others call
// only hands over, except Start.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/jobs/clock.h"
#include "server/jobs/event_log.h"
#include "server/jobs/job_store.h"
#include "server/run/launcher.h"
#include "server/run/worker_registry.h"

namespace atelier::server {

struct SupervisorOptions {
  // From the request to stop to SIGTERM, for jobs that name no time; and from
  // there to the end of the whole process tree.
  absl::Duration stop_grace = absl::Seconds(60);
  absl::Duration term_grace = absl::Seconds(30);
  // How long an adopted worker may be silent.
  absl::Duration adopt_grace = absl::Seconds(60);
};

struct SupervisorHooks {
  // The attempt has ended and nothing of it runs any more. RESOURCE_EXHAUSTED
  // is tried again.
  std::function<absl::Status(const AttemptResult&)> ended;
  // A worker was found alive by a daemon that did not start it. May be null.
  std::function<void()> adopted;
};

// Threads: all methods, from any.
class Supervisor : public EventListener {
 public:
  // What is referred to outlives the supervisor.
  Supervisor(SupervisorOptions options, JobStore& store, Launcher& launcher,
             WorkerRegistry& registry, const Clock& clock,
             SupervisorHooks hooks);
  ~Supervisor() override;

  // Starts the attempt's worker. Blocks: a spawn and a disk sync.
  // Errors: those of Launcher::Start.
  absl::Status Start(const AttemptToStart& attempt);

  // Takes over what an earlier daemon left running. Blocks: reads the store.
  absl::Status AdoptAll();

  // Ends the worker's process tree at once, because nothing is heard of it.
  void ExpireLease(const AttemptId& attempt);

  // For Launcher::ExitCallback.
  void OnExit(const AttemptId& attempt, const WorkerExit& worker_exit);

  // Starts the way to the end of jobs that turn to STOPPING; keeps last words.
  void OnEvents(JobId job, absl::Span<const v1::Event> events) override;

  // Ends the thread; what it still had to do is left to the next daemon.
  void Stop();

 private:
  // An attempt whose processes live.
  struct Running {
    bool is_stopping = false;
    bool lease_expired = false;
  };

  void Post(absl::Duration delay, std::function<void()> task);
  void Loop();
  // Calls `task` later, if the attempt runs then.
  void PostFor(const AttemptId& attempt, absl::Duration delay,
               std::function<void()> task);
  bool IsRunning(const AttemptId& attempt) const;
  absl::Status Adopt(const Job& job);
  // Stops the attempt when its job's time limit is over.
  void WatchTime(const Job& job);
  void RecordWorker(const AttemptId& attempt);
  void BeginStop(JobId job);
  void EndAtOnce(const AttemptId& attempt);
  void Conclude(const AttemptId& attempt, const WorkerExit& worker_exit);
  absl::Status ImportJournal(const Attempt& attempt);
  absl::Status Report(const AttemptId& attempt, const WorkerExit& worker_exit);

  const SupervisorOptions options_;
  JobStore& store_;
  Launcher& launcher_;
  WorkerRegistry& registry_;
  const Clock& clock_;
  const SupervisorHooks hooks_;

  mutable absl::Mutex mutex_;
  std::multimap<absl::Time, std::function<void()>> tasks_
      ABSL_GUARDED_BY(mutex_);
  std::map<AttemptId, Running> running_ ABSL_GUARDED_BY(mutex_);
  std::map<AttemptId, v1::DoneEvent> last_words_ ABSL_GUARDED_BY(mutex_);
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace atelier::server
