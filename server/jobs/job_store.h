// Where jobs are kept. Every method that changes something is one transaction,
// appends the event that tells of it, and returns after the transaction is
// durable; state changes follow proto/cc/job_state.h.
//
// Threads: all methods, from any thread except the writer's own (EventListener,
// completion callbacks). Blocks: changes wait for one disk sync, shared by all
// that are waiting (about 5 to 25 ms); reads take well under a millisecond.
// Errors, of every method besides its own: RESOURCE_EXHAUSTED, DISK_FULL: the
// disk is full or cannot be written, nothing was changed; UNAVAILABLE,
// SHUTTING_DOWN: the store is closing; INTERNAL: the database is at fault.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "atelier/v1/artifact.pb.h"
#include "atelier/v1/event.pb.h"
#include "server/jobs/device_drain.h"
#include "server/jobs/job.h"

namespace atelier::server {

struct NewJob {
  // Resolved: defaults filled in, seed drawn (job_spec_validate.h). An empty
  // output folder becomes one of the job's own.
  v1::JobSpec spec;
  std::string owner;
  // Empty: the submission is not idempotent.
  std::string request_id;
  // SHA-256 of the request as it was sent (RequestBodyHash).
  std::string body_hash;
  // Jobs of the owner that may wait at a time; 0: any number.
  int queued_quota = 0;
};

struct Submission {
  Job job;
  // False: an earlier request with this id made it.
  bool is_new = true;
};

struct JobQuery {
  // As in ListJobsRequest.
  int page_size = 0;
  std::string page_token;
  std::string filter;
  std::string order_by;
};

struct JobPage {
  std::vector<Job> jobs;
  // Empty: no more.
  std::string next_page_token;
};

struct StateChange {
  JobId job = 0;
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  std::string message;
};

// Intent to start a job, written before anything is spawned.
struct AttemptPlan {
  JobId job = 0;
  std::vector<std::string> devices;
  // Hexadecimal SHA-256 of the attempt's secret (attempt_token.h).
  std::string token_hash;
};

// The processes of an attempt, as far as they are known (pid 0: not yet).
struct SpawnRecord {
  AttemptId id;
  ProcessId shim;
  ProcessId worker;
};

// The end of an attempt and what becomes of its job.
struct AttemptEnd {
  AttemptResult result;
  // SUCCEEDED, FAILED, CANCELLED, or PENDING to start it again.
  v1::JobState next_state = v1::JOB_STATE_UNSPECIFIED;
  v1::JobReason next_reason = v1::JOB_REASON_UNSPECIFIED;
  std::string next_message;
  // For PENDING: not started again before.
  absl::Time not_before = absl::InfinitePast();
  // The job's cancel_requested when next_state was chosen; a cancel that came
  // since makes FinishAttempt fail, so that it is chosen again.
  bool saw_cancel = false;
};

// A device and the attempt that holds it.
struct DeviceLease {
  std::string device;
  AttemptId holder;
};

// What running jobs hold.
struct HeldDevices {
  std::vector<DeviceLease> leases;
  // Of the machine's memory, what they asked for.
  int64_t memory_bytes = 0;
};

// How many jobs are in a state for a reason.
struct JobCount {
  v1::JobState state;
  v1::JobReason reason;
  int64_t count;
};

struct ArtifactQuery {
  JobId job = 0;
  // UNSPECIFIED: all.
  v1::ArtifactKind kind = v1::ARTIFACT_KIND_UNSPECIFIED;
  int page_size = 0;
  std::string page_token;
};

struct ArtifactPage {
  std::vector<v1::Artifact> artifacts;
  std::string next_page_token;
};

class JobStore {
 public:
  virtual ~JobStore() = default;

  // Queues a job: PENDING, with its first event. The same owner and request_id
  // with the same body_hash give the job of then.
  // Errors: ALREADY_EXISTS, REQUEST_ID_REUSED: another body;
  // RESOURCE_EXHAUSTED, QUOTA_EXCEEDED; INVALID_ARGUMENT: it waits for a job
  // that does not exist.
  virtual absl::StatusOr<Submission> SubmitJob(const NewJob& job) = 0;

  // The job that an earlier request of this owner with this id made; none where
  // there was no such request. Errors: ALREADY_EXISTS, REQUEST_ID_REUSED.
  virtual absl::StatusOr<std::optional<Job>> FindSubmission(
      const std::string& owner, const std::string& request_id,
      const std::string& body_hash) const = 0;

  // Errors: NOT_FOUND, JOB_NOT_FOUND; so for every method that names a job.
  virtual absl::StatusOr<Job> ReadJob(JobId job) const = 0;

