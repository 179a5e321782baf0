// A run's events as rows of scalars.
//
//   loss                 of the step, mean over its micro-batches
//   loss/average         moving average
//   loss/epoch           mean over the epoch's steps, once it is over, where
//                        one attempt did all of them
//   loss/validation      of held-out images; loss/validation_train of trained
//                        ones; with `/ema0.999` and so on for moving averages
//   lr/<group>           learning rate of each group of weights
//   grad_norm            before clipping
//   step_seconds, data_wait_seconds, images_per_second
//   host_peak_bytes, device_peak_bytes (on a device)
//   device_bytes/<part>  as the step event has them
//   swap_wait_seconds    where the device waited for transfers
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

  // The run goes on from elsewhere, perhaps amid an epoch.
  void Jump();

 private:
  ScalarRow OfStep(int64_t step, const StepDone& done) const;
  // The row of the epoch that is over; none where it was not seen whole.
  std::optional<ScalarRow> EndEpoch();

  int64_t step_ = 0;
  int64_t epoch_ = 0;
  double loss_sum_ = 0;
  int64_t losses_ = 0;
  bool is_whole_ = true;
};

}  // namespace atelier::trainer
