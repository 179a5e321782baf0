// Which device a job asks for. Opening a GPU (loading the CUDA side) is
// cuda/cuda_loader.h's.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct DeviceRequest {
  enum class Kind { kAuto, kCpu, kCuda };
  Kind kind = Kind::kAuto;
  int index = 0;  // of the GPU among those visible to the process
};

// `auto` (a GPU where one can be used, else the CPU), `cpu`, `cuda`, `cuda:1`.
//
// Errors: INVALID_ARGUMENT with the forms that exist.
absl::StatusOr<DeviceRequest> ParseDevice(absl::string_view text);

}  // namespace atelier::trainer
