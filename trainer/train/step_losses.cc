#include "trainer/train/step_losses.h"

#include <cmath>

namespace atelier::trainer {

void StepLosses::Add(const Batch& part, const BatchLoss& loss, double share) {
  entries_.push_back({loss.mean.detach(), loss.by_sample, share,
                      part.image_indices, loss.timesteps, part.loss_weights});
}

StepLosses::Values StepLosses::Read(
    bool with_samples, const std::vector<GradSquares>& squares) const {
  Values values;
  if (entries_.empty()) return values;
  std::vector<Tensor> all;  // means, then samples
  for (const Entry& entry : entries_) all.push_back(entry.mean.view({1}));
  for (const Entry& entry : entries_) {
    if (with_samples) all.push_back(entry.by_sample);
  }
  const SumOfSquares sum = Sum(squares);
  if (sum.on_device.defined()) all.push_back(sum.on_device.view({1}));
  const Tensor read =
      torch::cat(all).to(torch::kFloat64).to(torch::kCPU).contiguous();
  const double* value = read.data_ptr<double>();
  double batches = 0;
  for (const Entry& entry : entries_) {
    values.mean += entry.share * *value++;
    batches += entry.share;
  }
  values.mean /= batches;
  for (const Entry& entry : entries_) {
    if (!with_samples) break;
    AddSamples(entry, value, values.samples);
    value += entry.by_sample.numel();
  }
  const double on_device = sum.on_device.defined() ? *value : 0;
  values.grad_norm = std::sqrt(sum.on_host + on_device);
  return values;
}

void StepLosses::AddSamples(const Entry& entry, const double* losses,
                            std::vector<SampleLoss>& samples) {
  const Tensor timesteps = entry.timesteps.to(torch::kFloat64).contiguous();
  const Tensor weights = entry.loss_weights.to(torch::kFloat64).contiguous();
  for (size_t i = 0; i < entry.images.size(); ++i) {
    const double weight = weights.data_ptr<double>()[i];
    samples.push_back({entry.images[i], timesteps.data_ptr<double>()[i],
                       weight > 0 ? losses[i] / weight : losses[i]});
  }
}

}  // namespace atelier::trainer
