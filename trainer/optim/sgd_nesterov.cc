#include "trainer/optim/sgd_nesterov.h"

#include <utility>

namespace atelier::trainer {

SgdNesterov::SgdNesterov(std::vector<ParameterGroup> groups,
                         const SgdNesterovOptions& options,
                         const CudaApi* kernels)
    : ElementOptimizer(std::move(groups), UpdateRule::kMomentum, {"momentum"},
                       options.state_bits, kernels),
      options_(options) {
  MakeState();
}

ElementUpdate::Factors SgdNesterov::FactorsOf(Update& update) const {
  ElementUpdate::Factors factors;
  factors.momentum = MakeMomentumFactors(
      update.lr, options_.momentum, options_.weight_decay, options_.nesterov);
  return factors;
}

}  // namespace atelier::trainer
