// AdamW with the numbers of torch.optim.AdamW.
//
// State of a parameter: exp_avg, exp_avg_sq (fp32, shape of the parameter),
// step. Weights and gradients in fp32 on the CPU, or gradients in bf16 there,
// are updated in one pass without temporaries; anything else through LibTorch's
// operators.
//
// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
#pragma once

#include <vector>

#include "trainer/optim/grouped_optimizer.h"

namespace atelier::trainer {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
};

class AdamW : public GroupedOptimizer {
 public:
  AdamW(std::vector<ParameterGroup> groups, const AdamWOptions& options);

 private:
  Slots MakeSlots(const Tensor& parameter) const override;
  void UpdateOne(Update& update) override;
  void UpdateWithOperators(Update& update) const;

  AdamWOptions options_;
};

}  // namespace atelier::trainer
