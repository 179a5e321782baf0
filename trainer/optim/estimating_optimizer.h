// Optimizers that estimate their step size from sums over all parameters. A
// gradient is needed once only: taking it updates the moments and the
// parameter's part of the sums; weights move by their moments when every
// gradient was taken. So gradients may go one by one, at the cost of a second
// pass over the moments.
//
// State of a parameter, fp32: exp_avg, exp_avg_sq, s; p0 for Prodigy. What is
// on the CPU goes through the loops of element/estimating_loop.h, what is on a
// device through LibTorch's operators.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "trainer/optim/element/estimating_element.h"
#include "trainer/optim/grouped_optimizer.h"

namespace atelier::trainer {

class EstimatingOptimizer : public GroupedOptimizer {
 protected:
  // Of gradients, of |s| and of squares of s: estimating_element.h.
  using Sums = std::array<double, 3>;

  // Shared state: the estimate, and the steps that moved it.
  static constexpr char kEstimate[] = "d";
  static constexpr char kSteps[] = "steps";

  EstimatingOptimizer(std::vector<ParameterGroup> groups, EstimateRule rule);

  // Before the first gradient of a step: reads the estimate.
  virtual void PrepareStep() = 0;
  // How gradients are taken, without their scale.
  virtual EstimateFactors GradientFactors() const = 0;
  // Moves the estimate; false: nothing was learnt yet, weights stay.
  virtual bool MoveEstimate(const Sums& total) = 0;
  // How moments move a weight of a group with this rate.
  virtual EstimatedStepFactors StepFactors(double lr) const = 0;

  Slots MakeSlots(const Tensor& parameter) const override;

  // Numbers of the shared state.
  double SharedValue(const char* name);
  void SetShared(const char* name, double value);
  // The largest rate of the groups.
  double LargestRate();

 private:
  // A parameter whose gradient was taken.
  struct Taken {
    Tensor parameter;  // detached
    Slots* slots;
    double lr;
    uint64_t rounding_key;
    Sums sums;
  };

  void UpdateOne(Update& update) override;
  void FinishUpdates() override;
  Sums Take(Update& update) const;
  Sums TakeInLoop(const Update& update, const EstimateFactors& factors) const;
  Sums TakeWithOperators(const Update& update,
                         const EstimateFactors& factors) const;
  void Move(const Taken& taken) const;

  EstimateRule rule_;
  // By name: the order of the sums does not depend on that of the gradients.
  std::map<std::string, Taken> taken_;
};

}  // namespace atelier::trainer
