#include "server/daemon.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

#include "proto/cc/status_macros.h"
#include "server/access/gate.h"
#include "server/api/access_service.h"
#include "server/api/call_pool.h"
#include "server/api/device_service.h"
#include "server/api/job_service.h"
#include "server/api/server_service.h"
#include "server/api/worker_service.h"
#include "server/daemon_access.h"
#include "server/daemon_devices.h"
#include "server/events/event_bus.h"
#include "server/grpc_listener.h"
#include "server/jobs/job_message.h"
#include "server/metrics/http_exporter.h"
#include "server/metrics/registry.h"
#include "server/run/capabilities.h"
#include "server/run/local_launcher.h"
#include "server/run/process_tree.h"
#include "server/run/supervisor.h"
#include "server/schedule/scheduler.h"
#include "server/store/state_store.h"

namespace atelier::server {
namespace {

// Calls that wait for the disk at the same time; changes of as many share one
// sync.
constexpr int kPoolThreads = 16;
// How long calls under way are waited for when the daemon goes.
constexpr absl::Duration kDrainLimit = absl::Seconds(5);
// Beyond its lease a worker gets this long to save its state and exit.
constexpr absl::Duration kLeaseMargin = absl::Minutes(5);

SchedulerOptions MakeSchedulerOptions(const DaemonConfig& config) {
  SchedulerOptions options;
  options.retry.max_attempts = config.max_attempts;
  options.retry.backoff_initial = config.backoff_initial;
  options.retry.backoff_factor = config.backoff_factor;
  options.retry.backoff_limit = config.backoff_limit;
  options.retry.backoff_jitter = config.backoff_jitter;
  options.min_free_bytes = config.min_free_bytes;
  return options;
}

int64_t FreeBytes(const std::string& folder) {
  struct statvfs info = {};
  if (statvfs(folder.c_str(), &info) != 0) return 0;
  return static_cast<int64_t>(info.f_bavail) *
         static_cast<int64_t>(info.f_frsize);
}

}  // namespace

// In the order in which they are made; each may use those above it.
struct Daemon::Parts {
  explicit Parts(const DaemonConfig& daemon_config)
      : config(daemon_config),
        leases(clock, daemon_config.lease, kLeaseMargin),
        capabilities(ReadCapabilities(daemon_config.trainer_path)) {}

  const DaemonConfig config;
  SystemClock clock;
  const absl::Time start_time = absl::Now();
  WorkerLeases leases;
  WorkerRegistry registry;
  const absl::StatusOr<v1::WorkerCapabilities> capabilities;
  // The store speaks of commits before there are metrics.
  std::atomic<Metrics*> commit_metrics{nullptr};

  std::unique_ptr<StateStore> state;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<EventBus> bus;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<DaemonDevices> devices;
  std::unique_ptr<LocalLauncher> launcher;
  std::unique_ptr<Supervisor> supervisor;
  std::unique_ptr<HttpExporter> exporter;
  UserDatabase users{clock};
  std::unique_ptr<Gate> gate;
  OpenStreams streams;
  std::unique_ptr<CallPool> pool;
  std::unique_ptr<WorkerServiceImpl> worker_service;
  std::unique_ptr<JobServiceImpl> job_service;
  std::unique_ptr<ServerServiceImpl> server_service;
  std::unique_ptr<DeviceServiceImpl> device_service;
  std::unique_ptr<AccessServiceImpl> access_service;
  std::unique_ptr<GrpcListener> worker_listener;
  std::unique_ptr<GrpcListener> listener;
  bool is_stopped = false;

  absl::Status OpenState();
  void MakeSupervision();
  void MakeServices();
  absl::Status Listen();
  absl::Status Start();
  void Stop();
  absl::StatusOr<v1::GetServerInfoResponse> Describe() const;
  std::vector<EventListener*> Listeners() const {
    return {bus.get(), metrics.get(), supervisor.get(), scheduler.get()};
  }
};

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
  return absl::OkStatus();
}

void Daemon::Parts::MakeSupervision() {
  SchedulerHooks hooks;
  hooks.devices = [this] { return devices->table().States(); };
  hooks.host_memory_bytes = [this] { return devices->host_memory_bytes(); };
  hooks.start = [this](const AttemptToStart& attempt) {
    metrics->AttemptStarted(clock.Now() - attempt.job.create_time);
    return supervisor->Start(attempt);
  };
  hooks.lease_expired = [this](const AttemptId& attempt) {
    supervisor->ExpireLease(attempt);
  };
  hooks.free_bytes = [this] { return FreeBytes(config.state_dir); };
  hooks.pass_done = [this](absl::Duration duration) {
    metrics->SchedulerPass(duration);
  };
  scheduler =
      std::make_unique<Scheduler>(MakeSchedulerOptions(config), state->jobs(),
                                  clock, &leases, std::move(hooks));
  devices = std::make_unique<DaemonDevices>(config, state->jobs(), clock,
                                            [this] { scheduler->Wake(); });
  launcher = std::make_unique<LocalLauncher>(
      LocalLauncherOptions{config.state_dir, config.shim_path,
                           config.trainer_path, config.worker_listen},
      [this](const AttemptId& attempt, const WorkerExit& worker_exit) {
        supervisor->OnExit(attempt, worker_exit);
      });
  SupervisorHooks supervisor_hooks;
  supervisor_hooks.ended = [this](const AttemptResult& result) {
    metrics->AttemptDone(result.outcome, result.reason);
    leases.Drop(result.id);
    return scheduler->AttemptEnded(result).status();
  };
  supervisor_hooks.adopted = [this] { metrics->WorkerAdopted(); };
  supervisor = std::make_unique<Supervisor>(
      SupervisorOptions{config.stop_grace, config.term_grace,
                        config.adopt_grace},
      state->jobs(), *launcher, registry, clock, std::move(supervisor_hooks));
}

