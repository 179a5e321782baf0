#include "trainer/optim/estimating_optimizer.h"

#include <algorithm>

namespace atelier::trainer {

void EstimatingOptimizer::UpdateOne(Update& update) {
  if (taken_.empty()) PrepareStep();
  Taken taken = {update.parameter, &update.slots, update.lr,
                 update.rounding_key, Sums{}};
  if (update.lr > 0) taken.sums = Accumulate(update);
  taken_[update.name] = taken;
}

void EstimatingOptimizer::FinishUpdates() {
  if (taken_.empty()) return;
  Sums total = {};
  for (const auto& [name, taken] : taken_) {
    for (size_t i = 0; i < total.size(); ++i) total[i] += taken.sums[i];
  }
  if (MoveEstimate(total)) {
    for (const auto& [name, taken] : taken_) {
      if (taken.lr > 0) Apply(taken);
    }
  }
  taken_.clear();
}

double EstimatingOptimizer::SharedValue(const char* name) {
  return shared().at(name).item<double>();
}

void EstimatingOptimizer::SetShared(const char* name, double value) {
  shared().at(name).fill_(value);
}

double EstimatingOptimizer::LargestRate() {
  double largest = 0;
  for (const ParameterGroup& group : groups()) {
    largest = std::max(largest, group.lr);
  }
  return largest;
}

}  // namespace atelier::trainer
