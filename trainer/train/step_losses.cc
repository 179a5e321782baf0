#include "trainer/train/step_losses.h"

#include <cmath>

namespace atelier::trainer {
namespace {

// [1] fp64, undefined where nothing is on a device; adds what is on the host to
// `on_host`.
Tensor SumOnDevice(const std::vector<GradSquares>& squares, double* on_host) {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> norms;
  for (const GradSquares& one : squares) {
    *on_host += one.on_host;
    if (one.norm_on_device.defined()) norms.push_back(one.norm_on_device);
  }
  if (norms.empty()) return {};
  return torch::stack(norms).square().sum().view({1});
}

}  // namespace

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
  double sum_of_squares = 0;
  const Tensor squares_on_device = SumOnDevice(squares, &sum_of_squares);
  if (squares_on_device.defined()) all.push_back(squares_on_device);
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
  if (squares_on_device.defined()) sum_of_squares += *value;
  values.grad_norm = std::sqrt(sum_of_squares);
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
