// Lion: steps of one size in the direction of the sign of a momentum.
//
// State of a parameter: exp_avg (fp32), step.
//
// Source: Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023,
// algorithm 2; numbers of lion-pytorch.
#pragma once

#include <vector>

#include "trainer/optim/grouped_optimizer.h"

namespace atelier::trainer {

struct LionOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;
};

class Lion : public GroupedOptimizer {
 public:
  Lion(std::vector<ParameterGroup> groups, const LionOptions& options);

 private:
  Slots MakeSlots(const Tensor& parameter) const override;
  void UpdateOne(Update& update) override;

  LionOptions options_;
};

}  // namespace atelier::trainer
