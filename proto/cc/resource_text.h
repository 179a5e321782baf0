// What a job asks of the machine, as people write it: `24G`, `1h30m`, `gpu:2`.
// Flags and job files share the names.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "atelier/v1/job_spec.pb.h"

namespace atelier {

// `24G`, `24GiB`, `512M`, `1.5T`: powers of 1024; `B` for single bytes.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<int64_t> ParseBytes(absl::string_view text);
// The shortest that ParseBytes reads back exactly.
std::string ByteText(int64_t bytes);

// `90m`, `1h30m`, `2d`, `45` (seconds), `HH:MM:SS`, `D-HH:MM:SS`.
// Errors: INVALID_ARGUMENT; also for zero.
absl::StatusOr<absl::Duration> ParseTimeLimit(absl::string_view text);

// devices, min_vram, gpu_model, host_memory, time_limit, on_time_limit.
const std::vector<std::string>& ResourceKeys();

// Sets one of these. `devices` is `cpu`, `gpu`, `gpu:2` or a number.
// Errors: INVALID_ARGUMENT naming the key, the value and what is allowed.
absl::Status SetResource(const std::string& key, const std::string& text,
                         v1::JobSpec* spec);

// A key of the job file's table `devices`: type, count, min_vram, model,
// host_memory. Errors: as SetResource, and for other keys.
absl::Status SetDeviceKey(const std::string& key, const std::string& text,
                          v1::JobSpec* spec);

// What of the spec these keys set, as lines of a job file's [job].
std::string ResourceToml(const v1::JobSpec& spec);

}  // namespace atelier
