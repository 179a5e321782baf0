// The machine's devices as a part of the daemon: reads GPUs, keeps what is out
// of use, moves jobs away from sick ones.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/config/daemon_config.h"
#include "server/gpu/device_table.h"
#include "server/gpu/gpu_watch.h"
#include "server/jobs/clock.h"
#include "server/jobs/job_store.h"
#include "server/metrics/device_metrics.h"

namespace atelier::server {

// Threads: Start first, then all methods from any.
class DaemonDevices {
 public:
  // `store` and `clock` outlive the devices; `changed` is called when placement
  // should look again.
  DaemonDevices(const DaemonConfig& config, JobStore& store, const Clock& clock,
                std::function<void()> changed);

  // Loads the driver's library, where there is one, and waits for its first
  // answer, at most [devices] nvml_timeout_seconds.
  // Errors: the store's.
  absl::Status Start();
  // No more news after that.
  void Stop() { watch_.reset(); }

  DeviceTable& table() { return table_; }
  const DeviceTable& table() const { return table_; }
  int64_t host_memory_bytes() const { return host_memory_bytes_; }

  // Why the request can never be met; empty: it can.
  std::string WhyNever(const JobRequest& request) const;

  absl::StatusOr<v1::ListDevicesResponse> List() const;
  DeviceScrape Scrape() const;
  absl::Status Drain(const v1::DrainDeviceRequest& request);

 private:
  void OnSick(const DeviceDrain& drain, bool is_lasting);
  void MoveJob(const AttemptId& attempt, const DeviceDrain& drain);

  const DeviceConfig config_;
  JobStore& store_;
  const Clock& clock_;
  const int64_t host_memory_bytes_;
  DeviceTable table_;
  // Tells the table; goes before it.
  std::unique_ptr<GpuWatch> watch_;
};

}  // namespace atelier::server
