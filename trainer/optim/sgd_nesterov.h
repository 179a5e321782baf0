// Stochastic gradient descent with Nesterov momentum and the numbers of
// torch.optim.SGD; weight decay is added to the gradient.
//
// State of a parameter: momentum (fp32), step.
//
// Source: Sutskever et al., "On the importance of initialization and momentum
// in deep learning", 2013.
#pragma once

#include <vector>

#include "trainer/optim/grouped_optimizer.h"

namespace atelier::trainer {

struct SgdNesterovOptions {
  double momentum = 0.9;
  double weight_decay = 0;
};

class SgdNesterov : public GroupedOptimizer {
 public:
  SgdNesterov(std::vector<ParameterGroup> groups,
              const SgdNesterovOptions& options);

 private:
  Slots MakeSlots(const Tensor& parameter) const override;
  void UpdateOne(Update& update) override;

  SgdNesterovOptions options_;
};

}  // namespace atelier::trainer
