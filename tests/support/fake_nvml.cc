// A library with NVML's functions whose machine is the JSON file that
// ATELIER_FAKE_NVML_FILE names, read anew at every call:
//
//   {"driver": "550.54", "hang": false,
//    "gpus": [{"uuid": "GPU-1", "name": "NVIDIA A100", "total": 1, "used": 0,
//              "temperature": 40, "power": 70000, "utilization": 3,
//              "ecc_uncorrected": 0, "throttle": 0, "lost": false,
//              "processes": [{"pid": 1, "bytes": 1, "instance": 0}],
//              "parts": [{"uuid": "MIG-1", "name": "…", "total": 1}]}],
//    "xids": [{"gpu": 0, "xid": 79}]}
//
// While "hang" is true no call returns. Each of "xids" is told once, in order.
// A handle is 1 + the GPU's number; a part's adds 1000 for each part.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "nlohmann/json.hpp"

#include "server/gpu/nvml_abi.h"

namespace {

using atelier::server::nvml::Device;
using atelier::server::nvml::EventData;
using atelier::server::nvml::EventSet;
using atelier::server::nvml::kEventXid;
using atelier::server::nvml::kGpuIsLost;
using atelier::server::nvml::kNotSupported;
using atelier::server::nvml::kSuccess;
using atelier::server::nvml::kTimeout;
using atelier::server::nvml::Memory;
using atelier::server::nvml::ProcessInfo;
using atelier::server::nvml::Return;
using atelier::server::nvml::Utilization;
using nlohmann::json;

constexpr size_t kPartStride = 1000;
constexpr int kSliceMs = 10;

json ReadFile() {
  const char* path = std::getenv("ATELIER_FAKE_NVML_FILE");
  std::ifstream file(path == nullptr ? "" : path);
  return json::parse(file, nullptr, /*allow_exceptions=*/false);
}

// Half-written files are read again.
json Machine() {
  json machine = ReadFile();
  while (!machine.is_object() || machine.value("hang", false)) {
    usleep(kSliceMs * 1000);
    machine = ReadFile();
  }
  return machine;
}

size_t Number(Device device) { return reinterpret_cast<size_t>(device) - 1; }

Device Handle(size_t number) { return reinterpret_cast<Device>(number + 1); }

json Gpu(Device device) {
  const json machine = Machine();
  const json& gpu = machine.at("gpus").at(Number(device) % kPartStride);
  const size_t part = Number(device) / kPartStride;
  if (part == 0) return gpu;
  json result = gpu.at("parts").at(part - 1);
  result["lost"] = gpu.value("lost", false);
  return result;
}

Return Write(const std::string& text, char* out, unsigned size) {
  std::strncpy(out, text.c_str(), size);
  return kSuccess;
}

template <typename T>
Return Tell(Device device, const char* key, T* out) {
  const json gpu = Gpu(device);
  if (gpu.value("lost", false)) return kGpuIsLost;
  if (!gpu.contains(key)) return kNotSupported;
  *out = gpu.at(key).get<T>();
  return kSuccess;
}

}  // namespace

extern "C" {

Return nvmlInit_v2() {
  Machine();
  return kSuccess;
}

const char* nvmlErrorString(Return result) {
  return result == kGpuIsLost ? "GPU is lost" : "some error";
}

Return nvmlSystemGetDriverVersion(char* out, unsigned size) {
  return Write(Machine().value("driver", "fake"), out, size);
}

Return nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(Machine().at("gpus").size());
  return kSuccess;
}

Return nvmlDeviceGetHandleByIndex_v2(unsigned index, Device* device) {
  *device = Handle(index);
  return kSuccess;
}

Return nvmlDeviceGetUUID(Device device, char* out, unsigned size) {
  return Write(Gpu(device).at("uuid"), out, size);
}

Return nvmlDeviceGetName(Device device, char* out, unsigned size) {
  return Write(Gpu(device).value("name", "Fake GPU"), out, size);
}

Return nvmlDeviceGetMemoryInfo(Device device, Memory* memory) {
  const Return told = Tell(device, "total", &memory->total);
  memory->used = Gpu(device).value("used", 0ULL);
  memory->free = memory->total - memory->used;
  return told;
}

Return nvmlDeviceGetComputeRunningProcesses_v3(Device device, unsigned* count,
                                               ProcessInfo* infos) {
  const json gpu = Gpu(device);
  *count = 0;
  if (!gpu.contains("processes")) return kSuccess;
  for (const json& process : gpu.at("processes")) {
    infos[(*count)++] = {process.at("pid").get<unsigned>(),
                         process.value("bytes", 0ULL),
                         process.value("instance", 0U), 0};
  }
  return kSuccess;
}

Return nvmlDeviceGetUtilizationRates(Device device, Utilization* used) {
  return Tell(device, "utilization", &used->gpu);
}

Return nvmlDeviceGetTemperature(Device device, int, unsigned* out) {
  return Tell(device, "temperature", out);
}

Return nvmlDeviceGetPowerUsage(Device device, unsigned* out) {
  return Tell(device, "power", out);
}

Return nvmlDeviceGetTotalEnergyConsumption(Device device,
                                           unsigned long long* out) {
  return Tell(device, "energy", out);
}

Return nvmlDeviceGetCurrentClocksThrottleReasons(Device device,
                                                 unsigned long long* out) {
  return Tell(device, "throttle", out);
}

Return nvmlDeviceGetTotalEccErrors(Device device, int kind, int,
                                   unsigned long long* out) {
  return Tell(device, kind == 1 ? "ecc_uncorrected" : "ecc_corrected", out);
}

Return nvmlDeviceGetMigMode(Device device, unsigned* current,
                            unsigned* pending) {
  *current = *pending = Gpu(device).contains("parts") ? 1 : 0;
  return kSuccess;
}

Return nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned* count) {
  *count = static_cast<unsigned>(Gpu(device).at("parts").size());
  return kSuccess;
}

Return nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index,
                                           Device* part) {
  *part = Handle(Number(device) + (index + 1) * kPartStride);
  return kSuccess;
}

Return nvmlDeviceGetGpuInstanceId(Device device, unsigned* id) {
  return Tell(device, "instance", id);
}

Return nvmlEventSetCreate(EventSet* set) {
  // How many XIDs were told.
  static size_t told;
  told = 0;
  *set = &told;
  return kSuccess;
}

Return nvmlDeviceRegisterEvents(Device, unsigned long long, EventSet) {
  return kSuccess;
}

Return nvmlEventSetWait_v2(EventSet set, EventData* event,
                           unsigned timeout_ms) {
  auto& told = *static_cast<size_t*>(set);
  for (unsigned waited = 0; waited <= timeout_ms; waited += kSliceMs) {
    const json machine = Machine();
    if (machine.contains("xids") && machine.at("xids").size() > told) {
      const json xid = machine.at("xids").at(told++);
      *event = {Handle(xid.at("gpu").get<size_t>()), kEventXid,
                xid.at("xid").get<unsigned long long>(), 0, 0};
      return kSuccess;
    }
    usleep(kSliceMs * 1000);
  }
  return kTimeout;
}

}  // extern "C"
