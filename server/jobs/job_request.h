// What a job needs of the machine to start: the part of its spec that admission
// and placement look at, as the store keeps it in columns.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

#include "atelier/v1/job_spec.pb.h"

namespace atelier::server {

struct JobRequest {
  v1::DeviceType kind = v1::DEVICE_TYPE_CPU;
  // Of `kind`, at least 1.
  int count = 1;
  // Of each device; 0: any.
  int64_t min_vram_bytes = 0;
  // Part of the GPU's name, in any case; empty: any.
  std::string model;
  // Of the machine; 0: not counted.
  int64_t host_memory_bytes = 0;
  // Of one attempt; infinite: without end.
  absl::Duration time_limit = absl::InfiniteDuration();

  bool operator==(const JobRequest&) const = default;
};

// `spec` is resolved (job_spec_validate.h): it names kind and count.
JobRequest RequestOf(const v1::JobSpec& spec);

// Of a device by its id: `cpu:N` are slots, all others GPUs or parts of them.
v1::DeviceType KindOfDevice(const std::string& id);

// `23.6 GiB`.
std::string GibText(int64_t bytes);

// For people: `2 GPU devices with 24.0 GiB each, model "a100"`.
std::string Describe(const JobRequest& request);

}  // namespace atelier::server
