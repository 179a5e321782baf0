// Lion: steps of one size in the direction of the sign of a momentum, with its
// state as it is or in 8 bits.
//
// State of a parameter: exp_avg, step.
//
// Source: Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023,
// algorithm 2; numbers of lion-pytorch and bitsandbytes.
#pragma once

#include <vector>

#include "trainer/optim/element_optimizer.h"

namespace atelier::trainer {

struct LionOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;
  ElementOptimizer::StateBits state_bits =
      ElementOptimizer::StateBits::kAsWeight;
};

class Lion : public ElementOptimizer {
 public:
  // `kernels` as ElementRunner has them.
  Lion(std::vector<ParameterGroup> groups, const LionOptions& options,
       const CudaApi* kernels = nullptr);

 private:
  ElementUpdate::Factors FactorsOf(Update& update) const override;

  LionOptions options_;
};

}  // namespace atelier::trainer
