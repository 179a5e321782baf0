// Schedule-free AdamW, RAdam and gradient descent: weights are trained at one
// place and averaged at another, which is saved, shown and validated.
//
// State of a parameter: z, exp_avg_sq (not for gradient descent), step,
// weight_sum, lr_max. While the averages are in use a copy of the trained
// weights is kept beside them.
//
// Source: Defazio et al., "The Road Less Scheduled", 2024; Liu et al., "On the
// Variance of the Adaptive Learning Rate and Beyond", 2020, for RAdam; numbers
// of the package schedulefree.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "trainer/optim/element_optimizer.h"

namespace atelier::trainer {

enum class ScheduleFreeKind { kAdamW, kRAdam, kSgd };

struct ScheduleFreeOptions {
  ScheduleFreeKind kind = ScheduleFreeKind::kAdamW;
  double beta1 = 0.9;  // the momentum of gradient descent
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  int64_t warmup_steps = 0;  // not for RAdam
  double r = 0;              // power of the step in the average
  double weight_lr_power = 2;
  bool silent_sgd_phase = true;  // RAdam's first steps move nothing
};

class ScheduleFree : public ElementOptimizer {
 public:
  // `kernels` as ElementRunner has them.
  ScheduleFree(std::vector<ParameterGroup> groups,
               const ScheduleFreeOptions& options,
               const CudaApi* kernels = nullptr);

  void UseEvalWeights() override;
  void UseTrainWeights() override;

 private:
  Slots MakeSlots(const Tensor& parameter) const override;
  ElementUpdate::Factors FactorsOf(Update& update) const override;
  // The rate of a step, and whether the gradient is divided by the root of its
  // second moment.
  struct Rate {
    double lr;
    bool is_adaptive;
  };
  Rate RateOf(const Update& update) const;
  // c: how far the average moves to z.
  double AverageShare(Update& update, double lr) const;

  ScheduleFreeOptions options_;
  std::map<std::string, Tensor> trained_;  // by name, while averages are in use
};

}  // namespace atelier::trainer
