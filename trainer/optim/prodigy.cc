#include "trainer/optim/prodigy.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace atelier::trainer {
namespace {

constexpr char kFirst[] = "exp_avg";
constexpr char kSecond[] = "exp_avg_sq";
constexpr char kSum[] = "s";
constexpr char kStart[] = "p0";
constexpr char kEstimate[] = "d";
constexpr char kLargestEstimate[] = "d_max";
constexpr char kNumerator[] = "d_numerator";
constexpr char kSteps[] = "steps";

Tensor Scalar(double value) { return torch::full({}, value, torch::kFloat64); }

}  // namespace

Prodigy::Prodigy(std::vector<ParameterGroup> groups,
                 const ProdigyOptions& options)
    : GroupedOptimizer(std::move(groups)), options_(options) {
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

double Prodigy::SharedValue(const char* name) {
  return shared().at(name).item<double>();
}

void Prodigy::SetShared(const char* name, double value) {
  shared().at(name).fill_(value);
}

Prodigy::Estimate Prodigy::CurrentEstimate() {
  Estimate estimate;
  estimate.d = SharedValue(kEstimate);
  estimate.lr = 0;
  for (const ParameterGroup& group : groups()) {
    estimate.lr = std::max(estimate.lr, group.lr);
  }
  estimate.beta3 = options_.beta3.value_or(std::sqrt(options_.beta2));
  estimate.step_size = estimate.d * estimate.lr;
  if (options_.use_bias_correction) {
    const double step = SharedValue(kSteps) + 1;
    estimate.step_size *= std::sqrt(1 - std::pow(options_.beta2, step)) /
                          (1 - std::pow(options_.beta1, step));
  }
  return estimate;
}

void Prodigy::UpdateAll(std::vector<Update>& updates) {
  estimate_ = CurrentEstimate();
  double numerator = 0;
  double denominator = 0;
  for (Update& update : updates) {
    if (update.lr <= 0) continue;
    const auto [above, below] = Accumulate(update, estimate_);
    numerator += above;
    denominator += below;
  }
  SetShared(kNumerator, SharedValue(kNumerator) * estimate_.beta3);
  if (denominator == 0) return;  // every gradient so far was zero
  new_d_ = MoveEstimate(numerator, denominator, estimate_.lr);
  for (Update& update : updates) {
    if (update.lr > 0) UpdateOne(update);
  }
  SetShared(kSteps, SharedValue(kSteps) + 1);
}

std::pair<double, double> Prodigy::Accumulate(Update& update,
                                              const Estimate& estimate) const {
  const ProdigyOptions& o = options_;
  const double d = estimate.d;
  const Tensor weight = update.parameter.to(torch::kFloat32);
  Tensor grad = update.ScaledGrad();
  if (o.weight_decay != 0 && !o.decouple) grad = grad + o.weight_decay * weight;
  const Tensor& start = update.slots.at(kStart);
  const Tensor& sum = update.slots.at(kSum);
  const double numerator = d / o.d0 * estimate.step_size *
                           (grad * (start - weight)).sum().item<double>();
  update.slots.at(kFirst).mul_(o.beta1).add_(grad, d * (1 - o.beta1));
  update.slots.at(kSecond).mul_(o.beta2).addcmul_(grad, grad,
                                                  d * d * (1 - o.beta2));
  const double gain = o.safeguard_warmup ? d : estimate.step_size;
  sum.mul_(estimate.beta3).add_(grad, d / o.d0 * gain);
  return {numerator, sum.abs().sum().item<double>()};
}

double Prodigy::MoveEstimate(double numerator, double denominator, double lr) {
  const double total = SharedValue(kNumerator) + numerator;
  SetShared(kNumerator, total);
  double d = SharedValue(kEstimate);
  if (lr > 0) {
    const double guess = options_.d_coef * total / denominator;
    if (d == options_.d0) d = std::max(d, guess);
    const double largest = std::max(SharedValue(kLargestEstimate), guess);
    SetShared(kLargestEstimate, largest);
    d = std::min(largest, d * options_.growth_rate);
  }
  SetShared(kEstimate, d);
  return d;
}

void Prodigy::UpdateOne(Update& update) {
  const ProdigyOptions& o = options_;
  const double step_size = estimate_.step_size * (update.lr / estimate_.lr);
  Tensor weight = update.parameter.to(torch::kFloat32);
  if (o.decouple) weight = weight * (1 - o.weight_decay * step_size);
  const Tensor denominator =
      update.slots.at(kSecond).sqrt().add_(new_d_ * o.eps);
  update.parameter.copy_(
      weight.addcdiv(update.slots.at(kFirst), denominator, -step_size));
}

}  // namespace atelier::trainer
