#include "trainer/architectures/rectified_flow/preview.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/guided_denoiser.h"
#include "trainer/architectures/components/preview_request.h"
#include "trainer/diffusion/flow_timesteps.h"

namespace atelier::trainer {
namespace {

// The value of the prompt where the family has such a thing, or the family's.
std::optional<double> Chosen(const std::optional<double>& family,
                             const std::optional<double>& asked) {
  return family.has_value() && asked.has_value() ? asked : family;
}

PreviewRequest WithGuidance(PreviewRequest request, double family) {
  const double guidance = request.guidance_scale.value_or(family);
  for (Conditioning* part : {&request.positive, &request.negative}) {
    if (part->guidance.defined()) {
      part->guidance = torch::full_like(part->guidance, guidance);
    }
  }
  return request;
}

// noise - latents at a noise level, guided as the request asks.
class FlowVelocity {
 public:
  FlowVelocity(Denoiser& denoiser, const PreviewRequest& request,
               const FlowFamily& family, torch::Device device)
      : denoiser_(denoiser, request, device),
        trunc_(Chosen(family.preview.cfg_trunc_ratio, request.cfg_trunc_ratio)),
        renorm_(Chosen(family.preview.renorm_cfg, request.renorm_cfg)),
        sign_(family.target == FlowTarget::kLatentsMinusNoise ? -1 : 1) {}

  Tensor operator()(const Tensor& x, double timestep) const {
    if (trunc_.has_value() && 1 - timestep / kTrainTimesteps >= *trunc_) {
      return sign_ * denoiser_.RunPositive(x, timestep);
    }
    const auto [guided, positive] = denoiser_.Run(x, timestep);
    if (!denoiser_.is_guided() || renorm_.value_or(0) <= 0) {
      return sign_ * guided;
    }
    return sign_ * Renormalised(guided, positive, *renorm_);
  }

 private:
  GuidedDenoiser denoiser_;
  std::optional<double> trunc_;
  std::optional<double> renorm_;
  int sign_;
};

}  // namespace

SamplerOptions FlowSamplerOptions(const FlowPreview& family,
                                  const PreviewRequest& request,
                                  int64_t tokens) {
  SamplerOptions options;
  options.steps = request.steps;
  if (family.spacing == FlowSpacing::kFromOne) {
    for (int i = 0; i < request.steps; ++i) {
      options.flow_sigmas.push_back(1 - static_cast<double>(i) / request.steps);
    }
  }
  options.flow_shift = family.shift;
  if (family.takes_flow_shift && request.flow_shift.has_value()) {
    options.flow_shift = *request.flow_shift;
  } else if (family.shifts_by_resolution) {
    options.flow_mu = FluxMu(tokens);
  }
  return options;
}

Tensor Renormalised(const Tensor& guided, const Tensor& positive, double most) {
  const Tensor length = guided.norm();
  const Tensor limit = positive.norm() * most;
  return torch::where(length > limit, guided * (limit / length), guided);
}

absl::StatusOr<Tensor> DrawFlowPreview(Denoiser& denoiser,
                                       const PreviewRequest& request,
                                       const FlowFamily& family,
                                       torch::Device device) {
  const FlowPreview& preview = family.preview;
  RETURN_IF_ERROR(CheckPreviewRequest(request, preview.side_step_px));
  ASSIGN_OR_RETURN(const Sampler* sampler,
                   FindSampler(request.sampler, /*is_flow=*/true));
  torch::NoGradGuard no_grad;
  const Tensor noise =
      PreviewNoise(request, family.latent_channels, /*stream_step=*/0)
          .to(device);
  const int64_t tokens = (noise.size(2) / 2) * (noise.size(3) / 2);
  const SamplerOptions sampling = FlowSamplerOptions(preview, request, tokens);
  const PreviewRequest guided = WithGuidance(request, preview.guidance_scale);
  SamplerCalls calls;
  calls.predict = FlowVelocity(denoiser, guided, family, device);
  return sampler->sample(sampling, sampler->plan(sampling), noise, calls);
}

}  // namespace atelier::trainer
