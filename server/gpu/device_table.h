// Every device of the machine with all that is known of it: CPU slots as they
// are configured, GPUs as they were last read. Decides which are handed out.
//
//   DRAINED    somebody took it out of use, or it is divided into parts
//   UNHEALTHY  it reported a fault that is its own, or the driver lost it
//   UNKNOWN    the driver does not answer
//   OUTSIDE    processes that are not Atelier's use it (policy `avoid`)
//   FREE       none of these; whether a job holds it the store knows
//
// The first that holds counts. Nobody else's process is ever touched.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "atelier/v1/device.pb.h"
#include "server/gpu/gpu_watch.h"
#include "server/gpu/outside_use.h"
#include "server/gpu/process_facts.h"
#include "server/jobs/clock.h"
#include "server/jobs/device_drain.h"
#include "server/schedule/device_state.h"

namespace atelier::server {

struct DeviceTableOptions {
  int cpu_slots = 1;
  // `avoid`: not handed out; `warn`: handed out, with a word; `ignore`: nobody
  // looks.
  std::string outside_use = "avoid";
  // For single GPUs, by UUID.
  std::map<std::string, std::string> outside_use_of;
  // How long nobody from outside must have been seen.
  absl::Duration outside_clear = absl::Seconds(30);
  // Names of programs that do not count as use.
  std::vector<std::string> ignored_programs;
};

struct DeviceTableHooks {
  ProcessLookup look_up;
  // Something changed that placement may look at.
  std::function<void()> changed;
  // The device became sick: its drain is to be kept, and its job moved.
  // `is_lasting`: until somebody puts it back; else until the driver has it
  // again.
  std::function<void(const DeviceDrain&, bool is_lasting)> sick;
};

// Threads: all methods, from any. Hooks run on the caller's thread of Take, no
// lock held.
class DeviceTable {
 public:
  // Why there are no GPUs, where there is no driver.
  DeviceTable(DeviceTableOptions options, const Clock& clock,
              DeviceTableHooks hooks);

  void SetMessage(const std::string& message);
  void SetDrains(const std::vector<DeviceDrain>& drains);
  // Puts a device back into use.
  void ClearDrain(const std::string& id);
  void Take(const GpuNews& news);

  // For placement; leases are not in it.
  std::vector<DeviceState> States() const;

  // For people, leases filled in.
  v1::ListDevicesResponse Describe(
      const std::vector<DeviceLease>& leases) const;

  bool Has(const std::string& id) const;
  // Those that jobs hold when they hold `id`: itself and its parts.
  std::vector<std::string> PartsOf(const std::string& id) const;
  // The last news, for metrics.
  GpuNews LastNews() const;

 private:
  struct Gpu {
    GpuReading reading;
    std::vector<v1::DeviceProcess> processes;
    std::vector<v1::DeviceFault> faults;
    OutsideUse outside;
    bool is_used_outside = false;
    int64_t outside_bytes = 0;
    // Reported to the `sick` hook.
    bool was_lost = false;
    // Of the parent where it is a part of one.
    v1::DeviceAvailability availability = v1::DEVICE_AVAILABILITY_FREE;
    std::string reason;
  };
  using Sick = std::vector<std::pair<DeviceDrain, bool>>;

  void TakeReport(const GpuReport& report, Sick* sick)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeFault(const GpuFault& fault, Sick* sick)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeProcesses(Gpu* gpu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Judges every GPU anew.
  void Judge() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void JudgeGpu(Gpu* gpu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const DeviceDrain* DrainOf(const GpuReading& reading) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string PolicyOf(const GpuReading& reading) const;
  bool IsIgnored(const std::string& program) const;
  v1::DeviceInfo GpuInfo(const Gpu& gpu) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const DeviceTableOptions options_;
  const Clock& clock_;
  const DeviceTableHooks hooks_;

  mutable absl::Mutex mutex_;
  std::string message_ ABSL_GUARDED_BY(mutex_);
  // As the driver numbers them, parts after their whole.
  std::vector<Gpu> gpus_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, DeviceDrain> drains_ ABSL_GUARDED_BY(mutex_);
  // Whose a process was when that could still be read.
  std::map<pid_t, AttemptId> owners_ ABSL_GUARDED_BY(mutex_);
  GpuNews news_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::server
