#include "server/schedule/scheduler.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "proto/cc/status_macros.h"
#include "server/jobs/attempt_token.h"

namespace atelier::server {
namespace {

// After a store that failed, or for disk space that nobody reports.
constexpr absl::Duration kLookAgain = absl::Seconds(5);

}  // namespace

Scheduler::Scheduler(SchedulerOptions options, JobStore& store,
                     ScheduleStore& schedule, const Clock& clock,
                     WorkerLeases* leases, SchedulerHooks hooks)
    : options_(std::move(options)),
      store_(store),
      schedule_(schedule),
      clock_(clock),
      leases_(leases),
      hooks_(std::move(hooks)),
      queue_(options_.rules, schedule) {}

Scheduler::~Scheduler() { Stop(); }

void Scheduler::Start() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = false;
    awake_ = true;
  }
  thread_ = std::thread([this] { Loop(); });
}

void Scheduler::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Scheduler::Wake() {
  absl::MutexLock lock(&mutex_);
  awake_ = true;
}

void Scheduler::Close() {
  absl::MutexLock lock(&mutex_);
  closing_ = true;
}

absl::Status Scheduler::Drain(const std::string& message,
                              bool requeue_running) {
  RETURN_IF_ERROR(queue_.SetDrain(ServerDrain{message, clock_.Now()}));
  Wake();
  if (!requeue_running) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<Job> jobs, store_.RunningJobs());
  for (const Job& job : jobs) {
    if (job.state == v1::JOB_STATE_STOPPING) continue;
    const absl::Status stopped =
        store_
            .ChangeState({job.id, v1::JOB_STATE_STOPPING,
                          v1::JOB_REASON_DRAINING,
                          "stops because the daemon drains; goes on later"})
            .status();
    // It may have ended meanwhile.
    if (!stopped.ok() && !absl::IsFailedPrecondition(stopped)) return stopped;
  }
  return absl::OkStatus();
}

absl::Status Scheduler::Resume() {
  RETURN_IF_ERROR(queue_.SetDrain(std::nullopt));
  Wake();
  return absl::OkStatus();
}

bool Scheduler::draining() const {
  absl::MutexLock lock(&mutex_);
  return closing_ || queue_.drain().has_value();
}

absl::StatusOr<Job> Scheduler::Requeue(JobId id, const std::string& message) {
  ASSIGN_OR_RETURN(const Job job, store_.ReadJob(id));
  if (job.state == v1::JOB_STATE_STOPPING) return job;
  const bool waits =
      job.state == v1::JOB_STATE_PENDING || job.state == v1::JOB_STATE_HELD;
  if (waits) {
    JobUpdate update;
    update.job = id;
    update.start_now = true;
    return schedule_.UpdateJob(update);
  }
  return store_.ChangeState(
      {id, v1::JOB_STATE_STOPPING, v1::JOB_REASON_REQUEUED,
       message.empty() ? "was put back into the queue" : message});
}

absl::StatusOr<Explanation> Scheduler::Explain(JobId id) {
  ASSIGN_OR_RETURN(const std::vector<Job> jobs, store_.RunningJobs());
  const MachineView machine = ViewMachine();
  std::map<JobId, absl::Time> ends;
  for (const Job& job : jobs) {
    const v1::Progress& progress = job.progress;
    const double seconds =
        static_cast<double>(progress.total_steps() - progress.step()) *
        progress.step_seconds();
    if (progress.total_steps() > 0 && progress.step_seconds() > 0) {
      ends[job.id] = machine.now + absl::Seconds(seconds);
    }
  }
  return queue_.Explain(machine, id, ends);
}

absl::StatusOr<std::vector<ShareRow>> Scheduler::Shares() {
  return queue_.Shares(clock_.Now());
}

void Scheduler::OnEvents(JobId job, absl::Span<const v1::Event> events) {
  const bool moved =
      std::any_of(events.begin(), events.end(),
                  [](const v1::Event& event) { return event.has_state(); });
  if (!moved) return;
  queue_.Touch(job);
  Wake();
}

void Scheduler::Loop() {
  absl::Time look_again = absl::InfinitePast();
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      clock_.AwaitUntil(
          mutex_,
          [this]()
              ABSL_NO_THREAD_SAFETY_ANALYSIS { return awake_ || stopping_; },
          look_again);
      if (stopping_) return;
      awake_ = false;
    }
    EndExpired();
    const absl::Time begin = absl::Now();
    look_again = Pass();
    if (hooks_.pass_done) hooks_.pass_done(absl::Now() - begin);
  }
}

absl::Time Scheduler::Pass() {
  const MachineView machine = ViewMachine();
  const absl::StatusOr<Plan> plan = queue_.Look(machine);
  if (!plan.ok()) return clock_.Now() + kLookAgain;
  FailDoomed();
  StopForMaintenance(machine.now);
  StopFor(*plan);
  for (const JobStart& start : plan->starts) StartJob(start);
  NoteWaits(*plan);
  absl::Time look_again = plan->look_again;
  if (machine.disk_low) {
    look_again = std::min(look_again, machine.now + kLookAgain);
  }
  if (leases_ != nullptr) {
    look_again = std::min(look_again, leases_->NextExpiry());
  }
  return look_again;
}

