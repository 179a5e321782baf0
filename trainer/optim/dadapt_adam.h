// Adam whose step size is estimated by D-Adaptation, with the numbers of the
// package dadaptation: DAdaptAdam, and DAdaptAdamPreprint, which sd-scripts
// means by DAdaptation.
//
// State of a parameter (fp32): exp_avg, exp_avg_sq, s, step. Shared: d, the
// estimate; sum, the weighted sum behind it; steps.
//
// Source: Defazio and Mishchenko, "Learning-Rate-Free Learning by
// D-Adaptation", 2023, algorithm 5; the preprint's algorithm.
#pragma once

#include <limits>
#include <vector>

#include "trainer/optim/estimating_optimizer.h"

namespace atelier::trainer {

struct DAdaptAdamOptions {
  bool preprint = false;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decouple = false;             // decay weights, not gradients
  bool use_bias_correction = false;  // not in the preprint
  double d0 = 1e-6;
  double growth_rate = std::numeric_limits<double>::infinity();  // of d a step
};

class DAdaptAdam : public EstimatingOptimizer {
 public:
  // All groups have one rate, or 0.
  DAdaptAdam(std::vector<ParameterGroup> groups,
             const DAdaptAdamOptions& options);

 private:
  Slots MakeSharedSlots() const override;
  void PrepareStep() override;
  EstimateFactors GradientFactors() const override;
  bool MoveEstimate(const Sums& total) override;
  EstimatedStepFactors StepFactors(double lr) const override;

  DAdaptAdamOptions options_;
  double d_ = 0;     // of this step, as rate_
  double rate_ = 0;  // d times lr, corrected for the bias
};

}  // namespace atelier::trainer
