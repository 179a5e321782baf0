#include "server/run/supervisor.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "spdlog/spdlog.h"

#include "proto/cc/status_macros.h"
#include "server/jobs/job_message.h"
#include "server/run/attempt_result.h"
#include "server/run/journal.h"

namespace atelier::server {
namespace {

constexpr size_t kJournalBatch = 256;
// Between tries to write an end down while the disk is full.
constexpr absl::Duration kRetryDelay = absl::Seconds(2);

std::map<std::string, std::string> WorkerEnvironment(const Attempt& attempt) {
  std::string devices = absl::StrJoin(attempt.devices, ",");
  bool on_cpu = devices.rfind("cpu:", 0) == 0;
  return {{"ATELIER_DEVICES", devices},
          {"CUDA_DEVICE_ORDER", "PCI_BUS_ID"},
          {"CUDA_VISIBLE_DEVICES", on_cpu ? "" : devices}};
}

absl::Duration StopGrace(const v1::JobSpec& spec, absl::Duration fallback) {
  if (!spec.has_stop_grace()) return fallback;
  return absl::Seconds(spec.stop_grace().seconds()) +
         absl::Nanoseconds(spec.stop_grace().nanos());
}

}  // namespace

Supervisor::Supervisor(SupervisorOptions options, JobStore& store,
                       Launcher& launcher, WorkerRegistry& registry,
                       const Clock& clock, SupervisorHooks hooks)
    : options_(options),
      store_(store),
      launcher_(launcher),
      registry_(registry),
      clock_(clock),
      hooks_(std::move(hooks)) {
  thread_ = std::thread([this] { Loop(); });
}

Supervisor::~Supervisor() { Stop(); }

void Supervisor::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Supervisor::Post(absl::Duration delay, std::function<void()> task) {
  absl::MutexLock lock(&mutex_);
  tasks_.emplace(clock_.Now() + delay, std::move(task));
}

void Supervisor::Loop() {
  absl::MutexLock lock(&mutex_);
  while (!is_stopped_) {
    absl::Time next =
        tasks_.empty() ? absl::InfiniteFuture() : tasks_.begin()->first;
    auto has_changed = [this, next]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return is_stopped_ || (!tasks_.empty() && tasks_.begin()->first < next);
    };
    if (next > clock_.Now()) {
      clock_.AwaitUntil(mutex_, has_changed, next);
      continue;
    }
    std::function<void()> task = std::move(tasks_.begin()->second);
    tasks_.erase(tasks_.begin());
    mutex_.Unlock();
    task();
    mutex_.Lock();
  }
}

bool Supervisor::IsRunning(const AttemptId& attempt) const {
  absl::MutexLock lock(&mutex_);
  return running_.count(attempt) > 0;
}

void Supervisor::PostFor(const AttemptId& attempt, absl::Duration delay,
                         std::function<void()> task) {
  Post(delay, [this, attempt, task = std::move(task)] {
    if (IsRunning(attempt)) task();
  });
}

absl::Status Supervisor::Start(const AttemptToStart& start) {
  const AttemptId& id = start.attempt.id;
  {
    absl::MutexLock lock(&mutex_);
    running_[id] = {};
  }
  absl::Status started =
      launcher_.Start({id, start.token, WorkerEnvironment(start.attempt),
                       start.job.spec.devices().host_memory_bytes()});
  if (!started.ok()) {
    absl::MutexLock lock(&mutex_);
    running_.erase(id);
    return AddLocation(std::move(started));
  }
  spdlog::info("job {} attempt {}: started on {}", id.job, id.number,
               absl::StrJoin(start.attempt.devices, ","));
  WatchTime(start.job);
  // The run folder tells the same; a daemon that finds no record looks there.
  absl::Status recorded = store_.RecordSpawn({id, launcher_.Shim(id), {}});
  if (!recorded.ok())
    spdlog::warn("job {} attempt {}: {}", id.job, id.number,
                 recorded.ToString());
  return absl::OkStatus();
}

