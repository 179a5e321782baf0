#include "trainer/architectures/ldm_unet/preview.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/guided_denoiser.h"
#include "trainer/architectures/components/preview_request.h"

namespace atelier::trainer {
namespace {

constexpr int kSideStep = 8;  // one latent cell

}  // namespace

SamplerOptions PreviewSampling(const DiffusionOptions& options,
                               const NoiseSchedule& schedule,
                               const PreviewRequest& request) {
  const bool is_ddim = request.sampler == "ddim";
  SamplerOptions sampling;
  sampling.steps = request.steps;
  sampling.prediction_type = options.prediction_type;
  sampling.schedule = schedule;
  sampling.spacing = is_ddim || request.sampler == "pndm"
                         ? TimestepSpacing::kLeading
                         : TimestepSpacing::kLinspace;
  if (options.zero_terminal_snr) sampling.spacing = TimestepSpacing::kTrailing;
  sampling.steps_offset = 0;
  sampling.clip_sample = true;
  sampling.set_alpha_to_one = is_ddim;
  return sampling;
}

absl::StatusOr<Tensor> DrawPreview(Denoiser& denoiser,
                                   const PreviewRequest& request,
                                   const SamplerOptions& sampling,
                                   const PreviewTarget& target) {
  RETURN_IF_ERROR(CheckPreviewRequest(request, kSideStep));
  ASSIGN_OR_RETURN(const Sampler* sampler,
                   FindSampler(request.sampler, /*is_flow=*/false));
  torch::NoGradGuard no_grad;
  const auto noise = [&](int64_t stream_step) {
    return PreviewNoise(request, target.latent_channels, stream_step)
        .to(target.device);
  };
  const GuidedDenoiser guided(denoiser, request, target.device);
  SamplerCalls calls;
  calls.predict = [&guided](const Tensor& x, double timestep) {
    return guided.Run(x, timestep).guided;
  };
  calls.noise = [&noise](int64_t step) { return noise(step + 1); };
  const SamplerPlan plan = sampler->plan(sampling);
  return sampler->sample(sampling, plan, noise(0) * plan.initial_scale, calls);
}

}  // namespace atelier::trainer
