#include "server/daemon_devices.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/gpu/nvml_source.h"

namespace atelier::server {
namespace {

int64_t MachineMemory() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<int64_t>(sysconf(_SC_PAGESIZE));
}

DeviceTableOptions MakeTableOptions(const DaemonConfig& config) {
  DeviceTableOptions options;
  options.cpu_slots = config.cpu_slots;
  options.outside_use = config.devices.outside_use;
  options.outside_use_of = config.devices.outside_use_of;
  options.outside_clear = config.devices.outside_clear;
  options.ignored_programs = config.devices.ignored_programs;
  return options;
}

}  // namespace

DaemonDevices::DaemonDevices(const DaemonConfig& config, JobStore& store,
                             const Clock& clock, std::function<void()> changed)
    : config_(config.devices),
      store_(store),
      clock_(clock),
      host_memory_bytes_(config.devices.host_memory_bytes > 0
                             ? config.devices.host_memory_bytes
                             : MachineMemory()),
      table_(MakeTableOptions(config), clock,
             {[state_dir = config.state_dir](pid_t pid) {
                return LookUpProcess(state_dir, pid);
              },
              std::move(changed),
              [this](const DeviceDrain& drain, bool is_lasting) {
                OnSick(drain, is_lasting);
              }}) {}

absl::Status DaemonDevices::Start() {
  ASSIGN_OR_RETURN(const std::vector<DeviceDrain> drains,
                   store_.ReadDeviceDrains());
  table_.SetDrains(drains);
  if (config_.nvml_library.empty()) {
    table_.SetMessage("GPUs are not looked for: nvml_library is empty");
    return absl::OkStatus();
  }
  auto library = NvmlLibrary::Load(config_.nvml_library);
  if (!library.ok()) {
    spdlog::info("no GPUs: {}", std::string(library.status().message()));
    table_.SetMessage(std::string(library.status().message()));
    return absl::OkStatus();
  }
  watch_ = std::make_unique<GpuWatch>(
      GpuWatchOptions{config_.poll, config_.nvml_timeout},
      std::make_shared<NvmlSource>(*std::move(library)),
      [this](const GpuNews& news) { table_.Take(news); });
  watch_->AwaitFirst();
  for (const DeviceState& device : table_.States())
    if (device.kind == v1::DEVICE_TYPE_GPU)
      spdlog::info("GPU {}: {}, {}{}{}", device.id, device.model,
                   GibText(device.total_bytes),
                   device.reason.empty() ? "" : ", ", device.reason);
  return absl::OkStatus();
}

std::string DaemonDevices::WhyNever(const JobRequest& request) const {
  if (request.host_memory_bytes > host_memory_bytes_) {
    return absl::StrCat("the job asks for ", GibText(request.host_memory_bytes),
                        " of host memory; this machine has ",
                        GibText(host_memory_bytes_), " for jobs");
  }
  return server::WhyNever(table_.States(), request);
}

absl::StatusOr<v1::ListDevicesResponse> DaemonDevices::List() const {
  ASSIGN_OR_RETURN(const HeldDevices held, store_.ReadHeldDevices());
  v1::ListDevicesResponse response = table_.Describe(held.leases);
  response.set_host_memory_bytes(host_memory_bytes_);
  response.set_host_memory_reserved_bytes(held.memory_bytes);
  return response;
}

DeviceScrape DaemonDevices::Scrape() const {
  DeviceScrape scrape;
  absl::StatusOr<v1::ListDevicesResponse> listed = List();
  if (listed.ok()) scrape.listed = *std::move(listed);
  const GpuNews news = table_.LastNews();
  for (const GpuReading& gpu : news.report.gpus)
    if (gpu.energy_joules.has_value() && gpu.parent.empty())
      scrape.energy_joules[gpu.uuid] = *gpu.energy_joules;
  scrape.failures = static_cast<double>(news.failures);
  scrape.read_seconds = absl::ToDoubleSeconds(news.report.duration);
  return scrape;
}

absl::Status DaemonDevices::Drain(const v1::DrainDeviceRequest& request) {
  if (!table_.Has(request.id())) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
                     absl::StrCat("there is no device ", request.id(),
                                  "; `atelier gpus` lists them"));
  }
  if (!request.drained()) {
    RETURN_IF_ERROR(store_.UndrainDevice(request.id()));
    table_.ClearDrain(request.id());
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(store_.DrainDevice(
      {request.id(), false, request.message(), clock_.Now()}));
  ASSIGN_OR_RETURN(const std::vector<DeviceDrain> drains,
                   store_.ReadDeviceDrains());
  table_.SetDrains(drains);
  return absl::OkStatus();
}

void DaemonDevices::OnSick(const DeviceDrain& drain, bool is_lasting) {
  spdlog::error("GPU {} is out of use: {}", drain.device, drain.message);
  if (is_lasting) {
    const absl::Status kept = store_.DrainDevice(drain);
    if (!kept.ok())
      spdlog::error("GPU {}: cannot write down that it is out of use: {}",
                    drain.device, kept.ToString());
  }
  const absl::StatusOr<HeldDevices> held = store_.ReadHeldDevices();
  if (!held.ok()) return;
  const std::vector<std::string> parts = table_.PartsOf(drain.device);
  for (const DeviceLease& lease : held->leases)
    if (std::find(parts.begin(), parts.end(), lease.device) != parts.end())
      MoveJob(lease.holder, drain);
}

void DaemonDevices::MoveJob(const AttemptId& attempt,
                            const DeviceDrain& drain) {
  const std::string message =
      absl::StrCat("leaves GPU ", drain.device, " (", drain.message,
                   ") and goes on elsewhere from its last state");
  // One that stops already, or has ended, needs nothing.
  const absl::StatusOr<Job> job = store_.ReadJob(attempt.job);
  const bool runs = job.ok() && (job->state == v1::JOB_STATE_RUNNING ||
                                 job->state == v1::JOB_STATE_STARTING);
  if (!runs) return;
  const absl::Status moved =
      store_
          .ChangeState({attempt.job, v1::JOB_STATE_STOPPING,
                        v1::JOB_REASON_GPU_UNHEALTHY, message})
          .status();
  if (!moved.ok() && !absl::IsFailedPrecondition(moved))
    spdlog::error("job {}: cannot leave GPU {}: {}", attempt.job, drain.device,
                  moved.ToString());
}

}  // namespace atelier::server
