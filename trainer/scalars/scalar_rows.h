// A run's events as rows of scalars.
//
//   loss                 of the step, mean over its micro-batches
//   loss/average         moving average
//   loss/epoch           mean over the epoch's steps, once it is over
//   loss/validation      of held-out images; loss/validation_train of trained
//                        ones; with `/ema0.999` and so on for moving averages
//   lr/<group>           learning rate of each group of weights
//   grad_norm            before clipping
//   step_seconds, data_wait_seconds, images_per_second
//   host_peak_bytes, device_peak_bytes (on a device)
//   skipped              1 where the update was left out
#pragma once

#include <optional>
#include <vector>

#include "trainer/job/event.h"
#include "trainer/scalars/scalar_writer.h"

namespace atelier::trainer {

class ScalarRows {
 public:
  // The rows that the event gives, in order; mostly none or one.
  std::vector<ScalarRow> Take(const Event& event, double wall_seconds);

  // The row of the epoch that is under way, and forgets it.
  std::optional<ScalarRow> EndEpoch(double wall_seconds);

  // Forgets the epoch that is under way: the run goes on from elsewhere.
  void Forget();

 private:
  ScalarRow OfStep(int64_t step, const StepDone& done) const;

  int64_t step_ = 0;
  int64_t epoch_ = 0;
  double loss_sum_ = 0;
  int64_t losses_ = 0;
};

}  // namespace atelier::trainer
