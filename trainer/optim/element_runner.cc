#include "trainer/optim/element_runner.h"

#include <ATen/Parallel.h>

#include <map>

#include "absl/strings/str_cat.h"

#include "trainer/cuda/cuda_loader.h"
#include "trainer/optim/element/block_quantisation.h"
#include "trainer/optim/element/element_loop.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements that are worth a thread

void CheckState(const ElementItem& item, size_t i) {
  const Tensor& state = item.state[i];
  TORCH_CHECK(state.sizes() == item.weight.sizes() &&
                  state.strides() == item.weight.strides(),
              "optimizer: a state must have its weight's shape and order");
  TORCH_CHECK(state.device() == item.weight.device(),
              "optimizer: a state must be on its weight's device");
  TORCH_CHECK(
      state.scalar_type() == item.state[0].scalar_type(),
      "optimizer: the states of a weight must have one format of numbers");
}

// `grad` is in the weight's order and on its device.
ElementUpdate ToUpdate(const ElementItem& item, const Tensor& grad) {
  TORCH_CHECK(item.weight.is_non_overlapping_and_dense(),
              "optimizer: a weight's memory has gaps");
  TORCH_CHECK(grad.sizes() == item.weight.sizes(),
              "optimizer: a gradient must have its weight's shape");
  ElementUpdate update{};
  update.weight = item.weight.data_ptr();
  update.grad = grad.const_data_ptr();
  update.elements = item.weight.numel();
  update.rounding_key = item.rounding_key;
  update.rule = item.rule;
  update.weight_format = FormatOf(item.weight);
  update.grad_format = FormatOf(grad);
  update.state_format = NumberFormat::kFloat32;
  update.factors = item.factors;
  for (size_t i = 0; i < item.state.size() && item.state[i].defined(); ++i) {
    CheckState(item, i);
    update.state[i] = item.state[i].data_ptr();
    update.state_format = FormatOf(item.state[i]);
    if (item.absmax[i].defined()) {
      update.absmax[i] = item.absmax[i].data_ptr<float>();
    }
  }
  return update;
}

void RunOnCpu(const ElementItem& item) {
  const Tensor grad = InOrderOf(item.weight, item.grad);
  const ElementUpdate update = ToUpdate(item, grad);
  const int64_t blocks =
      (update.elements + kQuantisationBlock - 1) / kQuantisationBlock;
  at::parallel_for(
      0, blocks, kGrain / kQuantisationBlock, [&](int64_t begin, int64_t end) {
        RunElements(update, begin * kQuantisationBlock,
                    std::min(end * kQuantisationBlock, update.elements));
      });
}

// Dense copies in host memory, updated and copied back.
void RunThroughCopies(const ElementItem& item) {
  const auto copy_of = [](const Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    return torch::empty_like(tensor, tensor.options().device(torch::kCPU))
        .copy_(tensor);
  };
  ElementItem copy = item;
  copy.weight = copy_of(item.weight);
  copy.grad = copy_of(item.grad);
  for (size_t i = 0; i < item.state.size(); ++i) {
    copy.state[i] = copy_of(item.state[i]);
    copy.absmax[i] = copy_of(item.absmax[i]);
  }
  RunOnCpu(copy);
  const auto copy_back = [](const Tensor& to, const Tensor& from) {
    if (to.defined()) Tensor(to).copy_(from);
  };
  copy_back(item.weight, copy.weight);
  for (size_t i = 0; i < item.state.size(); ++i) {
    copy_back(item.state[i], copy.state[i]);
    copy_back(item.absmax[i], copy.absmax[i]);
  }
}

}  // namespace

NumberFormat FormatOf(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat32:
      return NumberFormat::kFloat32;
    case torch::kBFloat16:
      return NumberFormat::kBfloat16;
    case torch::kHalf:
      return NumberFormat::kFloat16;
    case torch::kUInt8:
      return NumberFormat::kBlocks8;
    default:
      TORCH_CHECK(false, "optimizer: cannot update numbers of type ",
                  tensor.scalar_type());
  }
}

Tensor InOrderOf(const Tensor& weight, const Tensor& grad) {
  if (grad.strides() == weight.strides() && grad.device() == weight.device()) {
    return grad;
  }
  return torch::empty_like(weight, grad.scalar_type()).copy_(grad);
}

ElementRunner::ElementRunner(const std::vector<ParameterGroup>& groups,
                             const CudaApi* kernels)
    : kernels_(kernels) {
  bool is_on_gpu = false;
  for (const ParameterGroup& group : groups) {
    for (const NamedParameter& named : group.parameters) {
      is_on_gpu = is_on_gpu || named.parameter.is_cuda();
    }
  }
  if (!is_on_gpu) return;
  if (kernels_ == nullptr) {
    const absl::StatusOr<const CudaApi*> loaded = LoadCuda();
    if (!loaded.ok()) {
      description_ = absl::StrCat("GPU weights are updated on the CPU: ",
                                  std::string(loaded.status().message()));
      return;
    }
    kernels_ = *loaded;
  }
  description_ = "GPU weights are updated in fused launches";
}

void ElementRunner::Run(const std::vector<ElementItem>& items) const {
  std::map<c10::DeviceIndex, std::vector<const ElementItem*>> by_device;
  for (const ElementItem& item : items) {
    if (!item.weight.is_non_overlapping_and_dense() ||
        (!item.weight.is_cpu() && kernels_ == nullptr)) {
      RunThroughCopies(item);
    } else if (item.weight.is_cpu()) {
      RunOnCpu(item);
    } else {
      by_device[item.weight.device().index()].push_back(&item);
    }
  }
  for (const auto& [device, taken] : by_device) RunOnDevice(taken);
}

void ElementRunner::RunOnDevice(
    const std::vector<const ElementItem*>& items) const {
  const torch::Device device = items[0]->weight.device();
  std::vector<Tensor> grads;  // until the launch
  std::vector<ElementUpdate> updates;
  for (const ElementItem* item : items) {
    grads.push_back(InOrderOf(item->weight, item->grad));
    updates.push_back(ToUpdate(*item, grads.back()));
  }
  const int index = device.has_index() ? device.index() : 0;
  const int error = kernels_->update(index, updates.data(),
                                     static_cast<int64_t>(updates.size()),
                                     kernels_->current_stream(index));
  TORCH_CHECK(error == 0, "optimizer on ", device, ": ",
              kernels_->error_text(error));
}

}  // namespace atelier::trainer
