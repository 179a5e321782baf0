#include "server/schedule/queue_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "server/schedule/standing.h"

namespace atelier::server {
namespace {

// Older use counts for less than a thousandth.
constexpr int kHalfLivesKept = 10;
constexpr absl::Duration kDiskReadEvery = absl::Minutes(1);

}  // namespace

QueueState::QueueState(ScheduleRules rules, ScheduleStore& store)
    : rules_(std::move(rules)), store_(store), ledger_(rules_.shares) {}

void QueueState::Touch(JobId job) {
  absl::MutexLock lock(&touched_mutex_);
  touched_.insert(job);
}

absl::Status QueueState::Load(absl::Time now) {
  const absl::Time from =
      now -
      std::max(kHalfLivesKept * rules_.shares.half_life, absl::Hours(24 * 7));
  ASSIGN_OR_RETURN(ScheduleSnapshot snapshot,
                   store_.ReadSchedule(absl::ToUnixSeconds(from) / 3600));
  for (const UsageHour& usage : snapshot.usage) {
    ledger_.Add(usage);
    queue_.NoteUse(usage.account, absl::FromUnixSeconds(usage.hour * 3600));
  }
  for (QueuedJob& job : snapshot.jobs) queue_.Put(std::move(job));
  drain_ = std::move(snapshot.drain);
  is_loaded_ = true;
  return absl::OkStatus();
}

void QueueState::ChargeEnd(const QueuedJob& now) {
  const QueuedJob* before = queue_.Find(now.id);
  if (now.attempt == 0 || now.attempt_end == absl::InfinitePast()) return;
  // Whatever ended before the queue was loaded is in the usage that was read.
  const bool is_counted =
      before == nullptr || (before->attempt == now.attempt &&
                            before->attempt_end != absl::InfinitePast());
  if (is_counted) return;
  for (const UsageHour& usage :
       UsageOf(now.account, now.attempt_start, now.attempt_end,
               static_cast<int>(now.devices.size()))) {
    ledger_.Add(usage);
  }
}

absl::Status QueueState::Refresh(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  std::vector<JobId> touched;
  {
    absl::MutexLock touched_lock(&touched_mutex_);
    touched.assign(touched_.begin(), touched_.end());
    touched_.clear();
  }
  absl::Status read;
  if (!is_loaded_) {
    read = Load(now);
  } else if (!touched.empty()) {
    absl::StatusOr<std::vector<QueuedJob>> jobs =
        store_.ReadQueuedJobs(touched);
    read = jobs.status();
    if (jobs.ok()) {
      for (QueuedJob& job : *jobs) {
        ChargeEnd(job);
        queue_.Put(std::move(job));
      }
    }
  }
  const bool reads_disk =
      rules_.quotas.limits_disk() && now - disk_read_ >= kDiskReadEvery;
  if (read.ok() && reads_disk) {
    ASSIGN_OR_RETURN(disk_use_, store_.ReadDiskUse());
    disk_read_ = now;
  }
  if (read.ok()) return read;
  absl::MutexLock touched_lock(&touched_mutex_);
  touched_.insert(touched.begin(), touched.end());
  return read;
}

PlanInput QueueState::InputOf(const MachineView& machine) const {
  PlanInput input = {queue_, ledger_, rules_, machine.devices};
  input.host_memory_bytes = machine.host_memory_bytes;
  input.now = machine.now;
  input.disk_low = machine.disk_low;
  input.disk_use = &disk_use_;
  input.draining = machine.is_closing || drain_.has_value();
  if (drain_.has_value()) input.drain_message = drain_->message;
  return input;
}

absl::StatusOr<Plan> QueueState::Look(const MachineView& machine) {
  RETURN_IF_ERROR(Refresh(machine.now));
  absl::MutexLock lock(&mutex_);
  const absl::Time next = queue_.Advance(machine.now);
  Plan plan = MakePlan(InputOf(machine));
  plan.look_again = std::min(plan.look_again, next);
  return plan;
}

std::map<JobId, JobId> QueueState::Doomed() const {
  absl::MutexLock lock(&mutex_);
  return queue_.doomed();
}

std::vector<JobId> QueueState::TakeResolved() {
  absl::MutexLock lock(&mutex_);
  return queue_.TakeResolved();
}

std::vector<JobId> QueueState::Stoppable() const {
  absl::MutexLock lock(&mutex_);
  std::vector<JobId> jobs;
  for (const auto& [turn, job] : queue_.running()) {
    if (job->state != v1::JOB_STATE_STOPPING) jobs.push_back(job->id);
  }
  return jobs;
}

absl::StatusOr<Explanation> QueueState::Explain(
    const MachineView& machine, JobId id,
    const std::map<JobId, absl::Time>& ends) {
  RETURN_IF_ERROR(Refresh(machine.now));
  absl::MutexLock lock(&mutex_);
  const QueuedJob* job = queue_.Find(id);
  if (job == nullptr || job->runs()) {
    return absl::NotFoundError(absl::StrCat("job ", id, " does not wait"));
  }
  return ExplainWait(InputOf(machine), *job, ends);
}

absl::StatusOr<std::vector<ShareRow>> QueueState::Shares(absl::Time now) {
  RETURN_IF_ERROR(Refresh(now));
  absl::MutexLock lock(&mutex_);
  const Standing standing(queue_, ledger_, rules_.starvation_limit, now);
  std::map<Account, AccountLoad> accounts = queue_.loads();
  for (const Account& account : ledger_.Accounts()) accounts[account];
  std::vector<std::pair<std::pair<double, double>, ShareRow>> rows;
  for (const auto& [account, load] : accounts) {
    ShareRow row = {account, standing.Used(account), ledger_.Week(account, now),
                    load};
    rows.push_back({{standing.GroupUsed(account.group) /
                         rules_.shares.GroupShares(account.group),
                     row.decayed / rules_.shares.UserShares(account.user)},
                    row});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.first < b.first;
  });
  std::vector<ShareRow> sorted;
  for (auto& [order, row] : rows) sorted.push_back(std::move(row));
  return sorted;
}

absl::Status QueueState::SetDrain(const std::optional<ServerDrain>& drain) {
  RETURN_IF_ERROR(store_.SetDrain(drain));
  absl::MutexLock lock(&mutex_);
  drain_ = drain;
  return absl::OkStatus();
}

std::optional<ServerDrain> QueueState::drain() const {
  absl::MutexLock lock(&mutex_);
  return drain_;
}

}  // namespace atelier::server
