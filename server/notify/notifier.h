// Tells the world of ends of jobs by a command of the administrator's, such as
// one that mails, or that posts to a web hook (`curl`).
//
// The command is run without a shell, as the daemon's user, with
//   ATELIER_JOB_ID, ATELIER_JOB_NAME, ATELIER_JOB_OWNER, ATELIER_JOB_STATE,
//   ATELIER_JOB_REASON, ATELIER_JOB_MESSAGE
// in its environment: values that users chose are data there, never words of
// the command. It is ended after `limit`. One that fails is tried again, later
// each time, `max_tries` times in all. Delivery is at least once
// (notification_store.h).
#pragma once

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/jobs/clock.h"
#include "server/jobs/event_log.h"
#include "server/jobs/job_store.h"
#include "server/jobs/notification_store.h"

namespace atelier::server {

struct NotifierOptions {
  // Absolute path and arguments; empty: nobody is told.
  std::vector<std::string> command;
  // Only of jobs that failed.
  bool only_failed = false;
  absl::Duration limit = absl::Seconds(30);
  absl::Duration first_pause = absl::Minutes(1);
  int max_tries = 8;
};

// What the command finds in its environment. Bytes that an environment cannot
// hold are left out.
std::map<std::string, std::string> NotificationVariables(const Job& job);

class Notifier : public EventListener {
 public:
  // All outlive the notifier.
  Notifier(NotifierOptions options, JobStore& jobs, NotificationStore& store,
           const Clock& clock);
  // Stops; a command under way is waited for.
  ~Notifier() override;

  // Tells what is due, and begins to wait for more. Once.
  absl::Status Start();
  void Stop();

  // Threads: the store's writer.
  void OnEvents(JobId job, absl::Span<const v1::Event> events) override;

 private:
  void Loop();
  // Returns when there is more to do.
  absl::Time TellDue();
  void Tell(const Notification& notification);

  const NotifierOptions options_;
  JobStore& jobs_;
  NotificationStore& store_;
  const Clock& clock_;
  absl::Mutex mutex_;
  bool is_woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace atelier::server
