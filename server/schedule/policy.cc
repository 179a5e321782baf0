#include "server/schedule/policy.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"

namespace atelier::server {
namespace {

// Takes devices for the job from `devices`, those with the least memory that
// is enough first; empty: there are too few.
std::vector<std::string> TakeDevices(const JobRequest& request,
                                     std::vector<DeviceState>* devices) {
  std::vector<DeviceState*> fitting;
  for (DeviceState& device : *devices)
    if (FitsNow(device, request)) fitting.push_back(&device);
  if (static_cast<int>(fitting.size()) < request.count) return {};
  std::stable_sort(fitting.begin(), fitting.end(),
                   [](const DeviceState* a, const DeviceState* b) {
                     return a->total_bytes < b->total_bytes;
                   });
  std::vector<std::string> taken;
  for (int i = 0; i < request.count; ++i) {
    fitting[i]->availability = v1::DEVICE_AVAILABILITY_LEASED;
    taken.push_back(fitting[i]->id);
  }
  return taken;
}

// What keeps every job from starting; UNSPECIFIED: nothing does.
JobWait WaitForDaemon(const WaitingJob& job, const QueueView& view) {
  if (view.draining) {
    return {job.id, v1::JOB_REASON_DRAINING, "the daemon starts no jobs now"};
  }
  if (view.disk_low) {
    return {job.id, v1::JOB_REASON_DISK_LOW,
            "the daemon's state folder has too little free space"};
  }
  return {job.id, v1::JOB_REASON_UNSPECIFIED, ""};
}

// How long before the n-th retry.
absl::Duration Backoff(const RetryRules& rules, int retry, double jitter) {
  const double factor = std::pow(rules.backoff_factor, retry - 1);
  const absl::Duration wait =
      std::min(rules.backoff_initial * factor, rules.backoff_limit);
  return wait * (1 + rules.backoff_jitter * jitter);
}

NextStep Ended(v1::JobState state, const AttemptResult& result) {
  return {state, result.reason, result.message, absl::InfinitePast()};
}

}  // namespace

Decision Choose(const QueueView& view) {
  Decision decision;
  std::vector<DeviceState> devices = view.devices;
  HostMemory host = view.host;
  std::set<v1::DeviceType> blocked;
  for (const WaitingJob& job : view.waiting) {
    if (job.not_before > view.now) {
      decision.waits.push_back({job.id, v1::JOB_REASON_BACKOFF,
                                job.reason == v1::JOB_REASON_BACKOFF
                                    ? job.message
                                    : "waits before it is started again"});
      decision.look_again = std::min(decision.look_again, job.not_before);
      continue;
    }
    JobWait wait = WaitForDaemon(job, view);
    if (wait.reason != v1::JOB_REASON_UNSPECIFIED) {
      decision.waits.push_back(std::move(wait));
      continue;
    }
    // One that can never start holds nobody back.
    const std::string never = WhyNever(view.devices, job.request);
    if (!never.empty()) {
      decision.waits.push_back({job.id, v1::JOB_REASON_RESOURCES, never});
      continue;
    }
    if (blocked.count(job.request.kind) != 0) {
      decision.waits.push_back(
          {job.id, v1::JOB_REASON_PRIORITY, "earlier jobs come first"});
      continue;
    }
    if (!HasHostMemory(host, job.request)) {
      decision.waits.push_back(
          {job.id, v1::JOB_REASON_RESOURCES,
           absl::StrCat("waits for ", GibText(job.request.host_memory_bytes),
                        " of the machine's memory to be free")});
      blocked.insert(job.request.kind);
      continue;
    }
    const std::vector<std::string> taken = TakeDevices(job.request, &devices);
    if (!taken.empty()) {
      host.reserved_bytes += job.request.host_memory_bytes;
      decision.starts.push_back({job.id, taken});
      continue;
    }
    const DeviceWait wait_for = WhyNotNow(devices, job.request);
    decision.waits.push_back({job.id, wait_for.reason, wait_for.message});
    blocked.insert(job.request.kind);
  }
  return decision;
}

NextStep AfterAttempt(const Job& job, const AttemptResult& result,
                      const RetryRules& rules, absl::Time now, double jitter) {
  if (result.outcome == v1::ATTEMPT_OUTCOME_SUCCEEDED) {
    return Ended(v1::JOB_STATE_SUCCEEDED, result);
  }
  if (job.cancel_requested) {
    return {v1::JOB_STATE_CANCELLED, v1::JOB_REASON_CANCELLED_BY_USER,
            job.message, absl::InfinitePast()};
  }
  if (!IsRetryable(result.reason)) return Ended(v1::JOB_STATE_FAILED, result);
  const int allowed = job.spec.max_attempts() > 0 ? job.spec.max_attempts()
                                                  : rules.max_attempts;
  if (job.attempt_count >= allowed) {
    NextStep failed = Ended(v1::JOB_STATE_FAILED, result);
    if (allowed == 1) return failed;
    failed.reason = v1::JOB_REASON_RETRIES_EXHAUSTED;
    failed.message = absl::StrCat("attempt ", job.attempt_count, " of ",
                                  allowed, " failed: ", result.message);
    return failed;
  }
  const absl::Duration wait = Backoff(rules, job.attempt_count, jitter);
  return {v1::JOB_STATE_PENDING, v1::JOB_REASON_BACKOFF,
          absl::StrCat("attempt ", job.attempt_count, " of ", allowed,
                       " ended: ", result.message),
          now + wait};
}

bool IsRetryable(v1::JobReason reason) {
  switch (reason) {
    case v1::JOB_REASON_INVALID_INPUT:
    case v1::JOB_REASON_LOSS_NOT_FINITE:
    case v1::JOB_REASON_OUT_OF_MEMORY_HOST:
    case v1::JOB_REASON_OUT_OF_MEMORY_GPU:
    case v1::JOB_REASON_DISK_FULL:
    case v1::JOB_REASON_CANCELLED_BY_USER:
    case v1::JOB_REASON_TIME_LIMIT:
      return false;
    default:
      return true;
  }
}

}  // namespace atelier::server
