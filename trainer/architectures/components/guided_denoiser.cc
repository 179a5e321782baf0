#include "trainer/architectures/components/guided_denoiser.h"

#include <vector>

namespace atelier::trainer {
namespace {

constexpr Tensor Conditioning::*kFields[] = {
    &Conditioning::context, &Conditioning::pooled, &Conditioning::context_mask,
    &Conditioning::size_ids, &Conditioning::guidance};

Conditioning OnDevice(const Conditioning& from, torch::Device device) {
  Conditioning result = from;
  for (const auto field : kFields) {
    if ((result.*field).defined()) result.*field = (from.*field).to(device);
  }
  return result;
}

Conditioning Stacked(const Conditioning& first, const Conditioning& second) {
  Conditioning result = first;
  for (const auto field : kFields) {
    if (!(first.*field).defined()) continue;
    result.*field = torch::cat({first.*field, second.*field});
  }
  return result;
}

}  // namespace

GuidedDenoiser::GuidedDenoiser(Denoiser& denoiser,
                               const PreviewRequest& request,
                               torch::Device device)
    : denoiser_(denoiser),
      scale_(request.cfg_scale),
      positive_(OnDevice(request.positive, device)) {
  if (scale_ == 1 || !request.negative.context.defined()) return;
  negative_ = OnDevice(request.negative, device);
  if (negative_.context.sizes() == positive_.context.sizes()) {
    both_ = Stacked(negative_, positive_);
  }
}

GuidedDenoiser::Outputs GuidedDenoiser::Run(const Tensor& x,
                                            double timestep) const {
  if (!is_guided()) {
    const Tensor positive = RunPositive(x, timestep);
    return {positive, positive};
  }
  std::vector<Tensor> halves;
  if (both_.context.defined()) {
    halves = RunWith(torch::cat({x, x}), timestep, both_).chunk(2);
  } else {
    halves = {RunWith(x, timestep, negative_), RunPositive(x, timestep)};
  }
  return {halves[0] + scale_ * (halves[1] - halves[0]), halves[1]};
}

Tensor GuidedDenoiser::RunPositive(const Tensor& x, double timestep) const {
  return RunWith(x, timestep, positive_);
}

Tensor GuidedDenoiser::RunWith(const Tensor& x, double timestep,
                               const Conditioning& conditioning) const {
  const Tensor timesteps = torch::full({x.size(0)}, timestep, x.options());
  return denoiser_.forward(x, timesteps, conditioning).to(torch::kFloat32);
}

}  // namespace atelier::trainer
