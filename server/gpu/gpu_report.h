// What was read of the machine's GPUs at one moment, in plain values, and who
// reads it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace atelier::server {

// A process that the driver names.
struct GpuProcess {
  pid_t pid = 0;
  int64_t bytes = 0;
};

// A GPU or a MIG instance. What is unset the device does not tell.
struct GpuReading {
  std::string uuid;
  // As the driver numbers GPUs.
  int index = -1;
  std::string name;
  // UUID of the GPU that a MIG instance is part of; empty: it is a whole one.
  std::string parent;
  // It is divided into MIG instances, so it can only be had in parts.
  bool is_divided = false;
  int64_t total_bytes = 0;
  int64_t used_bytes = 0;
  std::optional<double> temperature_celsius;
  std::optional<double> power_watts;
  std::optional<double> power_limit_watts;
  std::optional<double> energy_joules;
  // 0 to 1.
  std::optional<double> utilization;
  // Since the driver was loaded.
  std::optional<int64_t> ecc_corrected;
  std::optional<int64_t> ecc_uncorrected;
  std::vector<std::string> throttle_reasons;
  std::vector<GpuProcess> processes;
  // The driver has lost it, and what it said; empty: it answers.
  std::string lost;
};

struct GpuReport {
  std::string driver_version;
  std::vector<GpuReading> gpus;
  absl::Time read_time = absl::InfinitePast();
  absl::Duration duration;
};

// An XID error.
struct GpuFault {
  std::string uuid;
  int64_t xid = 0;
  absl::Time time = absl::InfinitePast();
};

// Threads: one at a time. Every call may hang as long as the driver does.
class GpuSource {
 public:
  virtual ~GpuSource() = default;

  // Errors: UNAVAILABLE the driver answers with an error, naming the call.
  virtual absl::StatusOr<GpuReport> Read() = 0;

  // Faults that came since the last call; waits for one at most so long.
  virtual std::vector<GpuFault> AwaitFaults(absl::Duration limit) = 0;
};

}  // namespace atelier::server
