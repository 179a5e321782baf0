// Stochastic gradient descent with momentum; weight decay is added to the
// gradient. With Nesterov's momentum and the numbers of torch.optim.SGD, or
// with its state in 8 bits and plain momentum: bitsandbytes' SGD8bit takes
// `nesterov` and does not heed it, and runs are to come out as with it.
//
// State of a parameter: momentum, step.
//
// Source: Sutskever et al., "On the importance of initialization and momentum
// in deep learning", 2013.
#pragma once

#include <vector>

#include "trainer/optim/element_optimizer.h"

namespace atelier::trainer {

struct SgdNesterovOptions {
  double momentum = 0.9;
  double weight_decay = 0;
  bool nesterov = true;
  ElementOptimizer::StateBits state_bits =
      ElementOptimizer::StateBits::kAsWeight;
};

class SgdNesterov : public ElementOptimizer {
 public:
  // `kernels` as ElementRunner has them.
  SgdNesterov(std::vector<ParameterGroup> groups,
              const SgdNesterovOptions& options,
              const CudaApi* kernels = nullptr);

 private:
  ElementUpdate::Factors FactorsOf(Update& update) const override;

  SgdNesterovOptions options_;
};

}  // namespace atelier::trainer
