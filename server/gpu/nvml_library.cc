#include "server/gpu/nvml_library.h"

#include <dlfcn.h>

#include "absl/strings/str_cat.h"

namespace atelier::server {
namespace {

struct Symbol {
  const char* name;
  // Of the function's pointer in nvml::Functions.
  void** target;
  bool is_required;
};

template <typename F>
void** Target(F& pointer) {
  return reinterpret_cast<void**>(&pointer);
}

}  // namespace

absl::StatusOr<std::shared_ptr<NvmlLibrary>> NvmlLibrary::Load(
    const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("no GPU driver library ", path, ": ", dlerror()));
  }
  std::shared_ptr<NvmlLibrary> library(new NvmlLibrary());
  nvml::Functions& f = library->functions_;
  const Symbol symbols[] = {
      {"nvmlInit_v2", Target(f.init), true},
      {"nvmlErrorString", Target(f.error_string), true},
      {"nvmlSystemGetDriverVersion", Target(f.driver_version), true},
      {"nvmlDeviceGetCount_v2", Target(f.count), true},
      {"nvmlDeviceGetHandleByIndex_v2", Target(f.by_index), true},
      {"nvmlDeviceGetUUID", Target(f.uuid), true},
      {"nvmlDeviceGetName", Target(f.name), true},
      {"nvmlDeviceGetMemoryInfo", Target(f.memory), true},
      {"nvmlDeviceGetComputeRunningProcesses_v3", Target(f.compute_processes),
       true},
      {"nvmlDeviceGetGraphicsRunningProcesses_v3", Target(f.graphics_processes),
       false},
      {"nvmlDeviceGetUtilizationRates", Target(f.utilization), false},
      {"nvmlDeviceGetTemperature", Target(f.temperature), false},
      {"nvmlDeviceGetPowerUsage", Target(f.power), false},
      {"nvmlDeviceGetEnforcedPowerLimit", Target(f.power_limit), false},
      {"nvmlDeviceGetTotalEnergyConsumption", Target(f.energy), false},
      {"nvmlDeviceGetCurrentClocksThrottleReasons", Target(f.throttle_reasons),
       false},
      {"nvmlDeviceGetTotalEccErrors", Target(f.ecc_errors), false},
      {"nvmlDeviceGetMigMode", Target(f.mig_mode), false},
      {"nvmlDeviceGetMaxMigDeviceCount", Target(f.max_mig_devices), false},
      {"nvmlDeviceGetMigDeviceHandleByIndex", Target(f.mig_device), false},
      {"nvmlDeviceGetGpuInstanceId", Target(f.gpu_instance), false},
      {"nvmlEventSetCreate", Target(f.make_event_set), false},
      {"nvmlDeviceRegisterEvents", Target(f.register_events), false},
      {"nvmlEventSetWait_v2", Target(f.wait_event), false},
  };
  for (const Symbol& symbol : symbols) {
    *symbol.target = dlsym(handle, symbol.name);
    if (*symbol.target == nullptr && symbol.is_required) {
      return absl::FailedPreconditionError(
          absl::StrCat("the GPU driver library ", path, " has no ", symbol.name,
                       "; a driver of branch 510 or later is needed"));
    }
  }
  return library;
}

absl::Status NvmlLibrary::Check(nvml::Return result, const char* call) const {
  if (result == nvml::kSuccess) return absl::OkStatus();
  const std::string message =
      absl::StrCat(call, ": ", functions_.error_string(result));
  if (result == nvml::kNotSupported) return absl::UnimplementedError(message);
  if (result == nvml::kGpuIsLost || result == nvml::kResetRequired)
    return absl::DataLossError(message);
  return absl::UnavailableError(message);
}

}  // namespace atelier::server
