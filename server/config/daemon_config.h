// The daemon's own settings, from one TOML file. Nothing else is read: no
// environment, no second file. deploy/config/atelierd.toml lists every key with
// its default.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "server/config/device_config.h"
#include "server/config/security_config.h"
#include "server/jobs/schedule_rules.h"

namespace atelier::server {

struct DaemonConfig {
  // Absolute after loading. No default.
  std::string state_dir;
  // Path of the Unix socket for clients; default: STATE_DIR/atelier.sock.
  std::string listen;
  // The same for workers; default: STATE_DIR/worker.sock.
  std::string worker_listen;
  // Jobs that train on the CPU at the same time.
  int cpu_slots = 1;
  // From the request to stop to SIGTERM, and from there to SIGKILL.
  absl::Duration stop_grace = absl::Seconds(60);
  absl::Duration term_grace = absl::Seconds(30);
  // How often a job is started before it fails for good.
  int max_attempts = 3;
  absl::Duration backoff_initial = absl::Seconds(5);
  absl::Duration backoff_limit = absl::Minutes(10);
  double backoff_factor = 2;
  double backoff_jitter = 0.2;
  // HOST:PORT of the metrics page; port 0: any free one; empty: off.
  std::string metrics_listen = "127.0.0.1:9464";
  // trace, debug, info, warn, error or off.
  std::string log_level = "info";
  // Empty: standard error.
  std::string log_file;
  // How long after its start the daemon waits for a worker that it finds alive
  // to make contact.
  absl::Duration adopt_grace = absl::Seconds(60);
  // How long a worker trains on without contact.
  absl::Duration lease = absl::Minutes(30);
  // Programs; default: atelier-trainer and atelier-shim beside atelierd.
  std::string trainer_path;
  std::string shim_path;
  // Folder with tokenizer files; empty: the one that the trainer knows.
  std::string tokenizer_dir;
  // Jobs are not started while less is free in state_dir.
  int64_t min_free_bytes = int64_t{1} << 30;
  // State on a network file system, at one's own risk.
  bool allow_network_file_system = false;
  SecurityConfig security;
  NotificationConfig notifications;
  DeviceConfig devices;
  // [scheduling]: shares, quotas, preemption, maintenance.
  ScheduleRules scheduling;
};

// What stands in a file before defaults are filled in.
struct ConfigPlaces {
  // Folder of the running program, for trainer_path and shim_path.
  std::string program_dir;
  // Relative paths in the file are below the file's own folder.
  std::string file;
  // Takes the place of the file's state_dir where not empty (a flag).
  std::string state_dir;
};

// Errors: INVALID_ARGUMENT naming FILE:LINE, the key, what is allowed, and for
// an unknown key the nearest known one.
absl::StatusOr<DaemonConfig> ParseDaemonConfig(absl::string_view toml,
                                               const ConfigPlaces& places);

// Reads `places.file`; without a file all is default but state_dir.
// Errors: NOT_FOUND or PERMISSION_DENIED naming the file; those above.
absl::StatusOr<DaemonConfig> LoadDaemonConfig(const ConfigPlaces& places);

}  // namespace atelier::server
