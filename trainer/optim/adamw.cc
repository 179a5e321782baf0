#include "trainer/optim/adamw.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "trainer/cuda/cuda_loader.h"
#include "trainer/cuda/fused_adamw.h"
#include "trainer/optim/adamw_kernel.h"

namespace atelier::trainer {
namespace {

constexpr char kExpAvg[] = "exp_avg";
constexpr char kExpAvgSq[] = "exp_avg_sq";
constexpr int64_t kGrain = 1 << 15;  // elements that are worth a thread

bool IsReadable(const Tensor& grad) {
  return grad.scalar_type() == torch::kFloat32 ||
         grad.scalar_type() == torch::kBFloat16;
}

// The gradient in the memory order of the parameter, as fp32 or bf16.
Tensor InOrderOf(const Tensor& parameter, const Tensor& grad) {
  if (IsReadable(grad) && grad.strides() == parameter.strides()) return grad;
  return torch::empty_like(parameter).copy_(grad);
}

}  // namespace

AdamW::AdamW(std::vector<ParameterGroup> groups, const AdamWOptions& options,
             const CudaApi* kernels)
    : GroupedOptimizer(std::move(groups)),
      options_(options),
      kernels_(kernels) {
  FindKernels();
  MakeState();
}

void AdamW::FindKernels() {
  bool is_on_gpu = false;
  for (const ParameterGroup& group : this->groups()) {
    for (const NamedParameter& named : group.parameters) {
      is_on_gpu = is_on_gpu || named.parameter.is_cuda();
    }
  }
  if (is_on_gpu && kernels_ == nullptr) {
    const absl::StatusOr<const CudaApi*> loaded = LoadCuda();
    if (!loaded.ok()) {
      description_ = absl::StrCat("AdamW runs through LibTorch's operators: ",
                                  std::string(loaded.status().message()));
      return;
    }
    kernels_ = *loaded;
  }
  if (is_on_gpu) description_ = "AdamW updates GPU weights in fused launches";
}

GroupedOptimizer::Slots AdamW::MakeSlots(const Tensor& parameter) const {
  const auto like = parameter.options().dtype(torch::kFloat32);
  return {{kExpAvg, torch::zeros_like(parameter, like)},
          {kExpAvgSq, torch::zeros_like(parameter, like)}};
}

AdamWFactors AdamW::FactorsOf(const Update& update) const {
  AdamWFactors factors =
      MakeAdamWFactors(update.lr, options_.beta1, options_.beta2, options_.eps,
                       options_.weight_decay, static_cast<double>(update.step));
  factors.grad_scale = static_cast<float>(update.grad_scale);
  return factors;
}

bool AdamW::FitsKernel(const Update& update) const {
  return kernels_ != nullptr && !update.parameter.is_cpu() &&
         update.parameter.scalar_type() == torch::kFloat32 &&
         update.parameter.is_non_overlapping_and_dense() &&
         IsReadable(update.grad);
}

void AdamW::UpdateAll(std::vector<Update>& updates) {
  std::map<c10::DeviceIndex, std::vector<Update*>> by_device;
  for (Update& update : updates) {
    if (FitsKernel(update)) {
      by_device[update.parameter.device().index()].push_back(&update);
    } else {
      UpdateOne(update);
    }
  }
  for (const auto& [device, taken] : by_device) UpdateOnDevice(taken);
}

void AdamW::UpdateOnDevice(const std::vector<Update*>& updates) const {
  std::vector<FusedAdamWItem> items;
  for (const Update* update : updates) {
    items.push_back({update->parameter, update->slots.at(kExpAvg),
                     update->slots.at(kExpAvgSq), update->grad,
                     FactorsOf(*update)});
  }
  StepFusedAdamW(*kernels_, items);
}

void AdamW::UpdateOne(Update& update) {
  const Tensor& parameter = update.parameter;
  if (!parameter.is_cpu() || !parameter.is_non_overlapping_and_dense() ||
      parameter.scalar_type() != torch::kFloat32) {
    return UpdateWithOperators(update);
  }
  const AdamWFactors factors = FactorsOf(update);
  const Tensor grad = InOrderOf(parameter, update.grad);
  const bool is_bf16 = grad.scalar_type() == torch::kBFloat16;
  const void* grad_data = grad.const_data_ptr();
  AdamWRange whole = {parameter.data_ptr<float>(),
                      update.slots.at(kExpAvg).data_ptr<float>(),
                      update.slots.at(kExpAvgSq).data_ptr<float>(), 0, 0};
  at::parallel_for(
      0, parameter.numel(), kGrain, [&](int64_t begin, int64_t end) {
        AdamWRange range = whole;
        range.begin = begin;
        range.end = end;
        if (is_bf16) {
          AdamWUpdate(factors, range, static_cast<const uint16_t*>(grad_data));
        } else {
          AdamWUpdate(factors, range, static_cast<const float*>(grad_data));
        }
      });
}

void AdamW::UpdateWithOperators(Update& update) const {
  const AdamWOptions& o = options_;
  const double step = static_cast<double>(update.step);
  const Tensor grad = update.ScaledGrad();
  const Tensor& exp_avg = update.slots.at(kExpAvg);
  const Tensor& exp_avg_sq = update.slots.at(kExpAvgSq);
  exp_avg.lerp_(grad, 1 - o.beta1);
  exp_avg_sq.mul_(o.beta2).addcmul_(grad, grad, 1 - o.beta2);
  const double correction1 = 1 - std::pow(o.beta1, step);
  const double correction2 = 1 - std::pow(o.beta2, step);
  const Tensor denominator =
      (exp_avg_sq.sqrt() / std::sqrt(correction2)).add_(o.eps);
  const Tensor weight =
      update.parameter.to(torch::kFloat32) * (1 - update.lr * o.weight_decay);
  update.parameter.copy_(
      weight.addcdiv(exp_avg, denominator, -update.lr / correction1));
}

}  // namespace atelier::trainer
