#include "server/jobs/job_request.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "proto/cc/enum_name.h"

namespace atelier::server {

JobRequest RequestOf(const v1::JobSpec& spec) {
  const v1::DeviceRequest& devices = spec.devices();
  JobRequest request;
  request.kind = devices.type() == v1::DEVICE_TYPE_GPU ? v1::DEVICE_TYPE_GPU
                                                       : v1::DEVICE_TYPE_CPU;
  request.count = std::max(1, devices.count());
  request.min_vram_bytes = devices.min_vram_bytes();
  request.model = devices.model();
  request.host_memory_bytes = devices.host_memory_bytes();
  if (spec.has_time_limit()) {
    request.time_limit = absl::Seconds(spec.time_limit().seconds()) +
                         absl::Nanoseconds(spec.time_limit().nanos());
  }
  return request;
}

v1::DeviceType KindOfDevice(const std::string& id) {
  return id.rfind("cpu:", 0) == 0 ? v1::DEVICE_TYPE_CPU : v1::DEVICE_TYPE_GPU;
}

std::string GibText(int64_t bytes) {
  return absl::StrFormat(
      "%.1f GiB", static_cast<double>(bytes) / static_cast<double>(1 << 30));
}

std::string Describe(const JobRequest& request) {
  std::string text = absl::StrCat(request.count, " ", EnumName(request.kind),
                                  request.count == 1 ? " device" : " devices");
  if (request.min_vram_bytes > 0) {
    absl::StrAppend(&text, " with ", GibText(request.min_vram_bytes),
                    request.count == 1 ? "" : " each");
  }
  if (!request.model.empty()) {
    absl::StrAppend(&text, ", model \"", request.model, "\"");
  }
  return text;
}

}  // namespace atelier::server
