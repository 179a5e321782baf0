#include "trainer/optim/dadapt_adam.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace atelier::trainer {
namespace {

constexpr char kS[] = "s";
constexpr char kWeightedSum[] = "sum";

double SumOf(const Tensor& tensor) { return tensor.sum().item<double>(); }

}  // namespace

DAdaptAdam::DAdaptAdam(std::vector<ParameterGroup> groups,
                       const DAdaptAdamOptions& options)
    : EstimatingOptimizer(std::move(groups)), options_(options) {
  MakeState();
}

GroupedOptimizer::Slots DAdaptAdam::MakeSlots(const Tensor& parameter) const {
  Slots slots;
  for (const char* name : {kFirst, kSecond, kS}) {
    slots[name] = torch::zeros_like(parameter, torch::kFloat32);
  }
  return slots;
}

GroupedOptimizer::Slots DAdaptAdam::MakeSharedSlots() const {
  return {{kEstimate, torch::full({}, options_.d0, torch::kFloat64)},
          {kWeightedSum, torch::zeros({}, torch::kFloat64)},
          {kSteps, torch::zeros({}, torch::kFloat64)}};
}

void DAdaptAdam::PrepareStep() {
  d_ = SharedValue(kEstimate);
  rate_ = d_ * LargestRate();
  if (!options_.use_bias_correction || options_.preprint) return;
  const double step = SharedValue(kSteps) + 1;
  rate_ *= std::sqrt(1 - std::pow(options_.beta2, step)) /
           (1 - std::pow(options_.beta1, step));
}

EstimatingOptimizer::Sums DAdaptAdam::Accumulate(Update& update) {
  Tensor grad = update.ScaledGrad();
  if (options_.weight_decay != 0 && !options_.decouple) {
    grad = grad + options_.weight_decay * update.parameter.to(torch::kFloat32);
  }
  return options_.preprint ? AccumulatePreprint(update.slots, grad)
                           : AccumulatePublished(update.slots, grad);
}

void DAdaptAdam::AddToMoments(Slots& slots, const Tensor& grad) const {
  const DAdaptAdamOptions& o = options_;
  slots.at(kFirst).mul_(o.beta1).add_(grad, rate_ * (1 - o.beta1));
  slots.at(kSecond).mul_(o.beta2).addcmul_(grad, grad, 1 - o.beta2);
}

EstimatingOptimizer::Sums DAdaptAdam::AccumulatePublished(
    Slots& slots, const Tensor& grad) const {
  const Tensor& s = slots.at(kS);
  const double root = std::sqrt(options_.beta2);
  const Tensor denominator = slots.at(kSecond).sqrt().add_(options_.eps);
  const double product = rate_ * SumOf(grad * (s / denominator));
  AddToMoments(slots, grad);
  s.mul_(root).add_(grad, rate_ * (1 - root));
  return {product, SumOf(s.abs()), 0};
}

EstimatingOptimizer::Sums DAdaptAdam::AccumulatePreprint(
    Slots& slots, const Tensor& grad) const {
  const Tensor& s = slots.at(kS);
  AddToMoments(slots, grad);
  const Tensor denominator = slots.at(kSecond).sqrt().add_(options_.eps);
  s.mul_(options_.beta2).add_(grad, rate_ * (1 - options_.beta2));
  return {SumOf(grad * grad / denominator), SumOf(s.abs()),
          SumOf(s * s / denominator)};
}

bool DAdaptAdam::MoveEstimate(const Sums& total) {
  if (total[1] == 0) return false;  // every gradient so far was zero
  const double before = SharedValue(kWeightedSum);
  double guess = d_;
  if (options_.preprint) {
    const double beta = options_.beta2;
    const double sum = beta * before + total[0] * rate_ * rate_ * (1 - beta);
    SetShared(kWeightedSum, sum);
    guess = (total[2] / (1 - beta) - sum) / total[1];
  } else {
    const double root = std::sqrt(options_.beta2);
    const double sum = root * before + (1 - root) * total[0];
    SetShared(kWeightedSum, sum);
    guess = sum / ((1 - root) * total[1]);
  }
  if (rate_ > 0) {
    d_ = std::max(d_, std::min(guess, d_ * options_.growth_rate));
  }
  SetShared(kEstimate, d_);
  SetShared(kSteps, SharedValue(kSteps) + 1);
  return true;
}

void DAdaptAdam::Apply(const Taken& taken) {
  Tensor weight = taken.parameter.to(torch::kFloat32);
  if (options_.decouple) {
    weight = weight * (1 - options_.weight_decay * rate_);
  }
  const Tensor denominator = taken.slots->at(kSecond).sqrt().add_(options_.eps);
  StoreWeight(taken.parameter,
              weight.addcdiv(taken.slots->at(kFirst), denominator, -1),
              taken.rounding_key);
}

}  // namespace atelier::trainer