void Daemon::Parts::MakeServices() {
  pool = std::make_unique<CallPool>(kPoolThreads);
  CallContext context = {*pool,
                         streams,
                         *metrics,
                         clock,
                         *gate,
                         [this](const grpc::CallbackServerContext& call) {
                           return listener->PeerOf(call);
                         },
                         config.security.slow_reader};
  worker_service = std::make_unique<WorkerServiceImpl>(
      context, WorkerServiceParts{state->jobs(), registry, leases,
                                  config.tokenizer_dir});
  SpecLimits limits;
  limits.cpu_devices = config.cpu_slots;
  for (const DeviceState& device : devices->table().States())
    if (device.kind == v1::DEVICE_TYPE_GPU) ++limits.gpu_devices;
  limits.why_never = [this](const JobRequest& request) {
    return devices->WhyNever(request);
  };
  job_service = std::make_unique<JobServiceImpl>(
      context,
      JobServiceParts{state->jobs(), *bus, limits, RandomSeeds(), capabilities,
                      static_cast<size_t>(config.security.max_spec_bytes),
                      MakePathRoots(config.security)});
  access_service =
      std::make_unique<AccessServiceImpl>(context, state->access());
  device_service = std::make_unique<DeviceServiceImpl>(
      context,
      DeviceServiceParts{[this] { return devices->List(); },
                         [this](const v1::DrainDeviceRequest& request) {
                           return devices->Drain(request);
                         }});
  server_service = std::make_unique<ServerServiceImpl>(
      context, [this] { return Describe(); });
}

absl::Status Daemon::Parts::Listen() {
  GrpcListenerOptions for_workers;
  for_workers.socket_path = config.worker_listen;
  for_workers.mode = 0600;
  for_workers.services = {worker_service.get()};
  ASSIGN_OR_RETURN(worker_listener, GrpcListener::Listen(for_workers));
  ASSIGN_OR_RETURN(GrpcListenerOptions for_clients, MakeClientListener(config));
  for_clients.services = {job_service.get(), server_service.get(),
                          device_service.get(), access_service.get()};
  ASSIGN_OR_RETURN(listener, GrpcListener::Listen(for_clients));
  if (!config.metrics_listen.empty()) {
    ASSIGN_OR_RETURN(exporter,
                     HttpExporter::Listen(config.metrics_listen, *metrics));
  }
  worker_listener->Start();
  listener->Start();
  return absl::OkStatus();
}

absl::Status Daemon::Parts::Start() {
  if (!capabilities.ok())
    spdlog::error("no job can run: {}", capabilities.status().ToString());
  RETURN_IF_ERROR(OpenState());
  MakeSupervision();
  RETURN_IF_ERROR(devices->Start());
  for (EventListener* part : Listeners()) state->AddListener(part);
  MakeServices();
  // Workers that were left alone find their daemon again, and are taken over
  // before anything new starts.
  RETURN_IF_ERROR(supervisor->AdoptAll());
  RETURN_IF_ERROR(Listen());
  scheduler->Start();
  return absl::OkStatus();
}

void Daemon::Parts::Stop() {
  if (std::exchange(is_stopped, true) || state == nullptr) return;
  if (scheduler != nullptr) scheduler->SetDraining(true);
  if (metrics != nullptr) metrics->SetDraining(true);
  streams.EndAll();
  if (listener != nullptr) listener->Stop(kDrainLimit);
  if (worker_listener != nullptr) worker_listener->Stop(kDrainLimit);
  if (devices != nullptr) devices->Stop();
  if (scheduler != nullptr) scheduler->Stop();
  if (supervisor != nullptr) supervisor->Stop();
  launcher.reset();
  pool.reset();
  exporter.reset();
  if (supervisor != nullptr)
    for (EventListener* part : Listeners()) state->RemoveListener(part);
}

absl::StatusOr<v1::GetServerInfoResponse> Daemon::Parts::Describe() const {
  v1::GetServerInfoResponse info;
  info.set_version(ATELIER_VERSION);
  info.add_api_versions("atelier.v1");
  info.set_schema_version(state->schema_version());
  *info.mutable_start_time() = ToTimestamp(start_time);
  info.set_boot_id(BootId());
  info.set_state_dir(config.state_dir);
  info.set_draining(scheduler->draining());
  ASSIGN_OR_RETURN(const v1::ListDevicesResponse listed, devices->List());
  for (const v1::DeviceInfo& device : listed.devices()) {
    v1::Device& told = *info.add_devices();
    told.set_id(device.id());
    told.set_type(device.type());
    told.set_job_id(device.job_id());
  }
  ASSIGN_OR_RETURN(std::vector<JobCount> counts, state->jobs().CountJobs());
  for (const JobCount& count : counts) {
    if (count.state == v1::JOB_STATE_PENDING)
      info.set_jobs_pending(info.jobs_pending() + count.count);
    if (count.state == v1::JOB_STATE_STARTING ||
        count.state == v1::JOB_STATE_RUNNING ||
        count.state == v1::JOB_STATE_STOPPING)
      info.set_jobs_running(info.jobs_running() + count.count);
  }
  if (capabilities.ok()) *info.mutable_worker() = *capabilities;
  info.set_remote_address(listener->remote_address());
  if (exporter != nullptr) info.set_metrics_address(exporter->address());
  return info;
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