MachineView Scheduler::ViewMachine() const {
  MachineView machine;
  machine.devices = hooks_.devices();
  if (hooks_.host_memory_bytes)
    machine.host_memory_bytes = hooks_.host_memory_bytes();
  machine.now = clock_.Now();
  machine.disk_low = options_.min_free_bytes > 0 && hooks_.free_bytes &&
                     hooks_.free_bytes() < options_.min_free_bytes;
  absl::MutexLock lock(&mutex_);
  machine.is_closing = closing_;
  return machine;
}

void Scheduler::StartJob(const JobStart& start) {
  const std::string token = MakeAttemptToken();
  // ABORTED: cancelled or taken meanwhile; a change wakes the loop again.
  absl::StatusOr<Job> job =
      store_.StartAttempt({start.job, start.devices, Sha256Hex(token)});
  if (!job.ok()) return;
  const Attempt attempt = job->attempts.back();
  if (hooks_.started) {
    hooks_.started(*job, attempt.start_time - job->create_time,
                   start.is_backfill);
  }
  if (leases_ != nullptr) leases_->Renew(attempt.id);
  const absl::Status started = hooks_.start({*std::move(job), attempt, token});
  if (started.ok()) return;
  AttemptResult result;
  result.id = attempt.id;
  result.outcome = v1::ATTEMPT_OUTCOME_FAILED;
  result.reason = v1::JOB_REASON_START_FAILED;
  result.message =
      absl::StrCat("the worker could not be started: ", started.message());
  AttemptEnded(result).IgnoreError();
}

void Scheduler::NoteWaits(const Plan& plan) {
  std::vector<WaitNote> notes;
  std::set<JobId> told;
  for (const JobWait& wait : plan.waits) {
    notes.push_back({wait.job, wait.reason, wait.message});
    told.insert(wait.job);
  }
  for (const JobStart& start : plan.starts) told.insert(start.job);
  for (const JobId job : queue_.TakeResolved()) {
    if (told.count(job) != 0) continue;
    notes.push_back({job, v1::JOB_REASON_PRIORITY,
                     "the jobs that it waited for have ended; waits for its "
                     "turn"});
  }
  schedule_.NoteWaits(notes).IgnoreError();
}

void Scheduler::FailDoomed() {
  for (const auto& [job, awaited] : queue_.Doomed()) {
    // One that was cancelled meanwhile has ended.
    store_
        .ChangeState({job, v1::JOB_STATE_FAILED,
                      v1::JOB_REASON_DEPENDENCY_FAILED,
                      absl::StrCat("job ", awaited,
                                   ", for which it waited, ended otherwise")})
        .IgnoreError();
  }
}

void Scheduler::StopFor(const Plan& plan) {
  for (const Preemption& preemption : plan.preemptions) {
    const absl::StatusOr<Job> stopped = store_.ChangeState(
        {preemption.job, v1::JOB_STATE_STOPPING, v1::JOB_REASON_PREEMPTED,
         absl::StrCat("makes room for job ", preemption.in_favour,
                      ", which has a higher priority; goes on later")});
    if (stopped.ok() && hooks_.preempted) hooks_.preempted();
  }
}

void Scheduler::StopForMaintenance(absl::Time now) {
  const MaintenanceWindow* window = NextMaintenance(rules(), now);
  if (window == nullptr || window->start > now) return;
  for (const JobId job : queue_.Stoppable()) {
    store_
        .ChangeState({job, v1::JOB_STATE_STOPPING, v1::JOB_REASON_MAINTENANCE,
                      absl::StrCat("stops for maintenance; goes on later: ",
                                   window->message)})
        .IgnoreError();
  }
}

void Scheduler::EndExpired() {
  if (leases_ == nullptr) return;
  for (const AttemptId& attempt : leases_->TakeExpired()) {
    if (hooks_.lease_expired) hooks_.lease_expired(attempt);
  }
}

absl::StatusOr<Job> Scheduler::AttemptEnded(const AttemptResult& result) {
  ASSIGN_OR_RETURN(Job job, store_.ReadJob(result.id.job));
  double jitter = 0;
  {
    absl::MutexLock lock(&mutex_);
    jitter = absl::Uniform(random_, 0.0, 1.0);
  }
  absl::StatusOr<Job> ended;
  // A cancel may come in between; the step is then chosen anew.
  for (int tries = 0; tries < 3; ++tries) {
    const NextStep next =
        AfterAttempt(job, result, options_.retry, clock_.Now(), jitter);
    ended = store_.FinishAttempt({result, next.state, next.reason, next.message,
                                  next.not_before, job.cancel_requested});
    if (ended.ok() || !absl::IsFailedPrecondition(ended.status())) break;
    ASSIGN_OR_RETURN(job, store_.ReadJob(result.id.job));
  }
  if (ended.ok() && leases_ != nullptr) leases_->Drop(result.id);
  return ended;
}

}  // namespace atelier::server
