// AdamW with the numbers of torch.optim.AdamW, and with its state in 8 bits as
// bitsandbytes has it.
//
// State of a parameter: exp_avg, exp_avg_sq, step.
//
// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
#pragma once

#include <vector>

#include "trainer/optim/element_optimizer.h"

namespace atelier::trainer {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
  ElementOptimizer::StateBits state_bits =
      ElementOptimizer::StateBits::kAsWeight;
};

class AdamW : public ElementOptimizer {
 public:
  // `kernels` as ElementRunner has them.
  AdamW(std::vector<ParameterGroup> groups, const AdamWOptions& options,
        const CudaApi* kernels = nullptr);

 private:
  ElementUpdate::Factors FactorsOf(Update& update) const override;

  AdamWOptions options_;
};

}  // namespace atelier::trainer
