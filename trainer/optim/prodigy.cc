#include "trainer/optim/prodigy.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace atelier::trainer {
namespace {

constexpr char kSum[] = "s";
constexpr char kStart[] = "p0";
constexpr char kLargestEstimate[] = "d_max";
constexpr char kNumerator[] = "d_numerator";

Tensor Scalar(double value) { return torch::full({}, value, torch::kFloat64); }

}  // namespace

Prodigy::Prodigy(std::vector<ParameterGroup> groups,
                 const ProdigyOptions& options)
    : EstimatingOptimizer(std::move(groups)), options_(options) {
  MakeState();
}

GroupedOptimizer::Slots Prodigy::MakeSlots(const Tensor& parameter) const {
  const auto zeros = [&] {
    return torch::zeros_like(parameter, torch::kFloat32);
  };
  return {{kFirst, zeros()},
          {kSecond, zeros()},
          {kSum, zeros()},
          {kStart, zeros().copy_(parameter)}};
}

GroupedOptimizer::Slots Prodigy::MakeSharedSlots() const {
  return {{kEstimate, Scalar(options_.d0)},
          {kLargestEstimate, Scalar(options_.d0)},
          {kNumerator, Scalar(0)},
          {kSteps, Scalar(0)}};
}

void Prodigy::PrepareStep() {
  estimate_.d = SharedValue(kEstimate);
  estimate_.lr = LargestRate();
  estimate_.beta3 = options_.beta3.value_or(std::sqrt(options_.beta2));
  estimate_.step_size = estimate_.d * estimate_.lr;
  if (!options_.use_bias_correction) return;
  const double step = SharedValue(kSteps) + 1;
  estimate_.step_size *= std::sqrt(1 - std::pow(options_.beta2, step)) /
                         (1 - std::pow(options_.beta1, step));
}

EstimatingOptimizer::Sums Prodigy::Accumulate(Update& update) {
  const ProdigyOptions& o = options_;
  const double d = estimate_.d;
  const Tensor weight = update.parameter.to(torch::kFloat32);
  Tensor grad = update.ScaledGrad();
  if (o.weight_decay != 0 && !o.decouple) grad = grad + o.weight_decay * weight;
  const Tensor& start = update.slots.at(kStart);
  const Tensor& sum = update.slots.at(kSum);
  const double numerator = d / o.d0 * estimate_.step_size *
                           (grad * (start - weight)).sum().item<double>();
  update.slots.at(kFirst).mul_(o.beta1).add_(grad, d * (1 - o.beta1));
  update.slots.at(kSecond).mul_(o.beta2).addcmul_(grad, grad,
                                                  d * d * (1 - o.beta2));
  const double gain = o.safeguard_warmup ? d : estimate_.step_size;
  sum.mul_(estimate_.beta3).add_(grad, d / o.d0 * gain);
  return {numerator, sum.abs().sum().item<double>(), 0};
}

bool Prodigy::MoveEstimate(const Sums& total) {
  const double decayed = SharedValue(kNumerator) * estimate_.beta3;
  SetShared(kNumerator, decayed);
  if (total[1] == 0) return false;  // every gradient so far was zero
  const double numerator = decayed + total[0];
  SetShared(kNumerator, numerator);
  new_d_ = estimate_.d;
  if (estimate_.lr > 0) {
    const double guess = options_.d_coef * numerator / total[1];
    if (new_d_ == options_.d0) new_d_ = std::max(new_d_, guess);
    const double largest = std::max(SharedValue(kLargestEstimate), guess);
    SetShared(kLargestEstimate, largest);
    new_d_ = std::min(largest, new_d_ * options_.growth_rate);
  }
  SetShared(kEstimate, new_d_);
  SetShared(kSteps, SharedValue(kSteps) + 1);
  return true;
}

void Prodigy::Apply(const Taken& taken) {
  const ProdigyOptions& o = options_;
  const double step_size = estimate_.step_size * (taken.lr / estimate_.lr);
  Tensor weight = taken.parameter.to(torch::kFloat32);
  if (o.decouple) weight = weight * (1 - o.weight_decay * step_size);
  const Tensor denominator =
      taken.slots->at(kSecond).sqrt().add_(new_d_ * o.eps);
  StoreWeight(taken.parameter,
              weight.addcdiv(taken.slots->at(kFirst), denominator, -step_size),
              taken.rounding_key);
}

}  // namespace atelier::trainer
