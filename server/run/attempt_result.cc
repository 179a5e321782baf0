#include "server/run/attempt_result.h"

#include <csignal>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"

namespace atelier::server {
namespace {

constexpr int kExitStopped = 85;
constexpr int kExitNotExecutable = 127;

struct ExitMeaning {
  int code;
  v1::JobReason reason;
  const char* text;
};

constexpr ExitMeaning kExitMeanings[] = {
    {64, v1::JOB_REASON_INVALID_INPUT, "it refused its input"},
    {73, v1::JOB_REASON_DISK_FULL, "it could not write its output"},
    {75, v1::JOB_REASON_LEASE_EXPIRED, "it had lost the daemon"},
    {76, v1::JOB_REASON_OUT_OF_MEMORY_GPU, "device memory ran out"},
    {77, v1::JOB_REASON_OUT_OF_MEMORY_HOST, "host memory ran out"},
    {78, v1::JOB_REASON_LOSS_NOT_FINITE, "the loss was not finite"},
    {86, v1::JOB_REASON_WORKER_LOST, "another attempt had taken its place"},
    {kExitNotExecutable, v1::JOB_REASON_START_FAILED,
     "the trainer could not be executed"},
};

struct Verdict {
  v1::AttemptOutcome outcome;
  v1::JobReason reason;
  std::string message;
};

Verdict Succeeded() {
  return {v1::ATTEMPT_OUTCOME_SUCCEEDED, v1::JOB_REASON_UNSPECIFIED, ""};
}

Verdict Stopped(bool asked_to_stop) {
  if (asked_to_stop)
    return {v1::ATTEMPT_OUTCOME_CANCELLED, v1::JOB_REASON_CANCELLED_BY_USER,
            "the worker stopped when asked to"};
  return {v1::ATTEMPT_OUTCOME_LOST, v1::JOB_REASON_SIGNAL,
          "the worker was stopped by a signal that the daemon did not send"};
}

Verdict FromExitCode(int code) {
  for (const ExitMeaning& meaning : kExitMeanings)
    if (meaning.code == code)
      return {v1::ATTEMPT_OUTCOME_FAILED, meaning.reason,
              absl::StrCat("the worker ended with exit status ", code, ": ",
                           meaning.text)};
  return {v1::ATTEMPT_OUTCOME_FAILED, v1::JOB_REASON_EXIT_NONZERO,
          absl::StrCat("the worker ended with exit status ", code)};
}

Verdict OutOfMemory(const WorkerExit& worker_exit) {
  return {v1::ATTEMPT_OUTCOME_FAILED, v1::JOB_REASON_OUT_OF_MEMORY_HOST,
          absl::StrCat("the job used up its ",
                       GibText(worker_exit.memory_limit_bytes),
                       " of host memory and was ended by the kernel; ask for "
                       "more with --host-memory")};
}

Verdict FromSignal(int signal, bool asked_to_stop) {
  std::string text = absl::StrCat("the worker was ended by signal ", signal,
                                  " (", strsignal(signal), ")");
  if (asked_to_stop)
    return {v1::ATTEMPT_OUTCOME_CANCELLED, v1::JOB_REASON_CANCELLED_BY_USER,
            text};
  return {v1::ATTEMPT_OUTCOME_FAILED, v1::JOB_REASON_SIGNAL, text};
}

Verdict FromDone(const v1::DoneEvent& done, const AttemptEvidence& evidence) {
  // Nothing that happens after its last words takes a success back.
  if (done.outcome() == "succeeded") return Succeeded();
  if (done.outcome() == "stopped") return Stopped(evidence.asked_to_stop);
  Verdict by_exit = FromExitCode(evidence.exit.status.code.value_or(-1));
  return {v1::ATTEMPT_OUTCOME_FAILED,
          EnumFromName<v1::JobReason>(done.reason()).value_or(by_exit.reason),
          done.message().empty() ? by_exit.message : done.message()};
}

Verdict Lost(const AttemptEvidence& evidence) {
  if (evidence.exit.never_started)
    return {
        v1::ATTEMPT_OUTCOME_LOST, v1::JOB_REASON_WORKER_LOST,
        "the worker had not been started when the daemon or its shim ended"};
  if (evidence.asked_to_stop)
    return {v1::ATTEMPT_OUTCOME_CANCELLED, v1::JOB_REASON_CANCELLED_BY_USER,
            "the worker is gone"};
  return {v1::ATTEMPT_OUTCOME_LOST, v1::JOB_REASON_WORKER_LOST,
          "the worker is gone and nobody saw how it ended"};
}

Verdict Judge(const AttemptEvidence& evidence) {
  const ExitStatus& status = evidence.exit.status;
  if (evidence.done) return FromDone(*evidence.done, evidence);
  if (evidence.lease_expired)
    return {v1::ATTEMPT_OUTCOME_LOST, v1::JOB_REASON_LEASE_EXPIRED,
            "nothing was heard of the worker for longer than its lease"};
  if (status.signal == SIGKILL && evidence.exit.memory_kills > 0)
    return OutOfMemory(evidence.exit);
  if (status.signal) return FromSignal(*status.signal, evidence.asked_to_stop);
  if (status.code == kExitStopped) return Stopped(evidence.asked_to_stop);
  if (status.code == 0) return Succeeded();
  return status.code ? FromExitCode(*status.code) : Lost(evidence);
}

// What its own fault it was; a sick GPU makes workers fail in any way.
bool FailedByItself(const AttemptEvidence& evidence, const Verdict& verdict) {
  return evidence.stop_reason != v1::JOB_REASON_GPU_UNHEALTHY &&
         verdict.outcome == v1::ATTEMPT_OUTCOME_FAILED &&
         evidence.done.has_value();
}

Verdict WithStop(const AttemptEvidence& evidence, Verdict verdict) {
  const bool counts = evidence.stop_reason != v1::JOB_REASON_UNSPECIFIED &&
                      !evidence.asked_to_stop &&
                      verdict.outcome != v1::ATTEMPT_OUTCOME_SUCCEEDED &&
                      !FailedByItself(evidence, verdict);
  if (!counts) return verdict;
  return {evidence.stop_reason == v1::JOB_REASON_TIME_LIMIT
              ? v1::ATTEMPT_OUTCOME_TIMED_OUT
              : v1::ATTEMPT_OUTCOME_PREEMPTED,
          evidence.stop_reason, evidence.stop_message};
}

}  // namespace

AttemptResult DescribeEnd(const AttemptEvidence& evidence) {
  Verdict verdict = WithStop(evidence, Judge(evidence));
  AttemptResult result;
  result.id = evidence.id;
  result.outcome = verdict.outcome;
  result.reason = verdict.reason;
  result.message = verdict.message;
  result.exit = evidence.exit.status;
  if (verdict.outcome != v1::ATTEMPT_OUTCOME_SUCCEEDED)
    result.last_log = evidence.exit.last_log;
  return result;
}

}  // namespace atelier::server
