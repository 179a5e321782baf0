#include "trainer/architectures/ldm_unet/preview.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

constexpr int kLatentScale = 8;
constexpr int kSmallestSide = 64;

absl::Status CheckSide(absl::string_view name, int side) {
  if (side >= kSmallestSide && side % kLatentScale == 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("sample ", name, " is ", side, ", must be a multiple of ",
                   kLatentScale, " and at least ", kSmallestSide));
}

absl::Status CheckRequest(const PreviewRequest& request) {
  RETURN_IF_ERROR(CheckSide("width", request.width));
  RETURN_IF_ERROR(CheckSide("height", request.height));
  if (request.steps < 1 || request.steps > kTrainTimesteps) {
    return absl::InvalidArgumentError(
        absl::StrCat("sample steps is ", request.steps,
                     ", must be within 1 to ", kTrainTimesteps));
  }
  return absl::OkStatus();
}

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

// Both prompts in one batch, where their contexts have one length.
Conditioning Stacked(const Conditioning& first, const Conditioning& second) {
  Conditioning result = first;
  for (const auto field : kFields) {
    if (!(first.*field).defined()) continue;
    result.*field = torch::cat({first.*field, second.*field});
  }
  return result;
}

// The denoiser's output, guided away from the negative prompt.
class GuidedDenoiser {
 public:
  GuidedDenoiser(Denoiser& denoiser, const PreviewRequest& request,
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

  Tensor operator()(const Tensor& x, double timestep) const {
    if (!negative_.context.defined()) return Run(x, timestep, positive_);
    const std::vector<Tensor> halves = RunBoth(x, timestep);
    return halves[0] + scale_ * (halves[1] - halves[0]);
  }

 private:
  std::vector<Tensor> RunBoth(const Tensor& x, double timestep) const {
    if (both_.context.defined()) {
      return Run(torch::cat({x, x}), timestep, both_).chunk(2);
    }
    return {Run(x, timestep, negative_), Run(x, timestep, positive_)};
  }

  Tensor Run(const Tensor& x, double timestep,
             const Conditioning& conditioning) const {
    const Tensor timesteps = torch::full({x.size(0)}, timestep, x.options());
    return denoiser_.forward(x, timesteps, conditioning).to(torch::kFloat32);
  }

  Denoiser& denoiser_;
  double scale_;
  Conditioning positive_;
  Conditioning negative_;  // undefined without guidance
  Conditioning both_;
};

}  // namespace

absl::StatusOr<Tensor> DrawPreview(Denoiser& denoiser,
                                   const PreviewRequest& request,
                                   const SamplerOptions& sampling,
                                   const PreviewTarget& target) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(const Sampler* sampler,
                   FindSampler(request.sampler, /*is_flow=*/false));
  torch::NoGradGuard no_grad;
  const std::vector<int64_t> shape = {1, target.latent_channels,
                                      request.height / kLatentScale,
                                      request.width / kLatentScale};
  const auto noise = [&](int64_t stream_step) {
    const BatchRng rng = {request.seed, static_cast<uint64_t>(stream_step), 0};
    return rng.Normal(RngPurpose::kPreview, shape).to(target.device);
  };
  const GuidedDenoiser guided(denoiser, request, target.device);
  SamplerCalls calls;
  calls.predict = guided;
  calls.noise = [&noise](int64_t step) { return noise(step + 1); };
  const SamplerPlan plan = sampler->plan(sampling);
  return sampler->sample(sampling, plan, noise(0) * plan.initial_scale, calls);
}

}  // namespace atelier::trainer
