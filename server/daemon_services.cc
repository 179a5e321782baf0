#include <utility>
#include <vector>

#include "proto/cc/status_macros.h"
#include "server/daemon_access.h"
#include "server/daemon_parts.h"
#include "server/jobs/job_message.h"
#include "server/run/process_tree.h"

namespace atelier::server {
namespace {

// Calls that wait for the disk at the same time; changes of as many share one
// sync.
constexpr int kPoolThreads = 16;

}  // namespace

void Daemon::Parts::MakeServices() {
  pool = std::make_unique<CallPool>(kPoolThreads);
  CallContext context = {*pool,
                         streams,
                         *metrics,
                         clock,
                         *gate,
                         [this](const grpc::CallbackServerContext& call) {
                           const GrpcListener* ready = ready_listener.load();
                           return ready == nullptr ? RemotePeerOf(call)
                                                   : ready->PeerOf(call);
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
                      MakePathRoots(config.security), config.scheduling});
  schedule_service = std::make_unique<ScheduleServiceImpl>(
      context,
      ScheduleServiceParts{state->jobs(), state->schedule(), *scheduler});
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
  for_clients.services = {job_service.get(), schedule_service.get(),
                          server_service.get(), device_service.get(),
                          access_service.get()};
  ASSIGN_OR_RETURN(listener, GrpcListener::Listen(for_clients));
  ready_listener = listener.get();
  if (!config.metrics_listen.empty()) {
    ASSIGN_OR_RETURN(exporter,
                     HttpExporter::Listen(config.metrics_listen, *metrics));
  }
  worker_listener->Start();
  listener->Start();
  return absl::OkStatus();
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
  if (const GrpcListener* ready = ready_listener.load())
    info.set_remote_address(ready->remote_address());
  if (exporter != nullptr) info.set_metrics_address(exporter->address());
  return info;
}

}  // namespace atelier::server
