#include "trainer/optim/adamw.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <utility>

#include "trainer/optim/adamw_kernel.h"

namespace atelier::trainer {
namespace {

constexpr char kExpAvg[] = "exp_avg";
constexpr char kExpAvgSq[] = "exp_avg_sq";
constexpr int64_t kGrain = 1 << 15;  // elements that are worth a thread

bool IsFlatOnCpu(const Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.is_non_overlapping_and_dense();
}

// The gradient in the memory order of the parameter, as fp32 or bf16.
Tensor InOrderOf(const Tensor& parameter, const Tensor& grad) {
  const bool is_readable = grad.scalar_type() == torch::kFloat32 ||
                           grad.scalar_type() == torch::kBFloat16;
  if (is_readable && grad.strides() == parameter.strides()) return grad;
  return torch::empty_like(parameter).copy_(grad);
}

}  // namespace

AdamW::AdamW(std::vector<ParameterGroup> groups, const AdamWOptions& options)
    : GroupedOptimizer(std::move(groups)), options_(options) {
  MakeState();
}

GroupedOptimizer::Slots AdamW::MakeSlots(const Tensor& parameter) const {
  const auto like = parameter.options().dtype(torch::kFloat32);
  return {{kExpAvg, torch::zeros_like(parameter, like)},
          {kExpAvgSq, torch::zeros_like(parameter, like)}};
}

void AdamW::UpdateOne(Update& update) {
  const Tensor& parameter = update.parameter;
  if (!IsFlatOnCpu(parameter) || parameter.scalar_type() != torch::kFloat32) {
    return UpdateWithOperators(update);
  }
  AdamWFactors factors =
      MakeAdamWFactors(update.lr, options_.beta1, options_.beta2, options_.eps,
                       options_.weight_decay, static_cast<double>(update.step));
  factors.grad_scale = static_cast<float>(update.grad_scale);
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
