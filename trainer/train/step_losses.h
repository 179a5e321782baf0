// What a step came to, its losses and the norm of its gradients, on the device
// until one copy brings it all: the step's only wait for the device.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/optim/grad_norm.h"
#include "trainer/train/timestep_losses.h"
#include "trainer/train/train_step.h"

namespace atelier::trainer {

class StepLosses {
 public:
  void Clear() { entries_.clear(); }

  // `part`: a batch or a part of one, which is `share` of it; the parts of a
  // batch follow one another, and together are 1 of it.
  void Add(const Batch& part, const BatchLoss& loss, double share);

  struct Values {
    double mean = 0;  // over the batches, each batch over its samples
    std::vector<SampleLoss> samples;
    double grad_norm = 0;
  };
  // Without `with_samples` theirs are not looked at. The norm is that of
  // `squares`, as GradNorm has it. Blocks: until the device has finished, once.
  Values Read(bool with_samples, const std::vector<GradSquares>& squares) const;

 private:
  struct Entry {
    Tensor mean;
    Tensor by_sample;
    double share = 1;
    std::vector<int64_t> images;
    Tensor timesteps;     // on the CPU
    Tensor loss_weights;  // on the CPU
  };

  static void AddSamples(const Entry& entry, const double* losses,
                         std::vector<SampleLoss>& samples);

  std::vector<Entry> entries_;
};

}  // namespace atelier::trainer
