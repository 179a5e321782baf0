#include "trainer/cuda/fused_adamw.h"

namespace atelier::trainer {
namespace {

// The gradient in the weight's order in memory. Kept alive by the caller until
// the launch.
Tensor InWeightOrder(const FusedAdamWItem& item) {
  if (item.grad.strides() == item.weight.strides()) return item.grad;
  return torch::empty_like(item.weight, item.grad.scalar_type())
      .copy_(item.grad);
}

void CheckItem(const FusedAdamWItem& item, torch::Device device) {
  TORCH_CHECK(item.weight.is_non_overlapping_and_dense(),
              "AdamW: a weight's memory has gaps");
  for (const Tensor* tensor : {&item.weight, &item.exp_avg, &item.exp_avg_sq}) {
    TORCH_CHECK(tensor->scalar_type() == torch::kFloat32 &&
                    tensor->sizes() == item.weight.sizes() &&
                    tensor->strides() == item.weight.strides(),
                "AdamW: weight and state must be fp32, of one shape and order");
    TORCH_CHECK(tensor->device() == device,
                "AdamW: tensors of one step must be on one device");
  }
  TORCH_CHECK(
      item.grad.device() == device && item.grad.sizes() == item.weight.sizes(),
      "AdamW: a gradient must have its weight's shape and device");
  TORCH_CHECK(item.grad.scalar_type() == torch::kFloat32 ||
                  item.grad.scalar_type() == torch::kBFloat16,
              "AdamW: gradients must be fp32 or bf16, got ",
              item.grad.scalar_type());
}

}  // namespace

void StepFusedAdamW(const CudaApi& api,
                    const std::vector<FusedAdamWItem>& items) {
  if (items.empty()) return;
  const torch::Device device = items[0].weight.device();
  std::vector<Tensor> grads;
  std::vector<CudaAdamWTensor> tensors;
  for (const FusedAdamWItem& item : items) {
    CheckItem(item, device);
    grads.push_back(InWeightOrder(item));
    const Tensor& grad = grads.back();
    tensors.push_back(
        {item.weight.data_ptr<float>(), item.exp_avg.data_ptr<float>(),
         item.exp_avg_sq.data_ptr<float>(), grad.const_data_ptr(),
         grad.scalar_type() == torch::kBFloat16 ? CudaGradType::kBfloat16
                                                : CudaGradType::kFloat32,
         item.weight.numel(), item.factors});
  }
  const int index = device.has_index() ? device.index() : 0;
  const int error =
      api.adamw(index, tensors.data(), static_cast<int64_t>(tensors.size()),
                api.current_stream(index));
  TORCH_CHECK(error == 0, "AdamW on ", device, ": ", api.error_text(error));
}

}  // namespace atelier::trainer
