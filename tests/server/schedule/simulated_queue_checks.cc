#include <algorithm>

#include "absl/strings/str_cat.h"

#include "proto/cc/job_state.h"
#include "tests/server/schedule/simulated_queue.h"

namespace atelier::server::testing {

void SimulatedQueue::CheckStart(const SimulatedJob& job,
                                const JobStart& start) {
  const std::string name = absl::StrCat("job ", start.job);
  if (draining_) Fail(absl::StrCat(name, " started while draining"));
  if (job.row.not_before > now_) Fail(absl::StrCat(name, " started too early"));
  if (static_cast<int>(start.devices.size()) != job.row.request.count)
    Fail(absl::StrCat(name, " got another number of devices"));
  for (const std::string& device : start.devices) {
    if (leases_.count(device) != 0)
      Fail(absl::StrCat(device, " was leased twice"));
  }
  for (const AwaitedJob& awaited : job.row.after) {
    const v1::JobState state = jobs_.at(awaited.job).row.state;
    const bool is_met =
        awaited.condition == v1::Dependency::CONDITION_OK
            ? state == v1::JOB_STATE_SUCCEEDED
            : (awaited.condition == v1::Dependency::CONDITION_FAIL
                   ? state == v1::JOB_STATE_FAILED
                   : IsTerminal(state));
    if (!is_met) Fail(absl::StrCat(name, " did not wait for another"));
  }
  const MaintenanceWindow* window = NextMaintenance(rules_, now_);
  if (window == nullptr) return;
  const bool runs_into =
      window->start <= now_ ||
      (job.row.request.time_limit != absl::InfiniteDuration() &&
       now_ + job.row.request.time_limit > window->start);
  if (runs_into) Fail(absl::StrCat(name, " started into a maintenance"));
}

void SimulatedQueue::CheckQuotas() {
  const Quota& quota = rules_.quotas.each_user;
  for (const char* user : kUsers) {
    int running = 0;
    int devices = 0;
    int sweep = 0;
    for (const auto& [id, job] : jobs_) {
      if (!job.row.runs() || job.row.account.user != user) continue;
      ++running;
      devices += static_cast<int>(job.row.devices.size());
      sweep += !job.row.sweep.empty();
    }
    if (quota.running_jobs > 0 && running > quota.running_jobs)
      Fail("more jobs of a user run than may");
    if (quota.devices > 0 && devices > quota.devices)
      Fail("a user holds more devices than it may");
    if (sweep > 1) Fail("more jobs of a sweep run than may");
  }
  size_t open = 0;
  for (const auto& [id, job] : jobs_) open += !IsTerminal(job.row.state);
  if (open != queue_->size()) Fail("a job was lost from the queue");
}

// Only what comes before the first waiting job by right may delay it; what
// passes it may not.
void SimulatedQueue::CheckPromise(const Plan& plan) {
  const bool by_right =
      std::any_of(plan.starts.begin(), plan.starts.end(),
                  [](const JobStart& start) { return !start.is_backfill; });
  const bool is_same = plan.first_waiting == promised_job_ && !by_right;
  if (!is_same) {
    promised_job_ = plan.first_waiting;
    promised_ = plan.first_start;
    return;
  }
  if (promised_job_ == 0) return;
  counts_.promises += promised_ != absl::InfiniteFuture();
  promised_ = std::min(promised_, plan.first_start);
  if (now_ > promised_)
    Fail(absl::StrCat("job ", promised_job_, " was delayed by backfill"));
}

}  // namespace atelier::server::testing
