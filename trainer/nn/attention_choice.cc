// The conditions are those of LibTorch 2.11: aten/src/ATen/native/transformers,
// cuda/sdp_utils.cpp for GPUs and sdp_utils_cpp.cpp for the CPU.
#include "trainer/nn/attention_choice.h"

#include <ATen/Context.h>

#include <sstream>

namespace atelier::trainer {
namespace {

constexpr int64_t kWidestFlashHead = 256;
constexpr int kOldestFlashGpu = 80;  // Ampere

bool IsHalf(torch::ScalarType dtype) {
  return dtype == torch::kHalf || dtype == torch::kBFloat16;
}

std::string NameOf(torch::ScalarType dtype) {
  std::ostringstream name;
  name << dtype;
  return name.str();
}

// Why a GPU's flash attention cannot run; empty: it can.
std::string WhyNoFlash(const AttentionRequest& request,
                       torch::ScalarType dtype) {
  if (!IsHalf(dtype)) {
    return "flash attention takes fp16 or bf16, and attention runs in " +
           NameOf(dtype) + "; set mixed_precision to bf16";
  }
  if (request.has_mask) {
    return "flash attention takes no mask, and this model hides tokens with "
           "one";
  }
  if (request.head_dim > kWidestFlashHead) {
    return "flash attention takes heads of up to 256 channels, and these "
           "have " +
           std::to_string(request.head_dim);
  }
  if (request.compute_capability != 0 &&
      request.compute_capability < kOldestFlashGpu) {
    return "flash attention needs a GPU of compute capability 8.0 or newer";
  }
  return "";
}

void Switch(bool cudnn) {
  auto& context = at::globalContext();
  context.setSDPUseFlash(true);
  context.setSDPUseMemEfficient(true);
  context.setSDPUseMath(true);
  context.setSDPUseCuDNN(cudnn);
}

AttentionChoice ChooseOnCpu(const AttentionRequest& request) {
  AttentionChoice choice{"LibTorch's flash attention for CPUs", ""};
  if (request.use_flash_attn && !request.sdpa) {
    choice.reason =
        "use_flash_attn means a GPU's kernel; the CPU has its own, which takes "
        "every number format and masks too";
  }
  return choice;
}

}  // namespace

AttentionChoice ChooseAttention(const AttentionRequest& request,
                                torch::Device device, torch::ScalarType dtype) {
  const bool wants_flash = request.use_flash_attn && !request.sdpa;
  Switch(/*cudnn=*/!wants_flash);
  if (device.is_cpu()) return ChooseOnCpu(request);
  if (!device.is_cuda()) {
    return {"attention out of single operators",
            "LibTorch has no fused kernel for this device"};
  }
  const std::string why_not = WhyNoFlash(request, dtype);
  if (wants_flash && why_not.empty()) return {"flash attention", ""};
  if (wants_flash) return {"memory-efficient attention", why_not};
  AttentionChoice choice{
      "LibTorch's choice of flash, cuDNN and memory-efficient attention", ""};
  if (!IsHalf(dtype)) {
    choice = {"memory-efficient attention",
              "the only fused kernel for " + NameOf(dtype)};
  }
  if (request.sdpa && request.use_flash_attn) {
    choice.reason = "sdpa is given, which wins over use_flash_attn";
  }
  return choice;
}

}  // namespace atelier::trainer
