#include "trainer/optim/lion.h"

#include <utility>

namespace atelier::trainer {

Lion::Lion(std::vector<ParameterGroup> groups, const LionOptions& options,
           const CudaApi* kernels)
    : ElementOptimizer(std::move(groups), UpdateRule::kLion, {"exp_avg"},
                       options.state_bits, kernels),
      options_(options) {
  MakeState();
}

ElementUpdate::Factors Lion::FactorsOf(Update& update) const {
  ElementUpdate::Factors factors;
  factors.lion = MakeLionFactors(update.lr, options_.beta1, options_.beta2,
                                 options_.weight_decay);
  return factors;
}

}  // namespace atelier::trainer
