// What the daemon knows of a job: plain structs that store, scheduler, process
// supervision and API share. States, reasons and outcomes are the contract's
// own enums.
//
// A job is what was asked for; an attempt is one start of it. The attempt's
// number is also its epoch: whatever carries an older number is fenced off.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "atelier/v1/job.pb.h"
#include "atelier/v1/job_spec.pb.h"
#include "atelier/v1/job_state.pb.h"
#include "server/jobs/job_request.h"

namespace atelier::server {

using JobId = int64_t;

// Times that have not come yet are absl::InfinitePast().

// One attempt of one job.
struct AttemptId {
  JobId job = 0;
  // From 1.
  int number = 0;

  bool operator==(const AttemptId&) const = default;
  auto operator<=>(const AttemptId&) const = default;
};

// A process that is told apart from every other one, a later owner of the same
// pid included.
struct ProcessId {
  pid_t pid = 0;
  // Field 22 of /proc/PID/stat: clock ticks since boot.
  uint64_t start_ticks = 0;
  // /proc/sys/kernel/random/boot_id.
  std::string boot_id;

  bool operator==(const ProcessId&) const = default;
};

// How a process ended; exactly one is set once it did.
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;

  bool operator==(const ExitStatus&) const = default;
};

struct Attempt {
  AttemptId id;
  absl::Time start_time = absl::InfinitePast();
  absl::Time end_time = absl::InfinitePast();
  // UNSPECIFIED while it runs.
  v1::AttemptOutcome outcome = v1::ATTEMPT_OUTCOME_UNSPECIFIED;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  std::string message;
  // Hexadecimal SHA-256 of the attempt's secret.
  std::string token_hash;
  // Absolute; made by the one that starts the attempt.
  std::string run_dir;
  // The shim; pid 0 until RecordSpawn. A daemon that died in between finds it
  // by the files in run_dir.
  ProcessId shim;
  // The worker; pid 0 until it is known.
  ProcessId worker;
  ExitStatus exit;
  // Ids of the devices it has (or had) leased.
  std::vector<std::string> devices;
  // Last lines that the worker printed, where it failed.
  std::string last_log;
  // Every worker event up to this sequence is durable.
  int64_t durable_sequence = 0;
};

struct Job {
  JobId id = 0;
  std::string uid;
  v1::JobSpec spec;
  v1::JobState state = v1::JOB_STATE_PENDING;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  std::string message;
  std::string owner;
  absl::Time create_time = absl::InfinitePast();
  // First start.
  absl::Time start_time = absl::InfinitePast();
  absl::Time end_time = absl::InfinitePast();
  // Not started before (back-off).
  absl::Time not_before = absl::InfinitePast();
  // Somebody asked to cancel it; stays set when the worker succeeds first.
  bool cancel_requested = false;
  // Oldest first. Empty in lists.
  std::vector<Attempt> attempts;
  // How many there are, in lists too.
  int attempt_count = 0;
  // Of one attempt, as it stands now; infinite: without end.
  absl::Duration time_limit = absl::InfiniteDuration();
  // Absolute.
  std::string output_dir;
  v1::Progress progress;
  int64_t last_sequence = 0;
  // Grows with every change; the etag.
  int64_t version = 0;
};

// What it takes to start a worker: the job as it is after the attempt was
// written, and the attempt's secret, which exists nowhere else.
struct AttemptToStart {
  Job job;
  Attempt attempt;
  std::string token;
};

// How an attempt ended, as process supervision saw it.
struct AttemptResult {
  AttemptId id;
  // Not UNSPECIFIED. CANCELLED: it stopped because it was asked to.
  v1::AttemptOutcome outcome = v1::ATTEMPT_OUTCOME_UNSPECIFIED;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  // One sentence; the worker's own where it left one.
  std::string message;
  ExitStatus exit;
  // Kept where it failed; the store cuts it to its last 16 KiB.
  std::string last_log;
};

}  // namespace atelier::server
