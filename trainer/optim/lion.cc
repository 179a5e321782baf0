#include "trainer/optim/lion.h"

#include <utility>

namespace atelier::trainer {

Lion::Lion(std::vector<ParameterGroup> groups, const LionOptions& options)
    : GroupedOptimizer(std::move(groups)), options_(options) {
  MakeState();
}

GroupedOptimizer::Slots Lion::MakeSlots(const Tensor& parameter) const {
  return {{"exp_avg", torch::zeros_like(parameter, torch::kFloat32)}};
}

void Lion::UpdateOne(Update& update) {
  const LionOptions& o = options_;
  const Tensor grad = update.ScaledGrad();
  const Tensor& exp_avg = update.slots.at("exp_avg");
  const Tensor direction = (exp_avg * o.beta1 + grad * (1 - o.beta1)).sign_();
  const Tensor weight =
      update.parameter.to(torch::kFloat32) * (1 - update.lr * o.weight_decay);
  update.parameter.copy_(weight - update.lr * direction);
  exp_avg.mul_(o.beta2).add_(grad, 1 - o.beta2);
}

}  // namespace atelier::trainer
