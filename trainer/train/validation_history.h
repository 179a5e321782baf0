// The validations of a run so far, which was the best, and how long ago.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "trainer/job/event.h"

namespace atelier::trainer {

// One validation of the weights themselves.
struct ValidationPoint {
  int64_t step = 0;
  std::vector<double> losses;        // held-out images, by timestep
  std::vector<double> train_losses;  // trained images, the same

  NLOHMANN_DEFINE_TYPE_INTRUSIVE(ValidationPoint, step, losses, train_losses)
};

struct ValidationHistory {
  static constexpr size_t kMostPoints = 500;

  // Takes the validation after `step`: a row for the weights and one for each
  // average. A loss lower than all before by more than `min_delta` counts as
  // better. Says whether it was the lowest of all; losses that are not finite
  // never are.
  bool Add(int64_t step, const std::vector<Validated::Row>& rows,
           double min_delta);

  std::vector<ValidationPoint> points;  // oldest first
  int64_t last_step = 0;                // of the newest; 0: none yet
  int64_t best_step = 0;                // 0: none yet
  double best_loss = 0;
  std::string best_weights;
  // What a loss must be below to count as better.
  double reference_loss = 0;
  int64_t without_improvement = 0;

  NLOHMANN_DEFINE_TYPE_INTRUSIVE(ValidationHistory, points, last_step,
                                 best_step, best_loss, best_weights,
                                 reference_loss, without_improvement)
};

}  // namespace atelier::trainer
