#include "trainer/optim/sgd_nesterov.h"

#include <utility>

namespace atelier::trainer {

SgdNesterov::SgdNesterov(std::vector<ParameterGroup> groups,
                         const SgdNesterovOptions& options)
    : GroupedOptimizer(std::move(groups)), options_(options) {
  MakeState();
}

GroupedOptimizer::Slots SgdNesterov::MakeSlots(const Tensor& parameter) const {
  return {{"momentum", torch::zeros_like(parameter, torch::kFloat32)}};
}

void SgdNesterov::UpdateOne(Update& update) {
  const Tensor weight = update.parameter.to(torch::kFloat32);
  const Tensor grad = update.ScaledGrad() + options_.weight_decay * weight;
  const Tensor& momentum = update.slots.at("momentum");
  momentum.mul_(options_.momentum).add_(grad);
  const Tensor step = grad + options_.momentum * momentum;
  update.parameter.copy_(weight - update.lr * step);
}

}  // namespace atelier::trainer
