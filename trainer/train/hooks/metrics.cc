#include "trainer/train/hooks/metrics.h"

#include <algorithm>
#include <cmath>

#include "trainer/tensor/process_memory.h"

namespace atelier::trainer {

StepDone Metrics::Describe(const Stopwatch& watch, int64_t images) const {
  StepDone step;
  step.total_steps = length_.total_steps;
  step.total_epochs = length_.total_epochs;
  step.step_seconds = watch.total_seconds();
  step.images_per_second =
      static_cast<double>(images) / std::max(step.step_seconds, 1e-9);
  step.host_peak_bytes = ReadProcessMemory().peak_resident_bytes;
  step.phase_seconds = watch.seconds();
  return step;
}

double Metrics::Smooth(const Progress& progress, double loss) {
  if (!std::isfinite(loss)) return progress.smoothed_loss;
  const double weight = std::max(
      0.02, 1.0 / static_cast<double>(std::max<int64_t>(1, progress.step)));
  return progress.smoothed_loss + weight * (loss - progress.smoothed_loss);
}

}  // namespace atelier::trainer