absl::Status Supervisor::AdoptAll() {
  ASSIGN_OR_RETURN(std::vector<Job> jobs, store_.RunningJobs());
  for (const Job& job : jobs)
    if (!job.attempts.empty()) RETURN_IF_ERROR(Adopt(job));
  return absl::OkStatus();
}

absl::Status Supervisor::Adopt(const Job& job) {
  const AttemptId id = job.attempts.back().id;
  {
    absl::MutexLock lock(&mutex_);
    running_[id] = {};
  }
  RETURN_IF_ERROR(launcher_.Adopt(id));
  spdlog::info("job {} attempt {}: taken over", id.job, id.number);
  if (hooks_.adopted) hooks_.adopted();
  WatchTime(job);
  if (job.state == v1::JOB_STATE_STOPPING)
    Post(absl::ZeroDuration(), [this, id] { BeginStop(id.job); });
  PostFor(id, options_.adopt_grace, [this, id] {
    if (!registry_.HasBeenConnected(id)) ExpireLease(id);
  });
  return absl::OkStatus();
}

void Supervisor::WatchTime(const Job& job) {
  if (job.time_limit == absl::InfiniteDuration()) return;
  const Attempt& attempt = job.attempts.back();
  StateChange stop = {
      job.id, v1::JOB_STATE_STOPPING, v1::JOB_REASON_TIME_LIMIT,
      absl::StrCat("its time limit of ", absl::FormatDuration(job.time_limit),
                   " is over")};
  PostFor(attempt.id, attempt.start_time + job.time_limit - clock_.Now(),
          [this, stop = std::move(stop)] {
            const absl::StatusOr<Job> now = store_.ReadJob(stop.job);
            if (now.ok() && now->state != v1::JOB_STATE_STOPPING)
              store_.ChangeState(stop).IgnoreError();
          });
}

void Supervisor::ExpireLease(const AttemptId& attempt) {
  {
    absl::MutexLock lock(&mutex_);
    auto it = running_.find(attempt);
    if (it == running_.end()) return;
    it->second.lease_expired = true;
  }
  PostFor(attempt, absl::ZeroDuration(), [this, attempt] {
    spdlog::warn("job {} attempt {}: nothing heard of its worker; ending it",
                 attempt.job, attempt.number);
    EndAtOnce(attempt);
  });
}

void Supervisor::OnEvents(JobId job, absl::Span<const v1::Event> events) {
  for (const v1::Event& event : events) {
    if (event.has_done()) {
      absl::MutexLock lock(&mutex_);
      last_words_[{job, event.attempt()}] = event.done();
    }
    if (event.state().state() == v1::JOB_STATE_STOPPING)
      Post(absl::ZeroDuration(), [this, job] { BeginStop(job); });
    if (event.state().state() == v1::JOB_STATE_RUNNING)
      Post(absl::ZeroDuration(),
           [this, id = AttemptId{job, event.attempt()}] { RecordWorker(id); });
  }
}

void Supervisor::RecordWorker(const AttemptId& attempt) {
  ProcessId worker = launcher_.Worker(attempt);
  if (worker.pid != 0) store_.RecordSpawn({attempt, {}, worker}).IgnoreError();
}

void Supervisor::BeginStop(JobId job_id) {
  absl::StatusOr<Job> job = store_.ReadJob(job_id);
  if (!job.ok() || job->attempts.empty()) return;
  const AttemptId id = job->attempts.back().id;
  {
    absl::MutexLock lock(&mutex_);
    auto it = running_.find(id);
    if (it == running_.end() || it->second.is_stopping) return;
    it->second.is_stopping = true;
  }
  // A worker that is not connected is told when it is.
  registry_.SendCommand(id, StopCommand(*job));
  absl::Duration grace = StopGrace(job->spec, options_.stop_grace);
  PostFor(id, grace, [this, id] {
    spdlog::warn("job {} attempt {}: does not stop; sending SIGTERM", id.job,
                 id.number);
    launcher_.Terminate(id).IgnoreError();
  });
  PostFor(id, grace + options_.term_grace, [this, id] {
    spdlog::warn("job {} attempt {}: does not stop; ending its processes",
                 id.job, id.number);
    EndAtOnce(id);
  });
}

