#include "server/gpu/nvml_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

constexpr int kGpuSensor = 0;
constexpr int kCorrected = 0;
constexpr int kUncorrected = 1;
constexpr int kSinceDriverLoad = 0;
// More processes than that on one GPU are not told apart.
constexpr unsigned kMaxProcesses = 1024;
constexpr absl::Duration kEventSlice = absl::Milliseconds(500);

struct ThrottleReason {
  unsigned long long bit;
  const char* name;
};

// nvmlClocksThrottleReasons; idle clocks and clocks that were asked for are not
// throttling.
constexpr ThrottleReason kThrottleReasons[] = {
    {0x04, "power_cap"},        {0x08, "hardware_slowdown"},
    {0x20, "software_thermal"}, {0x40, "hardware_thermal"},
    {0x80, "power_brake"},
};

// Calls an optional function; unset where there is none or it fails.
template <typename Value, typename... Before, typename F>
std::optional<Value> Ask(F function, nvml::Device device, Before... before) {
  Value value = {};
  if (function == nullptr ||
      function(device, before..., &value) != nvml::kSuccess)
    return std::nullopt;
  return value;
}

template <typename From>
std::optional<double> Scaled(const std::optional<From>& value, double unit) {
  if (!value.has_value()) return std::nullopt;
  return static_cast<double>(*value) * unit;
}

std::optional<int64_t> Counted(const std::optional<unsigned long long>& value) {
  if (!value.has_value()) return std::nullopt;
  return static_cast<int64_t>(*value);
}

}  // namespace

absl::Status NvmlSource::Initialise() {
  if (is_initialised_) return absl::OkStatus();
  RETURN_IF_ERROR(library_->Check(library_->functions().init(), "nvmlInit"));
  is_initialised_ = true;
  const auto make = library_->functions().make_event_set;
  if (make == nullptr || make(&events_) != nvml::kSuccess) events_ = nullptr;
  return absl::OkStatus();
}

absl::StatusOr<GpuReport> NvmlSource::Read() {
  const absl::Time begin = absl::Now();
  RETURN_IF_ERROR(Initialise());
  const nvml::Functions& f = library_->functions();
  GpuReport report;
  char text[nvml::kTextBytes] = {};
  if (f.driver_version(text, sizeof text) == nvml::kSuccess)
    report.driver_version = text;
  unsigned count = 0;
  RETURN_IF_ERROR(library_->Check(f.count(&count), "nvmlDeviceGetCount"));
  for (unsigned i = 0; i < count; ++i) {
    nvml::Device device = nullptr;
    const nvml::Return got = f.by_index(i, &device);
    // One that fell off the bus has no handle any more.
    if (got == nvml::kGpuIsLost) continue;
    RETURN_IF_ERROR(library_->Check(got, "nvmlDeviceGetHandleByIndex"));
    ReadGpu(device, static_cast<int>(i), &report);
  }
  report.read_time = absl::Now();
  report.duration = report.read_time - begin;
  return report;
}

void NvmlSource::ReadGpu(nvml::Device device, int index, GpuReport* report) {
  GpuReading reading;
  reading.index = index;
  const absl::Status read = ReadIdentity(device, &reading);
  if (reading.uuid.empty()) return;
  if (!read.ok()) {
    reading.lost = std::string(read.message());
    report->gpus.push_back(std::move(reading));
    return;
  }
  ReadNumbers(device, &reading);
  ListenTo(device, reading.uuid);
  const auto& f = library_->functions();
  unsigned current = 0, pending = 0;
  reading.is_divided =
      f.mig_mode != nullptr &&
      f.mig_mode(device, &current, &pending) == nvml::kSuccess && current == 1;
  reading.processes = Processes(device, -1);
  report->gpus.push_back(reading);
  if (reading.is_divided) ReadInstances(device, reading, report);
}

absl::Status NvmlSource::ReadIdentity(nvml::Device device,
                                      GpuReading* reading) const {
  const auto& f = library_->functions();
  char text[nvml::kTextBytes] = {};
  RETURN_IF_ERROR(
      library_->Check(f.uuid(device, text, sizeof text), "nvmlDeviceGetUUID"));
  reading->uuid = text;
  RETURN_IF_ERROR(
      library_->Check(f.name(device, text, sizeof text), "nvmlDeviceGetName"));
  reading->name = text;
  nvml::Memory memory = {};
  RETURN_IF_ERROR(
      library_->Check(f.memory(device, &memory), "nvmlDeviceGetMemoryInfo"));
  reading->total_bytes = static_cast<int64_t>(memory.total);
  reading->used_bytes = static_cast<int64_t>(memory.used);
  return absl::OkStatus();
}

