// The numbers of a step event that the machine and the run's place give.
#pragma once

#include "trainer/job/event.h"
#include "trainer/train/progress.h"
#include "trainer/train/setup.h"
#include "trainer/train/stopwatch.h"

namespace atelier::trainer {

class Metrics {
 public:
  explicit Metrics(const RunLength& length) : length_(length) {}

  // Times, speed, memory and lengths after a step; loss, gradients and learning
  // rates are the caller's.
  StepDone Describe(const Stopwatch& watch, int64_t images) const;

  // The smoothed loss after a step whose loss is `loss`: the mean of the first
  // fifty, then a moving average that forgets 2 % a step. A loss that is not
  // finite leaves it as it was.
  static double Smooth(const Progress& progress, double loss);

 private:
  RunLength length_;
};

}  // namespace atelier::trainer
