#include "trainer/train/device_choice.h"

#include "proto/cc/status_macros.h"
#include "trainer/tensor/device.h"

namespace atelier::trainer {

absl::StatusOr<torch::Device> ChooseDevice(const std::string& device) {
  ASSIGN_OR_RETURN(const DeviceRequest request,
                   ParseDevice(device.empty() ? "auto" : device));
  if (request.kind == DeviceRequest::Kind::kCuda) {
    return absl::FailedPreconditionError(
        "device is cuda, but this build of the trainer has no CUDA side "
        "(libatelier_cuda.so); use device = \"cpu\"");
  }
  return torch::Device(torch::kCPU);
}

}  // namespace atelier::trainer
