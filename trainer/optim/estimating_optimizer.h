// Optimizers that estimate their step size from sums over all parameters. A
// gradient is needed once only: taking it updates the moments and the
// parameter's part of the sums; weights move by their moments when every
// gradient was taken. So gradients may go one by one, at the cost of a second
// pass over the moments.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "trainer/optim/grouped_optimizer.h"

namespace atelier::trainer {

class EstimatingOptimizer : public GroupedOptimizer {
 protected:
  // State of a parameter: both moments. Shared: the estimate, and the steps
  // that moved it.
  static constexpr char kFirst[] = "exp_avg";
  static constexpr char kSecond[] = "exp_avg_sq";
  static constexpr char kEstimate[] = "d";
  static constexpr char kSteps[] = "steps";

  // A parameter's part of the sums, or the sums.
  using Sums = std::array<double, 3>;

  // A parameter whose gradient was taken.
  struct Taken {
    Tensor parameter;  // detached
    Slots* slots;
    double lr;
    uint64_t rounding_key;
    Sums sums;
  };

  using GroupedOptimizer::GroupedOptimizer;

  // Before the first gradient of a step: reads the estimate.
  virtual void PrepareStep() = 0;
  // Updates moments; returns what the parameter adds to the sums. Not called
  // for rates of 0.
  virtual Sums Accumulate(Update& update) = 0;
  // Moves the estimate; false: nothing was learnt yet, weights stay.
  virtual bool MoveEstimate(const Sums& total) = 0;
  // Moves a weight by its moments.
  virtual void Apply(const Taken& taken) = 0;

  // Numbers of the shared state.
  double SharedValue(const char* name);
  void SetShared(const char* name, double value);
  // The largest rate of the groups.
  double LargestRate();

 private:
  void UpdateOne(Update& update) override;
  void FinishUpdates() override;

  // By name: the order of the sums does not depend on that of the gradients.
  std::map<std::string, Taken> taken_;
};

}  // namespace atelier::trainer
