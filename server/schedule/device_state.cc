#include "server/schedule/device_state.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/enum_name.h"

namespace atelier::server {
namespace {

// What drivers keep of a card's memory: a 24 GiB RTX 4090 reports 23.99, an
// 80 GiB H100 79.65.
constexpr double kDriverShare = 0.03;

bool HasBytes(int64_t bytes, int64_t wanted) {
  return static_cast<double>(bytes) >=
         static_cast<double>(wanted) * (1 - kDriverShare);
}

bool HasMemory(const DeviceState& device, int64_t bytes, int64_t wanted) {
  return device.kind != v1::DEVICE_TYPE_GPU || HasBytes(bytes, wanted);
}

bool HasModel(const DeviceState& device, const JobRequest& request) {
  return request.model.empty() ||
         absl::StrContains(absl::AsciiStrToLower(device.model),
                           absl::AsciiStrToLower(request.model));
}

std::string ModelsOf(const std::vector<DeviceState>& devices,
                     v1::DeviceType kind) {
  std::map<std::string, int> counts;
  for (const DeviceState& device : devices) {
    if (device.kind != kind) continue;
    ++counts[absl::StrCat(device.model.empty() ? EnumName(kind) : device.model,
                          device.total_bytes == 0
                              ? ""
                              : " (" + GibText(device.total_bytes) + ")")];
  }
  std::vector<std::string> texts;
  for (const auto& [model, count] : counts)
    texts.push_back(absl::StrCat(count, " x ", model));
  return texts.empty() ? absl::StrCat("no ", EnumName(kind), " device")
                       : absl::StrJoin(texts, ", ");
}

}  // namespace

DeviceState CpuSlot(int index) {
  DeviceState device;
  device.id = absl::StrCat("cpu:", index);
  return device;
}

bool IsUsable(const DeviceState& device) {
  return device.availability == v1::DEVICE_AVAILABILITY_FREE ||
         device.availability == v1::DEVICE_AVAILABILITY_LEASED;
}

bool Fits(const DeviceState& device, const JobRequest& request) {
  return device.kind == request.kind && HasModel(device, request) &&
         HasMemory(device, device.total_bytes, request.min_vram_bytes) &&
         (!device.is_mig || request.count == 1);
}

bool FitsNow(const DeviceState& device, const JobRequest& request) {
  return Fits(device, request) &&
         device.availability == v1::DEVICE_AVAILABILITY_FREE &&
         HasMemory(device, device.free_bytes, request.min_vram_bytes);
}

void MarkLeased(const std::vector<DeviceLease>& leases,
                std::vector<DeviceState>* devices) {
  for (DeviceState& device : *devices) {
    const bool is_leased = std::any_of(
        leases.begin(), leases.end(),
        [&](const DeviceLease& lease) { return lease.device == device.id; });
    if (is_leased) device.availability = v1::DEVICE_AVAILABILITY_LEASED;
  }
}

v1::JobReason ReasonFor(const DeviceState& device) {
  switch (device.availability) {
    case v1::DEVICE_AVAILABILITY_FREE:
      return v1::JOB_REASON_UNSPECIFIED;
    case v1::DEVICE_AVAILABILITY_OUTSIDE:
      return v1::JOB_REASON_GPU_IN_USE_OUTSIDE;
    case v1::DEVICE_AVAILABILITY_UNHEALTHY:
    case v1::DEVICE_AVAILABILITY_UNKNOWN:
      return v1::JOB_REASON_GPU_UNHEALTHY;
    case v1::DEVICE_AVAILABILITY_DRAINED:
      return v1::JOB_REASON_DRAINING;
    default:
      return v1::JOB_REASON_RESOURCES;
  }
}

std::string WhyNever(const std::vector<DeviceState>& devices,
                     const JobRequest& request) {
  const auto fitting = std::count_if(
      devices.begin(), devices.end(),
      [&](const DeviceState& device) { return Fits(device, request); });
  if (fitting >= request.count) return "";
  const std::string has =
      absl::StrCat("; this daemon has ", ModelsOf(devices, request.kind));
  if (fitting == 0) {
    return absl::StrCat("the job wants ", Describe(request),
                        ", and no device is like that", has);
  }
  return absl::StrCat("the job wants ", Describe(request), ", and only ",
                      fitting, fitting == 1 ? " is" : " are", " like that",
                      has);
}

bool HasHostMemory(const HostMemory& host, const JobRequest& request) {
  return host.total_bytes == 0 ||
         request.host_memory_bytes <= host.total_bytes - host.reserved_bytes;
}

DeviceWait WhyNotNow(const std::vector<DeviceState>& devices,
                     const JobRequest& request) {
  std::map<v1::JobReason, int> counts;
  std::vector<std::string> causes;
  for (const DeviceState& device : devices) {
    if (!Fits(device, request) || FitsNow(device, request)) continue;
    v1::JobReason reason = ReasonFor(device);
    std::string cause = device.reason;
    if (reason == v1::JOB_REASON_UNSPECIFIED) {
      reason = v1::JOB_REASON_GPU_IN_USE_OUTSIDE;
      cause = absl::StrCat("only ", GibText(device.free_bytes), " are free");
    }
    ++counts[reason];
    if (!cause.empty()) causes.push_back(absl::StrCat(device.id, ": ", cause));
  }
  DeviceWait wait;
  const auto most = std::max_element(
      counts.begin(), counts.end(),
      [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != counts.end()) wait.reason = most->first;
  // Devices that jobs hold come free by themselves; the others need a word.
  if (counts.count(v1::JOB_REASON_RESOURCES) > 0)
    wait.reason = v1::JOB_REASON_RESOURCES;
  wait.message =
      absl::StrCat("waits for ", Describe(request), " to be free",
                   causes.empty() ? "" : "; ", absl::StrJoin(causes, "; "));
  return wait;
}

}  // namespace atelier::server