void Supervisor::EndAtOnce(const AttemptId& attempt) {
  absl::Status killed = launcher_.Kill(attempt);
  if (!killed.ok() && !absl::IsNotFound(killed))
    spdlog::error("job {} attempt {}: {}", attempt.job, attempt.number,
                  killed.ToString());
}

void Supervisor::OnExit(const AttemptId& attempt,
                        const WorkerExit& worker_exit) {
  Post(absl::ZeroDuration(),
       [this, attempt, worker_exit] { Conclude(attempt, worker_exit); });
}

void Supervisor::Conclude(const AttemptId& attempt,
                          const WorkerExit& worker_exit) {
  absl::Status reported = Report(attempt, worker_exit);
  if (absl::IsResourceExhausted(reported)) {
    spdlog::error("job {} attempt {}: its end is not written yet: {}",
                  attempt.job, attempt.number, reported.ToString());
    Post(kRetryDelay,
         [this, attempt, worker_exit] { Conclude(attempt, worker_exit); });
    return;
  }
  if (!reported.ok() && !absl::IsAborted(reported))
    spdlog::error("job {} attempt {}: {}", attempt.job, attempt.number,
                  reported.ToString());
  registry_.Forget(attempt);
  absl::MutexLock lock(&mutex_);
  running_.erase(attempt);
  last_words_.erase(attempt);
}

absl::Status Supervisor::ImportJournal(const Attempt& attempt) {
  return ReadJournal(
      attempt.run_dir + "/events.journal", kJournalBatch,
      [&](std::vector<v1::Event> events) -> absl::Status {
        if (events.back().has_done()) {
          absl::MutexLock lock(&mutex_);
          last_words_[attempt.id] = events.back().done();
        }
        if (events.back().worker_sequence() <= attempt.durable_sequence)
          return absl::OkStatus();
        return store_.AppendWorkerEvents(attempt.id, std::move(events))
            .status();
      });
}

absl::Status Supervisor::Report(const AttemptId& attempt,
                                const WorkerExit& worker_exit) {
  ASSIGN_OR_RETURN(Job job, store_.ReadJob(attempt.job));
  if (job.attempts.empty() || job.attempts.back().id != attempt)
    return absl::AbortedError("another attempt came after it");
  absl::Status imported = ImportJournal(job.attempts.back());
  if (absl::IsResourceExhausted(imported)) return AddLocation(imported);
  if (!imported.ok())
    spdlog::warn("job {} attempt {}: journal: {}", attempt.job, attempt.number,
                 imported.ToString());
  AttemptEvidence evidence;
  evidence.id = attempt;
  evidence.exit = worker_exit;
  evidence.asked_to_stop =
      job.state == v1::JOB_STATE_STOPPING && job.cancel_requested;
  if (job.state == v1::JOB_STATE_STOPPING && !job.cancel_requested) {
    evidence.stop_reason = job.reason;
    evidence.stop_message = job.message;
  }
  {
    absl::MutexLock lock(&mutex_);
    evidence.lease_expired = running_[attempt].lease_expired;
    auto words = last_words_.find(attempt);
    if (words != last_words_.end()) evidence.done = words->second;
  }
  AttemptResult result = DescribeEnd(evidence);
  spdlog::info("job {} attempt {}: ended: {} {}", attempt.job, attempt.number,
               v1::AttemptOutcome_Name(result.outcome), result.message);
  return hooks_.ended(result);
}

}  // namespace atelier::server
