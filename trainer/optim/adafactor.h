// Adafactor with the numbers of transformers.Adafactor: second moments of
// matrices are kept as a row and a column.
//
// State of a parameter (fp32): exp_avg_sq_row and exp_avg_sq_col with two or
// more dimensions, else exp_avg_sq; exp_avg with beta1; step.
//
// On the CPU each tensor goes through the loops of element/adafactor_loop.h,
// elsewhere through LibTorch's operators.
//
// Source: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear
// Memory Cost", 2018, algorithms 4 and 5.
#pragma once

#include <optional>
#include <vector>

#include "trainer/optim/element/adafactor_loop.h"
#include "trainer/optim/grouped_optimizer.h"

namespace atelier::trainer {

struct AdafactorOptions {
  double eps1 = 1e-30;  // added to squared gradients
  double eps2 = 1e-3;   // the smallest scale of a parameter
  double clip_threshold = 1;
  double decay_rate = -0.8;
  std::optional<double> beta1;
  double weight_decay = 0;
  bool scale_parameter = true;  // steps relative to the parameter's own size
  bool relative_step = true;    // step size from the step; lr is not read
  bool warmup_init = false;     // the relative step rises slowly
};

class Adafactor : public GroupedOptimizer {
 public:
  Adafactor(std::vector<ParameterGroup> groups,
            const AdafactorOptions& options);

  bool DeterminesLearningRate() const override {
    return options_.relative_step;
  }

 private:
  Slots MakeSlots(const Tensor& parameter) const override;
  void UpdateOne(Update& update) override;
  // By threaded loops, on the CPU.
  void UpdateInLoop(Update& update) const;
  void UpdateWithOperators(Update& update) const;
  AdafactorFactors FactorsOf(const Update& update) const;
  // `weight_size`: the root mean square of the weight.
  double StepSize(const Update& update, double weight_size) const;
  // `change_size`: the root mean square of the change before it is clipped.
  AdafactorStep StepOf(const Update& update, double weight_size,
                       double change_size) const;
  // The gradient over the root of its second moment.
  Tensor Normalised(const Update& update) const;

  AdafactorOptions options_;
};

}  // namespace atelier::trainer
