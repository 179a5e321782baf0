// Reads GPUs through NVML.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/gpu/gpu_report.h"
#include "server/gpu/nvml_library.h"

namespace atelier::server {

class NvmlSource : public GpuSource {
 public:
  explicit NvmlSource(std::shared_ptr<NvmlLibrary> library)
      : library_(std::move(library)) {}

  // Initialises NVML at the first call, and again until that works.
  absl::StatusOr<GpuReport> Read() override;
  std::vector<GpuFault> AwaitFaults(absl::Duration limit) override;

 private:
  absl::Status Initialise();
  void ReadGpu(nvml::Device device, int index, GpuReport* report);
  absl::Status ReadIdentity(nvml::Device device, GpuReading* reading) const;
  void ReadNumbers(nvml::Device device, GpuReading* reading) const;
  void ReadInstances(nvml::Device device, const GpuReading& parent,
                     GpuReport* report) const;
  // `instance`: only of that part of the GPU; -1: of all of it.
  std::vector<GpuProcess> Processes(nvml::Device device, int instance) const;
  void ListenTo(nvml::Device device, const std::string& uuid);

  const std::shared_ptr<NvmlLibrary> library_;
  bool is_initialised_ = false;
  nvml::EventSet events_ = nullptr;
  // Those whose events are listened to.
  std::map<nvml::Device, std::string> uuids_;
};

}  // namespace atelier::server
