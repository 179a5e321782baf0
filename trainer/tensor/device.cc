#include "trainer/tensor/device.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace atelier::trainer {

absl::StatusOr<DeviceRequest> ParseDevice(absl::string_view text) {
  using Kind = DeviceRequest::Kind;
  constexpr absl::string_view kCudaPrefix = "cuda:";
  if (text == "auto" || text.empty()) return DeviceRequest{Kind::kAuto, 0};
  if (text == "cpu") return DeviceRequest{Kind::kCpu, 0};
  if (text == "cuda") return DeviceRequest{Kind::kCuda, 0};
  int index = 0;
  // 128: more GPUs than any host has; LibTorch keeps the index in eight bits.
  if (absl::StartsWith(text, kCudaPrefix) &&
      absl::SimpleAtoi(text.substr(kCudaPrefix.size()), &index) && index >= 0 &&
      index < 128) {
    return DeviceRequest{Kind::kCuda, index};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("device is '", text,
                   "'; must be auto, cpu, cuda or cuda:N with N below 128"));
}

void MoveModule(torch::nn::Module& module, torch::Device device,
                absl::FunctionRef<bool(const Tensor&)> stays) {
  const torch::NoGradGuard no_grad;
  for (const auto& tensors : {module.parameters(), module.buffers()}) {
    for (const Tensor& tensor : tensors) {
      if (!stays(tensor)) tensor.set_data(tensor.detach().to(device));
    }
  }
}

Tensor SendTo(const Tensor& tensor, torch::Device device) {
  if (device.is_cpu() || !tensor.is_cpu()) return tensor.to(device);
  return tensor.pin_memory().to(device, /*non_blocking=*/true);
}

}  // namespace atelier::trainer
