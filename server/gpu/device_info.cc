// The table as people see it.
#include "absl/time/time.h"

#include "server/gpu/device_table.h"
#include "server/jobs/job_message.h"

namespace atelier::server {
namespace {

void SetLease(const std::vector<DeviceLease>& leases, v1::DeviceInfo* info) {
  for (const DeviceLease& lease : leases) {
    if (lease.device != info->id()) continue;
    info->set_job_id(lease.holder.job);
    info->set_attempt(lease.holder.number);
    if (info->availability() == v1::DEVICE_AVAILABILITY_FREE)
      info->set_availability(v1::DEVICE_AVAILABILITY_LEASED);
  }
}

}  // namespace

v1::DeviceInfo DeviceTable::GpuInfo(const Gpu& gpu) const {
  const GpuReading& reading = gpu.reading;
  v1::DeviceInfo info;
  info.set_id(reading.uuid);
  info.set_type(v1::DEVICE_TYPE_GPU);
  info.set_index(reading.index);
  info.set_model(reading.name);
  info.set_parent_id(reading.parent);
  info.set_availability(gpu.availability);
  info.set_message(gpu.reason);
  info.set_memory_total_bytes(reading.total_bytes);
  info.set_memory_used_bytes(reading.used_bytes);
  info.set_outside_memory_bytes(gpu.outside_bytes);
  if (reading.temperature_celsius)
    info.set_temperature_celsius(*reading.temperature_celsius);
  if (reading.power_watts) info.set_power_watts(*reading.power_watts);
  if (reading.power_limit_watts)
    info.set_power_limit_watts(*reading.power_limit_watts);
  if (reading.utilization) info.set_utilization(*reading.utilization);
  if (reading.ecc_corrected) info.set_ecc_corrected(*reading.ecc_corrected);
  if (reading.ecc_uncorrected)
    info.set_ecc_uncorrected(*reading.ecc_uncorrected);
  for (const v1::DeviceFault& fault : gpu.faults) *info.add_faults() = fault;
  for (const std::string& reason : reading.throttle_reasons)
    info.add_throttle_reasons(reason);
  for (const v1::DeviceProcess& process : gpu.processes)
    *info.add_processes() = process;
  *info.mutable_read_time() = ToTimestamp(news_.report.read_time);
  return info;
}

v1::ListDevicesResponse DeviceTable::Describe(
    const std::vector<DeviceLease>& leases) const {
  v1::ListDevicesResponse response;
  for (const DeviceState& state : States()) {
    if (state.kind != v1::DEVICE_TYPE_CPU) continue;
    v1::DeviceInfo& info = *response.add_devices();
    info.set_id(state.id);
    info.set_type(state.kind);
    info.set_index(-1);
    info.set_availability(state.availability);
    info.set_message(state.reason);
  }
  absl::MutexLock lock(&mutex_);
  response.set_message(message_);
  response.set_driver_version(news_.report.driver_version);
  for (const Gpu& gpu : gpus_) *response.add_devices() = GpuInfo(gpu);
  for (v1::DeviceInfo& info : *response.mutable_devices())
    SetLease(leases, &info);
  return response;
}

}  // namespace atelier::server
