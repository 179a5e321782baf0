#include "tests/server/schedule/simulated_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/job_state.h"

namespace atelier::server::testing {
namespace {

constexpr int kActions = 10;
// After these every job has had its turn, or something holds it for ever.
constexpr int kMostSteps = 400;
}  // namespace

SimulatedQueue::SimulatedQueue(uint64_t seed) : random_(seed) {
  const unsigned devices = 1 + Pick(3);
  for (unsigned i = 0; i < devices; ++i) {
    DeviceState device = CpuSlot(static_cast<int>(i));
    if (Pick(4) == 0) device.kind = v1::DEVICE_TYPE_GPU;
    devices_.push_back(device);
  }
  rules_.min_run = absl::Seconds(Pick(30));
  rules_.stop_margin = absl::Seconds(5);
  rules_.preemption = Pick(4) != 0;
  if (Pick(3) == 0) rules_.quotas.each_user.running_jobs = 1;
  if (Pick(4) == 0) rules_.quotas.each_user.devices = 2;
  if (Pick(8) == 0) {
    rules_.maintenance.push_back(
        {now_ + PickTime(60), now_ + absl::Seconds(90), "a new disk"});
  }
  Restart();
}

void SimulatedQueue::Fail(const std::string& what) {
  if (failure_.empty()) {
    failure_ = absl::StrCat(
        what, " after ",
        absl::ToInt64Seconds(now_ - absl::FromUnixSeconds(1700000000)), " s");
  }
}

std::string SimulatedQueue::Run() {
  for (int i = 0; i < kActions && failure_.empty(); ++i) Act();
  draining_ = false;
  for (DeviceState& device : devices_)
    device.availability = v1::DEVICE_AVAILABILITY_FREE;
  for (auto& [id, job] : jobs_) {
    if (job.row.state == v1::JOB_STATE_HELD)
      Move(job, v1::JOB_STATE_PENDING, v1::JOB_REASON_PRIORITY);
  }
  int steps = 0;
  while (failure_.empty() && queue_->size() > 0) {
    if (++steps > kMostSteps) {
      Fail("a job never ended");
      break;
    }
    Look();
    PassTime();
  }
  for (const auto& [id, job] : jobs_) {
    if (!IsTerminal(job.row.state)) Fail(absl::StrCat("job ", id, " was lost"));
  }
  return failure_;
}

void SimulatedQueue::Act() {
  switch (Pick(10)) {
    case 0:
      Restart();
      break;
    case 1:
      TurnDevice();
      break;
    case 2:
    case 3:
      PassTime();
      break;
    case 4:
      if (!jobs_.empty())
        Change(jobs_.at(
            1 + static_cast<JobId>(Pick(static_cast<unsigned>(jobs_.size())))));
      break;
    default:
      Submit();
  }
  Look();
}

void SimulatedQueue::Submit() {
  SimulatedJob job;
  job.row.id = static_cast<JobId>(jobs_.size()) + 1;
  job.row.account.user = kUsers[Pick(3)];
  job.row.create_time = now_;
  job.row.priority = static_cast<int>(Pick(3));
  job.row.request.kind =
      devices_[Pick(static_cast<unsigned>(devices_.size()))].kind;
  const auto present = std::count_if(
      devices_.begin(), devices_.end(), [&](const DeviceState& device) {
        return device.kind == job.row.request.kind;
      });
  job.row.request.count =
      1 + static_cast<int>(Pick(static_cast<unsigned>(present)));
  const int allowed = rules_.quotas.each_user.devices;
  if (allowed > 0)
    job.row.request.count = std::min(job.row.request.count, allowed);
  if (Pick(3) != 0) job.row.request.time_limit = PickTime(80);
  if (Pick(8) == 0) {
    job.row.sweep = job.row.account.user;
    job.row.sweep_running = 1;
  }
  if (!jobs_.empty() && Pick(5) == 0) {
    AwaitedJob awaited;
    awaited.job =
        1 + static_cast<JobId>(Pick(static_cast<unsigned>(jobs_.size())));
    awaited.condition = static_cast<v1::Dependency::Condition>(1 + Pick(3));
    awaited.state = jobs_.at(awaited.job).row.state;
    job.row.after.push_back(awaited);
  }
  job.work = PickTime(60);
  job.fails = Pick(6) == 0;
  Store(jobs_[job.row.id] = job);
}

void SimulatedQueue::Change(SimulatedJob& job) {
  QueuedJob& row = job.row;
  if (IsTerminal(row.state)) return;
  const bool waits = !row.runs();
  switch (Pick(4)) {
    case 0:
      if (row.state == v1::JOB_STATE_PENDING)
        return Move(job, v1::JOB_STATE_HELD, v1::JOB_REASON_HELD_BY_USER);
      if (waits) Move(job, v1::JOB_STATE_PENDING, v1::JOB_REASON_PRIORITY);
      return;
    case 1:
      job.cancel_requested = true;
      if (waits)
        Move(job, v1::JOB_STATE_CANCELLED, {});
      else if (row.state != v1::JOB_STATE_STOPPING)
        Move(job, v1::JOB_STATE_STOPPING, v1::JOB_REASON_CANCELLED_BY_USER);
      return;
    case 2:
      if (!waits) return;
      row.priority = static_cast<int>(Pick(3));
      promised_job_ = 0;
      return Store(job);
    default:
      if (row.state == v1::JOB_STATE_RUNNING)
        Move(job, v1::JOB_STATE_STOPPING, v1::JOB_REASON_REQUEUED);
  }
}

void SimulatedQueue::Restart() {
  ++counts_.restarts;
  queue_ = std::make_unique<JobQueue>();
  ledger_ = std::make_unique<ShareLedger>(rules_.shares);
  for (const UsageHour& usage : usage_) ledger_->Add(usage);
  for (auto& [id, job] : jobs_) {
    for (AwaitedJob& awaited : job.row.after)
      awaited.state = jobs_.at(awaited.job).row.state;
    if (!IsTerminal(job.row.state)) queue_->Put(job.row);
  }
}

void SimulatedQueue::TurnDevice() {
  DeviceState& device = devices_[Pick(static_cast<unsigned>(devices_.size()))];
  promised_job_ = 0;
  if (Pick(4) == 0) {
    draining_ = !draining_;
    return;
  }
  device.availability = device.availability == v1::DEVICE_AVAILABILITY_FREE
                            ? v1::DEVICE_AVAILABILITY_DRAINED
                            : v1::DEVICE_AVAILABILITY_FREE;
}

void SimulatedQueue::Store(SimulatedJob& job) {
  // As the store reads them: how the others stand now.
  for (AwaitedJob& awaited : job.row.after)
    awaited.state = jobs_.at(awaited.job).row.state;
  queue_->Put(job.row);
}

void SimulatedQueue::Move(SimulatedJob& job, v1::JobState state,
                          v1::JobReason reason) {
  if (!CanBecome(job.row.state, state)) {
    Fail(absl::StrCat("job ", job.row.id, " became ", EnumName(state), " from ",
                      EnumName(job.row.state)));
  }
  job.row.state = state;
  job.row.reason = reason;
  if (state == v1::JOB_STATE_STOPPING)
    job.ends = std::min(job.ends, now_ + absl::Seconds(1 + Pick(5)));
  Store(job);
}

void SimulatedQueue::PassTime() {
  absl::Time next = look_again_;
  for (const auto& [id, job] : jobs_) {
    if (job.row.runs()) next = std::min(next, job.ends);
  }
  if (next == absl::InfiniteFuture()) return;
  now_ = std::max(now_, next);
  look_again_ = absl::InfiniteFuture();
  for (auto& [id, job] : jobs_) {
    if (!job.row.runs() || job.ends > now_) continue;
    const bool is_stopping = job.row.state == v1::JOB_STATE_STOPPING;
    if (is_stopping && !job.cancel_requested)
      EndAttempt(job, v1::ATTEMPT_OUTCOME_PREEMPTED);
    else if (is_stopping)
      EndAttempt(job, v1::ATTEMPT_OUTCOME_CANCELLED);
    else
      EndAttempt(job, job.fails ? v1::ATTEMPT_OUTCOME_LOST
                                : v1::ATTEMPT_OUTCOME_SUCCEEDED);
  }
}

void SimulatedQueue::EndAttempt(SimulatedJob& job, v1::AttemptOutcome outcome) {
  QueuedJob& row = job.row;
  row.attempt_end = now_;
  for (const UsageHour& used : UsageOf(row.account, row.attempt_start, now_,
                                       static_cast<int>(row.devices.size()))) {
    usage_.push_back(used);
    ledger_->Add(used);
  }
  for (const std::string& device : row.devices) leases_.erase(device);
  Job ended;
  ended.id = row.id;
  ended.state = row.state;
  ended.reason = row.reason;
  ended.cancel_requested = job.cancel_requested;
  ended.attempt_count = row.attempt - job.stopped_attempts;
  if (outcome == v1::ATTEMPT_OUTCOME_PREEMPTED) ++job.stopped_attempts;
  AttemptResult result;
  result.outcome = outcome;
  result.reason =
      outcome == v1::ATTEMPT_OUTCOME_LOST ? v1::JOB_REASON_SIGNAL : row.reason;
  RetryRules retry;
  retry.backoff_initial = absl::Seconds(3);
  const NextStep next = AfterAttempt(ended, result, retry, now_, 0.5);
  row.not_before = next.not_before;
  job.work -= std::min(job.work - absl::Seconds(1), now_ - row.attempt_start);
  Move(job, next.state, next.reason);
}

void SimulatedQueue::Look() {
  const absl::Time next = queue_->Advance(now_);
  PlanInput input = {*queue_, *ledger_, rules_, devices_};
  input.now = now_;
  input.draining = draining_;
  const Plan plan = MakePlan(input);
  look_again_ = std::min(plan.look_again, next);
  const std::map<JobId, JobId> doomed = queue_->doomed();
  for (const auto& [id, awaited] : doomed) {
    ++counts_.doomed;
    if (!IsTerminal(jobs_.at(awaited).row.state))
      Fail("a job was given up for one that has not ended");
    Move(jobs_.at(id), v1::JOB_STATE_FAILED, v1::JOB_REASON_DEPENDENCY_FAILED);
  }
  for (const Preemption& preemption : plan.preemptions) {
    ++counts_.preemptions;
    SimulatedJob& victim = jobs_.at(preemption.job);
    if (victim.row.priority >= jobs_.at(preemption.in_favour).row.priority)
      Fail("a job was stopped for one of no higher priority");
    if (now_ - victim.row.attempt_start < rules_.min_run)
      Fail("a job was stopped before it had run for long enough");
    Move(victim, v1::JOB_STATE_STOPPING, v1::JOB_REASON_PREEMPTED);
  }
  CheckPromise(plan);
  for (const JobStart& start : plan.starts) Start(start);
  for (const JobWait& wait : plan.waits) {
    counts_.quota_waits += wait.reason == v1::JOB_REASON_QUOTA;
    SimulatedJob& job = jobs_.at(wait.job);
    job.row.reason = wait.reason;
    Store(job);
  }
  CheckQuotas();
}

void SimulatedQueue::Start(const JobStart& start) {
  SimulatedJob& job = jobs_.at(start.job);
  ++counts_.starts;
  counts_.backfills += start.is_backfill;
  CheckStart(job, start);
  for (const std::string& device : start.devices) leases_[device] = start.job;
  job.row.devices = start.devices;
  job.row.not_before = absl::InfinitePast();
  ++job.row.attempt;
  job.row.attempt_start = now_;
  job.row.attempt_end = absl::InfinitePast();
  job.ends = now_ + std::min(job.work, job.row.request.time_limit);
  Move(job, v1::JOB_STATE_STARTING, {});
  Move(job, v1::JOB_STATE_RUNNING, {});
}

}  // namespace atelier::server::testing
