// Which device a job asks for. Opening a GPU (loading the CUDA side) is
// cuda/cuda_loader.h's.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
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

// Moves a module's parameters and buffers one by one, but for those that stay
// where they are. They remain the same objects, so that whoever holds one (an
// optimizer, another module) sees it move.
void MoveModule(
    torch::nn::Module& module, torch::Device device,
    absl::FunctionRef<bool(const Tensor&)> stays = [](const Tensor&) {
      return false;
    });

// The tensor on `device`, on its way there when this returns: it goes through
// pinned memory, and so the host does not wait for the device as Tensor::to
// does.
Tensor SendTo(const Tensor& tensor, torch::Device device);

}  // namespace atelier::trainer
