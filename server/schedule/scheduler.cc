#include "server/schedule/scheduler.h"

#include <algorithm>
#include <map>
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
                     const Clock& clock, WorkerLeases* leases,
                     SchedulerHooks hooks)
    : options_(std::move(options)),
      store_(store),
      clock_(clock),
      leases_(leases),
      hooks_(std::move(hooks)) {}

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

void Scheduler::SetDraining(bool draining) {
  absl::MutexLock lock(&mutex_);
  draining_ = draining;
  awake_ = true;
}

bool Scheduler::draining() const {
  absl::MutexLock lock(&mutex_);
  return draining_;
}

void Scheduler::OnEvents(JobId, absl::Span<const v1::Event> events) {
  const bool moved =
      std::any_of(events.begin(), events.end(), [](const v1::Event& event) {
        return event.has_state() &&
               event.state().state() != v1::JOB_STATE_STARTING &&
               event.state().state() != v1::JOB_STATE_RUNNING;
      });
  if (moved) Wake();
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
  const absl::StatusOr<QueueView> view = ReadView();
  if (!view.ok()) return clock_.Now() + kLookAgain;
  const Decision decision = Choose(*view);
  for (const JobStart& start : decision.starts) StartJob(start);
  ExplainWaits(*view, decision.waits);
  absl::Time look_again = decision.look_again;
  if (view->disk_low) {
    look_again = std::min(look_again, view->now + kLookAgain);
  }
  if (leases_ != nullptr) {
    look_again = std::min(look_again, leases_->NextExpiry());
  }
  return look_again;
}

absl::StatusOr<QueueView> Scheduler::ReadView() const {
  ASSIGN_OR_RETURN(QueueSnapshot queue, store_.ReadQueue());
  QueueView view;
  view.waiting = std::move(queue.waiting);
  view.devices = hooks_.devices();
  if (hooks_.host_memory_bytes)
    view.host.total_bytes = hooks_.host_memory_bytes();
  view.host.reserved_bytes = queue.reserved_memory_bytes;
  view.now = clock_.Now();
  view.draining = draining();
  view.disk_low = options_.min_free_bytes > 0 && hooks_.free_bytes &&
                  hooks_.free_bytes() < options_.min_free_bytes;
  MarkLeased(queue.leases, &view.devices);
  return view;
}

void Scheduler::StartJob(const JobStart& start) {
  const std::string token = MakeAttemptToken();
  // ABORTED: cancelled or taken meanwhile; a change wakes the loop again.
  absl::StatusOr<Job> job =
      store_.StartAttempt({start.job, start.devices, Sha256Hex(token)});
  if (!job.ok()) return;
  const Attempt attempt = job->attempts.back();
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

void Scheduler::ExplainWaits(const QueueView& view,
                             const std::vector<JobWait>& waits) {
  std::map<JobId, const WaitingJob*> now;
  for (const WaitingJob& job : view.waiting) now[job.id] = &job;
  for (const JobWait& wait : waits) {
    const WaitingJob& job = *now.at(wait.job);
    if (job.reason == wait.reason && job.message == wait.message) continue;
    // A job that moved on meanwhile needs no explanation.
    store_.ExplainWait(wait.job, wait.reason, wait.message).IgnoreError();
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
