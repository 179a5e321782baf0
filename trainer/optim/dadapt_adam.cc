#include "trainer/optim/dadapt_adam.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace atelier::trainer {
namespace {

constexpr char kWeightedSum[] = "sum";

}  // namespace

DAdaptAdam::DAdaptAdam(std::vector<ParameterGroup> groups,
                       const DAdaptAdamOptions& options)
    : EstimatingOptimizer(std::move(groups), options.preprint
                                                 ? EstimateRule::kDAdaptPreprint
                                                 : EstimateRule::kDAdapt),
      options_(options) {
  MakeState();
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

EstimateFactors DAdaptAdam::GradientFactors() const {
  const DAdaptAdamOptions& o = options_;
  const double sum_decay = o.preprint ? o.beta2 : std::sqrt(o.beta2);
  EstimateFactors factors{};
  factors.weight_decay = o.decouple ? 0.0f : static_cast<float>(o.weight_decay);
  factors.beta1 = static_cast<float>(o.beta1);
  factors.first_gain = static_cast<float>(rate_ * (1 - o.beta1));
  factors.beta2 = static_cast<float>(o.beta2);
  factors.second_gain = static_cast<float>(1 - o.beta2);
  factors.sum_decay = static_cast<float>(sum_decay);
  factors.sum_gain = static_cast<float>(rate_ * (1 - sum_decay));
  factors.eps = static_cast<float>(o.eps);
  return factors;
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
    const double sum = root * before + (1 - root) * rate_ * total[0];
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

EstimatedStepFactors DAdaptAdam::StepFactors(double /*lr*/) const {
  const DAdaptAdamOptions& o = options_;
  const double decay = o.decouple ? 1 - o.weight_decay * rate_ : 1;
  return {static_cast<float>(decay), 1.0f, static_cast<float>(o.eps)};
}

}  // namespace atelier::trainer
