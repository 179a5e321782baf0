#include "trainer/architectures/ldm_unet/preview.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/guided_denoiser.h"
#include "trainer/architectures/components/preview_request.h"

namespace atelier::trainer {
namespace {

constexpr int kSideStep = 8;  // one latent cell

}  // namespace

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
