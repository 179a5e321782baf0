#include "trainer/optim/adamw.h"

#include <utility>

namespace atelier::trainer {

AdamW::AdamW(std::vector<ParameterGroup> groups, const AdamWOptions& options,
             const CudaApi* kernels)
    : ElementOptimizer(std::move(groups), UpdateRule::kAdamW,
                       {"exp_avg", "exp_avg_sq"}, options.state_bits, kernels),
      options_(options) {
  MakeState();
}

ElementUpdate::Factors AdamW::FactorsOf(Update& update) const {
  ElementUpdate::Factors factors;
  factors.adamw =
      MakeAdamWFactors(update.lr, options_.beta1, options_.beta2, options_.eps,
                       options_.weight_decay, static_cast<double>(update.step));
  return factors;
}

}  // namespace atelier::trainer
