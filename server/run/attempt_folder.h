// An attempt's run folder (server/jobs/job_paths.h), with
//
//   token        the attempt's secret, readable by its owner only
//   boot_id      the boot of the machine that it was started in
//   worker.log   what the worker printed
//   events.journal    the events that it made (proto/atelier/v1/worker.proto)
//   shim.json, worker.json, exit.json    left by the shim (server/shim)
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/jobs/job.h"
#include "server/run/launcher.h"

namespace atelier::server {

class AttemptFolder {
 public:
  AttemptFolder(const std::string& state_dir, const AttemptId& attempt);

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

  // Makes the folder with token and boot id. Errors: ALREADY_EXISTS;
  // RESOURCE_EXHAUSTED disk full; INTERNAL otherwise.
  absl::Status Create(const std::string& token) const;

  // Withdraws a start whose shim has not claimed the folder, so that it never
  // will. False: the shim was there first.
  absl::StatusOr<bool> Withdraw() const;

  // The shim's and the worker's process as written down, if they were, and if
  // this is still the same boot of the machine.
  std::optional<ProcessId> Shim() const;
  std::optional<ProcessId> Worker() const;
  // A worker was started, in whatever boot of the machine.
  bool HasWorkerFile() const;
  // How the worker ended, as the shim wrote it down.
  std::optional<WorkerExit> Exit() const;
  // The last lines of worker.log, at most `max_bytes`.
  std::string LastLog(size_t max_bytes) const;

 private:
  std::optional<ProcessId> ReadProcess(const std::string& name) const;

  std::string path_;
};

}  // namespace atelier::server
