#include "server/daemon.h"

#include <sys/statvfs.h>

#include <utility>
#include <vector>

#include "spdlog/spdlog.h"

#include "proto/cc/status_macros.h"
#include "server/daemon_access.h"
#include "server/daemon_parts.h"

namespace atelier::server {
namespace {

// How long calls under way are waited for when the daemon goes.
constexpr absl::Duration kDrainLimit = absl::Seconds(5);

SchedulerOptions MakeSchedulerOptions(const DaemonConfig& config) {
  SchedulerOptions options;
  options.retry.max_attempts = config.max_attempts;
  options.retry.backoff_initial = config.backoff_initial;
  options.retry.backoff_factor = config.backoff_factor;
  options.retry.backoff_limit = config.backoff_limit;
  options.retry.backoff_jitter = config.backoff_jitter;
  options.min_free_bytes = config.min_free_bytes;
  options.rules = config.scheduling;
  options.rules.stop_margin = config.stop_grace + config.term_grace;
  return options;
}

int64_t FreeBytes(const std::string& folder) {
  struct statvfs info = {};
  if (statvfs(folder.c_str(), &info) != 0) return 0;
  return static_cast<int64_t>(info.f_bavail) *
         static_cast<int64_t>(info.f_frsize);
}

}  // namespace

absl::Status Daemon::Parts::OpenState() {
  StateStoreOptions options;
  options.state_dir = config.state_dir;
  options.allow_network_file_system = config.allow_network_file_system;
  options.on_commit = [this](absl::Duration duration) {
    Metrics* known = commit_metrics.load();
    if (known != nullptr) known->CommitDone(duration);
  };
  ASSIGN_OR_RETURN(state, OpenStateStore(options, clock));
  metrics = std::make_unique<Metrics>(state->jobs(), clock);
  commit_metrics = metrics.get();
  bus = std::make_unique<EventBus>(state->events());
  gate = std::make_unique<Gate>(
      MakeAccessPolicy(config.security), MakeCallLimits(config.security),
      GateParts{state->jobs(), state->access(), users, clock});
  notifier =
      std::make_unique<Notifier>(MakeNotifierOptions(config.notifications),
                                 state->jobs(), state->notifications(), clock);
  return absl::OkStatus();
}

void Daemon::Parts::MakeSupervision() {
  SchedulerHooks hooks;
  hooks.devices = [this] { return devices->table().States(); };
  hooks.host_memory_bytes = [this] { return devices->host_memory_bytes(); };
  hooks.start = [this](const AttemptToStart& attempt) {
    return supervisor->Start(attempt);
  };
  hooks.started = [this](const Job& job, absl::Duration waited,
                         bool is_backfill) {
    metrics->AttemptStarted(waited, job.spec.priority(), is_backfill);
  };
  hooks.preempted = [this] { metrics->Preempted(); };
  hooks.lease_expired = [this](const AttemptId& attempt) {
    supervisor->ExpireLease(attempt);
  };
  hooks.free_bytes = [this] { return FreeBytes(config.state_dir); };
  hooks.pass_done = [this](absl::Duration duration) {
    metrics->SchedulerPass(duration);
  };
  scheduler = std::make_unique<Scheduler>(MakeSchedulerOptions(config),
                                          state->jobs(), state->schedule(),
                                          clock, &leases, std::move(hooks));
  devices = std::make_unique<DaemonDevices>(config, state->jobs(), clock,
                                            [this] { scheduler->Wake(); });
  launcher = std::make_unique<LocalLauncher>(
      LocalLauncherOptions{config.state_dir, config.shim_path,
                           config.trainer_path, config.worker_listen,
                           config.devices.cgroup},
      [this](const AttemptId& attempt, const WorkerExit& worker_exit) {
        supervisor->OnExit(attempt, worker_exit);
      });
  SupervisorHooks supervisor_hooks;
  supervisor_hooks.ended = [this](const AttemptResult& result) -> absl::Status {
    metrics->AttemptDone(result.outcome, result.reason);
    leases.Drop(result.id);
    ASSIGN_OR_RETURN(const Job job, scheduler->AttemptEnded(result));
    const Attempt& attempt = job.attempts.back();
    metrics->DevicesUsed(
        job.owner,
        absl::ToDoubleSeconds(attempt.end_time - attempt.start_time) *
            static_cast<double>(attempt.devices.size()));
    return absl::OkStatus();
  };
  supervisor_hooks.adopted = [this] { metrics->WorkerAdopted(); };
  supervisor = std::make_unique<Supervisor>(
      SupervisorOptions{config.stop_grace, config.term_grace,
                        config.adopt_grace},
      state->jobs(), *launcher, registry, clock, std::move(supervisor_hooks));
}

absl::Status Daemon::Parts::Start() {
  if (!capabilities.ok())
    spdlog::error("no job can run: {}", capabilities.status().ToString());
  RETURN_IF_ERROR(OpenState());
  MakeSupervision();
  RETURN_IF_ERROR(devices->Start());
  metrics->ShowDevices([this] { return devices->Scrape(); });
  for (EventListener* part : Listeners()) state->AddListener(part);
  MakeServices();
  // Workers that were left alone find their daemon again, and are taken over
  // before anything new starts.
  RETURN_IF_ERROR(supervisor->AdoptAll());
  RETURN_IF_ERROR(Listen());
  RETURN_IF_ERROR(notifier->Start());
  scheduler->Start();
  return absl::OkStatus();
}

void Daemon::Parts::Stop() {
  if (std::exchange(is_stopped, true) || state == nullptr) return;
  if (scheduler != nullptr) scheduler->Close();
  if (metrics != nullptr) metrics->SetDraining(true);
  streams.EndAll();
  if (listener != nullptr) listener->Stop(kDrainLimit);
  if (worker_listener != nullptr) worker_listener->Stop(kDrainLimit);
  if (devices != nullptr) devices->Stop();
  if (notifier != nullptr) notifier->Stop();
  if (scheduler != nullptr) scheduler->Stop();
  if (supervisor != nullptr) supervisor->Stop();
  launcher.reset();
  pool.reset();
  exporter.reset();
  if (supervisor != nullptr)
    for (EventListener* part : Listeners()) state->RemoveListener(part);
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Daemon::~Daemon() { Stop(); }

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(
    const DaemonConfig& config) {
  std::unique_ptr<Daemon> daemon(new Daemon(std::make_unique<Parts>(config)));
  RETURN_IF_ERROR(daemon->parts_->Start());
  return daemon;
}

void Daemon::Stop() { parts_->Stop(); }

absl::Status Daemon::CheckHealth() const {
  return parts_->state->jobs().CountJobs().status();
}

const std::string& Daemon::metrics_address() const {
  static const std::string none;
  return parts_->exporter == nullptr ? none : parts_->exporter->address();
}

}  // namespace atelier::server
