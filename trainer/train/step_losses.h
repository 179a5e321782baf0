// The losses of a step's micro-batches, on the device until one copy brings
// them all.
#pragma once

#include <cstdint>
#include <vector>

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
  };
  // Without `with_samples` theirs are not looked at. Blocks: until the device
  // has finished, once.
  Values Read(bool with_samples) const;

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
