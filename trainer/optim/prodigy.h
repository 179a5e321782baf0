// Prodigy: Adam whose step size d is estimated from how far the parameters have
// come; lr only scales it and is usually 1.
//
// State of a parameter (fp32): exp_avg, exp_avg_sq, s (running sum of
// gradients), p0 (where it started), step. Shared: d, d_max, d_numerator,
// steps. Groups with lr 0 stand still; others may differ and are scaled by
// their share of the largest lr.
//
// Source: Mishchenko and Defazio, "Prodigy: An Expeditiously Adaptive
// Parameter-Free Learner", 2023, algorithm 4; numbers of prodigyopt.
#pragma once

#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "trainer/optim/estimating_optimizer.h"

namespace atelier::trainer {

struct ProdigyOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::optional<double> beta3;  // sqrt(beta2) if not given
  double eps = 1e-8;
  double weight_decay = 0;
  bool decouple = true;  // decay weights, not gradients
  bool use_bias_correction = false;
  bool safeguard_warmup = false;  // keeps lr out of the estimate's denominator
  double d0 = 1e-6;
  double d_coef = 1;
  double growth_rate = std::numeric_limits<double>::infinity();  // of d a step
};

class Prodigy : public EstimatingOptimizer {
 public:
  Prodigy(std::vector<ParameterGroup> groups, const ProdigyOptions& options);

 private:
  // What one step needs of the estimate.
  struct Estimate {
    double d;          // before the step
    double lr;         // the largest of the groups'
    double step_size;  // d * lr, corrected for the bias
    double beta3;
  };

  Slots MakeSharedSlots() const override;
  void PrepareStep() override;
  EstimateFactors GradientFactors() const override;
  bool MoveEstimate(const Sums& total) override;
  EstimatedStepFactors StepFactors(double lr) const override;

  ProdigyOptions options_;
  Estimate estimate_{};
  double new_d_ = 0;
};

}  // namespace atelier::trainer