void NvmlSource::ReadNumbers(nvml::Device device, GpuReading* reading) const {
  const auto& f = library_->functions();
  reading->temperature_celsius =
      Scaled(Ask<unsigned>(f.temperature, device, kGpuSensor), 1);
  reading->power_watts = Scaled(Ask<unsigned>(f.power, device), 1e-3);
  reading->power_limit_watts =
      Scaled(Ask<unsigned>(f.power_limit, device), 1e-3);
  reading->energy_joules =
      Scaled(Ask<unsigned long long>(f.energy, device), 1e-3);
  if (const auto used = Ask<nvml::Utilization>(f.utilization, device))
    reading->utilization = used->gpu / 100.0;
  reading->ecc_corrected = Counted(Ask<unsigned long long>(
      f.ecc_errors, device, kCorrected, kSinceDriverLoad));
  reading->ecc_uncorrected = Counted(Ask<unsigned long long>(
      f.ecc_errors, device, kUncorrected, kSinceDriverLoad));
  const auto bits = Ask<unsigned long long>(f.throttle_reasons, device);
  for (const ThrottleReason& reason : kThrottleReasons)
    if ((bits.value_or(0) & reason.bit) != 0)
      reading->throttle_reasons.emplace_back(reason.name);
}

void NvmlSource::ReadInstances(nvml::Device device, const GpuReading& parent,
                               GpuReport* report) const {
  const auto& f = library_->functions();
  if (f.mig_device == nullptr) return;
  const unsigned most = Ask<unsigned>(f.max_mig_devices, device).value_or(0);
  for (unsigned i = 0; i < most; ++i) {
    nvml::Device instance = nullptr;
    if (f.mig_device(device, i, &instance) != nvml::kSuccess) continue;
    // What holds for the whole holds for its parts: heat, power, faults.
    GpuReading reading = parent;
    reading.is_divided = false;
    reading.parent = parent.uuid;
    reading.utilization.reset();
    if (!ReadIdentity(instance, &reading).ok()) continue;
    const auto number = Ask<unsigned>(f.gpu_instance, instance);
    reading.processes =
        Processes(device, number ? static_cast<int>(*number) : -1);
    report->gpus.push_back(std::move(reading));
  }
}

std::vector<GpuProcess> NvmlSource::Processes(nvml::Device device,
                                              int instance) const {
  const auto& f = library_->functions();
  std::vector<GpuProcess> processes;
  for (const auto list : {f.compute_processes, f.graphics_processes}) {
    if (list == nullptr) continue;
    std::vector<nvml::ProcessInfo> infos(kMaxProcesses);
    unsigned count = kMaxProcesses;
    if (list(device, &count, infos.data()) != nvml::kSuccess) continue;
    infos.resize(std::min(count, kMaxProcesses));
    for (const nvml::ProcessInfo& info : infos) {
      if (instance >= 0 && static_cast<int>(info.gpu_instance) != instance)
        continue;
      const auto pid = static_cast<pid_t>(info.pid);
      const bool is_known = std::any_of(
          processes.begin(), processes.end(),
          [pid](const GpuProcess& known) { return known.pid == pid; });
      if (is_known) continue;
      const bool is_told = info.used_bytes != nvml::kNotAvailable;
      processes.push_back(
          {pid, is_told ? static_cast<int64_t>(info.used_bytes) : 0});
    }
  }
  return processes;
}

void NvmlSource::ListenTo(nvml::Device device, const std::string& uuid) {
  const auto listen = library_->functions().register_events;
  if (events_ == nullptr || listen == nullptr || uuids_.count(device) > 0)
    return;
  if (listen(device, nvml::kEventXid, events_) == nvml::kSuccess)
    uuids_[device] = uuid;
}

std::vector<GpuFault> NvmlSource::AwaitFaults(absl::Duration limit) {
  const auto wait = library_->functions().wait_event;
  if (events_ == nullptr || wait == nullptr || uuids_.empty()) {
    absl::SleepFor(std::min(limit, kEventSlice));
    return {};
  }
  nvml::EventData event = {};
  const auto ms = absl::ToInt64Milliseconds(
      std::min(std::max(limit, absl::ZeroDuration()), kEventSlice));
  std::vector<GpuFault> faults;
  if (wait(events_, &event, static_cast<unsigned>(ms)) != nvml::kSuccess)
    return faults;
  const auto known = uuids_.find(event.device);
  if (event.type == nvml::kEventXid && known != uuids_.end())
    faults.push_back(
        {known->second, static_cast<int64_t>(event.data), absl::Now()});
  return faults;
}

}  // namespace atelier::server
