// Everything that the daemon can know of a job at its submission: options by
// their annotations, rules between fields, paths as this machine sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "atelier/v1/job_spec.pb.h"
#include "server/jobs/job_request.h"

namespace atelier::server {

struct SpecLimits {
  int max_attempts = 100;
  // What the daemon has of each type; a job that asks for more can never start.
  int cpu_devices = 1;
  int gpu_devices = 0;
  // Why no devices of the daemon can ever meet a request; empty: some can. In
  // place of counting them, where it is set.
  std::function<std::string(const JobRequest&)> why_never;
};

struct ResolvedSpec {
  // Defaults filled in, seed drawn, devices and name set.
  v1::JobSpec spec;
  // Sentences for the user: options without effect, notes.
  std::vector<std::string> warnings;
};

// Gives a random 32-bit number for jobs without a seed.
using SeedSource = std::function<uint32_t()>;
SeedSource RandomSeeds();

// Checks and completes a job. Makes no file or folder; an output folder that
// exists, or the nearest folder above it, must be writable.
// Blocks: looks at the file system.
// Errors: INVALID_ARGUMENT with every field at fault (ViolationsOf).
absl::StatusOr<ResolvedSpec> ResolveJobSpec(const v1::JobSpec& spec,
                                            const SpecLimits& limits,
                                            const SeedSource& seeds);

}  // namespace atelier::server