  // Errors: INVALID_ARGUMENT with INVALID_FILTER, INVALID_ORDER,
  // INVALID_PAGE_TOKEN or INVALID_REQUEST.
  virtual absl::StatusOr<JobPage> ListJobs(const JobQuery& query) const = 0;

  // Gives a job a state, reason and message. The same state again changes only
  // reason and message; where these are the same too, nothing happens.
  // Errors: FAILED_PRECONDITION where the change is not legal, with JOB_ENDED
  // for a job that has ended.
  virtual absl::StatusOr<Job> ChangeState(const StateChange& change) = 0;

  // Says why a PENDING job waits; nothing happens where that is the same.
  // Errors: ABORTED: the job is no longer PENDING.
  virtual absl::Status ExplainWait(JobId job, v1::JobReason reason,
                                   const std::string& message) = 0;

  // Cancels: a job that waits is CANCELLED at once, one that runs becomes
  // STOPPING (its worker must then be asked to stop), one that is stopping
  // stays so. `message` is kept.
  // Errors: FAILED_PRECONDITION, JOB_ENDED.
  virtual absl::StatusOr<Job> RequestCancel(JobId job,
                                            const std::string& message) = 0;

  // Makes the next attempt of a PENDING job, leases it the devices and turns
  // the job to STARTING. The job comes back with its attempts, the new one
  // last; run_dir is set but not made.
  // Errors: ABORTED: the job is no longer PENDING, or a device was taken.
  virtual absl::StatusOr<Job> StartAttempt(const AttemptPlan& plan) = 0;

  // Keeps who runs. A pid of 0 leaves what is known.
  // Errors: ABORTED: the attempt has ended or another came after it.
  virtual absl::Status RecordSpawn(const SpawnRecord& record) = 0;

  // The attempt's worker has made contact: STARTING becomes RUNNING. Any other
  // state stays.
  // Errors: as RecordSpawn.
  virtual absl::StatusOr<Job> MarkRunning(const AttemptId& attempt) = 0;

  // Is given the highest worker_sequence up to which all is durable, or why
  // nothing was stored. Runs on the writer thread: must return at once.
  using AppendCallback = std::function<void(absl::StatusOr<int64_t>)>;

  // Appends events that a worker made; each has worker_sequence set, and they
  // follow each other. Those that are there already are left out, so each is
  // kept exactly once. Numbers, progress and artifacts of the job follow in the
  // same transaction. Does not block; `done` is called exactly once, and calls
  // for one attempt take effect in order.
  // Errors: ABORTED, WORKER_FENCED: the attempt has ended or another came after
  // it; OUT_OF_RANGE: events are missing before the first one, ask from the
  // attempt's durable sequence on; INVALID_ARGUMENT: not a worker's event.
  virtual void AppendWorkerEvents(const AttemptId& attempt,
                                  std::vector<v1::Event> events,
                                  AppendCallback done) = 0;

  // The same, waiting.
  absl::StatusOr<int64_t> AppendWorkerEvents(const AttemptId& attempt,
                                             std::vector<v1::Event> events);

  // Ends an attempt, frees its devices and moves its job on, at once.
  // Errors: ABORTED: it has ended before; FAILED_PRECONDITION: the job's state
  // does not allow next_state, or a cancel came that was not seen.
  virtual absl::StatusOr<Job> FinishAttempt(const AttemptEnd& end) = 0;

  // Jobs in STARTING, RUNNING or STOPPING, with their attempts: what a daemon
  // that has just started looks for. The last attempt is the one that runs.
  virtual absl::StatusOr<std::vector<Job>> RunningJobs() const = 0;

  virtual absl::StatusOr<HeldDevices> ReadHeldDevices() const = 0;

  // Devices out of use. A fault does not take the place of what somebody asked
  // for.
  virtual absl::StatusOr<std::vector<DeviceDrain>> ReadDeviceDrains() const = 0;
  virtual absl::Status DrainDevice(const DeviceDrain& drain) = 0;
  virtual absl::Status UndrainDevice(const std::string& device) = 0;

  virtual absl::StatusOr<std::vector<JobCount>> CountJobs() const = 0;

  // In the order in which they became whole.
  // Errors: INVALID_ARGUMENT as ListJobs.
  virtual absl::StatusOr<ArtifactPage> ListArtifacts(
      const ArtifactQuery& query) const = 0;

  // The newest artifact of that path (relative to the output folder).
  // Errors: NOT_FOUND, ARTIFACT_NOT_FOUND.
  virtual absl::StatusOr<v1::Artifact> ReadArtifact(
      JobId job, const std::string& path) const = 0;
};

}  // namespace atelier::server
