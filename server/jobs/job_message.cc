#include "server/jobs/job_message.h"

#include "absl/strings/str_cat.h"

namespace atelier::server {

v1::WorkerCommand::Kind StopCommand(const Job& job) {
  return job.cancel_requested ? v1::WorkerCommand::KIND_STOP
                              : v1::WorkerCommand::KIND_SAVE_AND_STOP;
}
namespace {

bool HasCome(absl::Time time) {
  return time != absl::InfinitePast() && time != absl::InfiniteFuture();
}

}  // namespace

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  if (!HasCome(time)) return timestamp;
  const timespec parts = absl::ToTimespec(time);
  timestamp.set_seconds(parts.tv_sec);
  timestamp.set_nanos(static_cast<int32_t>(parts.tv_nsec));
  return timestamp;
}

v1::Attempt ToMessage(const Attempt& attempt) {
  v1::Attempt message;
  message.set_number(attempt.id.number);
  *message.mutable_start_time() = ToTimestamp(attempt.start_time);
  if (HasCome(attempt.end_time)) {
    *message.mutable_end_time() = ToTimestamp(attempt.end_time);
  }
  message.set_outcome(attempt.outcome);
  message.set_reason(attempt.reason);
  message.set_message(attempt.message);
  message.set_worker_pid(attempt.worker.pid);
  if (attempt.exit.code) message.set_exit_code(*attempt.exit.code);
  if (attempt.exit.signal) message.set_exit_signal(*attempt.exit.signal);
  for (const std::string& device : attempt.devices) {
    message.add_devices(device);
  }
  message.set_last_log(attempt.last_log);
  return message;
}

v1::Job ToMessage(const Job& job) {
  v1::Job message;
  message.set_id(job.id);
  message.set_uid(job.uid);
  *message.mutable_spec() = job.spec;
  message.set_state(job.state);
  message.set_reason(job.reason);
  message.set_message(job.message);
  message.set_owner(job.owner);
  *message.mutable_create_time() = ToTimestamp(job.create_time);
  if (HasCome(job.start_time)) {
    *message.mutable_start_time() = ToTimestamp(job.start_time);
  }
  if (HasCome(job.end_time)) {
    *message.mutable_end_time() = ToTimestamp(job.end_time);
  }
  for (const Attempt& attempt : job.attempts) {
    *message.add_attempts() = ToMessage(attempt);
  }
  message.set_output_dir(job.output_dir);
  *message.mutable_progress() = job.progress;
  message.set_last_sequence(job.last_sequence);
  message.set_etag(absl::StrCat(job.version));
  return message;
}

}  // namespace atelier::server
