// Runs attempts on this machine: daemon → shim → worker.
//
// A shim is watched through its pidfd and gives the worker's exact exit status.
// When a shim is gone but its worker lives (someone killed the shim), the
// worker trains on and is watched itself; its exit status is then unknown and
// its last event decides. Workers are left alone when the launcher is
// destroyed.
#pragma once

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

#include "server/run/attempt_folder.h"
#include "server/run/control_group.h"
#include "server/run/launcher.h"

namespace atelier::server {

struct LocalLauncherOptions {
  std::string state_dir;
  // Absolute paths.
  std::string shim_program;
  std::string trainer_program;
  // Where workers reach the daemon.
  std::string worker_socket;
  // As ControlGroups::Open takes it.
  std::string cgroup = "off";
};

class LocalLauncher : public Launcher {
 public:
  LocalLauncher(LocalLauncherOptions options, ExitCallback on_exit);
  ~LocalLauncher() override;

  absl::Status Start(const LaunchRequest& request) override;
  absl::Status Adopt(const AttemptId& attempt) override;
  absl::Status Terminate(const AttemptId& attempt) override;
  absl::Status Kill(const AttemptId& attempt) override;
  ProcessId Shim(const AttemptId& attempt) const override;
  ProcessId Worker(const AttemptId& attempt) const override;

 private:
  // A process whose end is waited for.
  struct Watched {
    pid_t pid = 0;
    int pidfd = -1;
    // A shim; else a worker that lost its shim.
    bool is_shim = true;
  };

  AttemptFolder Folder(const AttemptId& attempt) const;
  void Watch(const AttemptId& attempt, const Watched& watched)
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool WatchIfAlive(const AttemptId& attempt);
  void ReportSoon(const AttemptId& attempt, const WorkerExit& worker_exit);
  std::vector<std::string> Command(const AttemptId& attempt) const;
  void Wake();
  void WatchLoop();
  void OnProcessEnd(int pidfd);
  WorkerExit Outcome(const AttemptId& attempt) const;
  void Finish(const AttemptId& attempt, WorkerExit worker_exit);
  void ReportPending();

  const LocalLauncherOptions options_;
  const ExitCallback on_exit_;
  const ControlGroups groups_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;

  mutable absl::Mutex mutex_;
  std::map<AttemptId, Watched> watched_ ABSL_GUARDED_BY(mutex_);
  // Ends found while adopting, to be reported by the thread.
  std::vector<std::pair<AttemptId, WorkerExit>> pending_
      ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace atelier::server
