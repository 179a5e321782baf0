#include "trainer/optim/prodigy.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace atelier::trainer {
namespace {

constexpr char kLargestEstimate[] = "d_max";
constexpr char kNumerator[] = "d_numerator";

Tensor Scalar(double value) { return torch::full({}, value, torch::kFloat64); }

}  // namespace

Prodigy::Prodigy(std::vector<ParameterGroup> groups,
                 const ProdigyOptions& options)
    : EstimatingOptimizer(std::move(groups), EstimateRule::kProdigy),
      options_(options) {
  MakeState();
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

EstimateFactors Prodigy::GradientFactors() const {
  const ProdigyOptions& o = options_;
  const double d = estimate_.d;
  const double gain = o.safeguard_warmup ? d : estimate_.step_size;
  EstimateFactors factors{};
  factors.weight_decay = o.decouple ? 0.0f : static_cast<float>(o.weight_decay);
  factors.beta1 = static_cast<float>(o.beta1);
  factors.first_gain = static_cast<float>(d * (1 - o.beta1));
  factors.beta2 = static_cast<float>(o.beta2);
  factors.second_gain = static_cast<float>(d * d * (1 - o.beta2));
  factors.sum_decay = static_cast<float>(estimate_.beta3);
  factors.sum_gain = static_cast<float>(d / o.d0 * gain);
  return factors;
}

bool Prodigy::MoveEstimate(const Sums& total) {
  const double decayed = SharedValue(kNumerator) * estimate_.beta3;
  SetShared(kNumerator, decayed);
  if (total[1] == 0) return false;  // every gradient so far was zero
  const double numerator =
      decayed + estimate_.d / options_.d0 * estimate_.step_size * total[0];
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

EstimatedStepFactors Prodigy::StepFactors(double lr) const {
  const ProdigyOptions& o = options_;
  const double step_size = estimate_.step_size * (lr / estimate_.lr);
  const double decay = o.decouple ? 1 - o.weight_decay * step_size : 1;
  return {static_cast<float>(decay), static_cast<float>(step_size),
          static_cast<float>(new_d_ * o.eps)};
}

}  // namespace atelier::trainer
