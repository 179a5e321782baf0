// Samplers: from noise to latents in a number of steps. One pair of files each,
// all with the signature below; the table is in registry.cc.
//
// Shapes: latents [B, C, h, w] everywhere.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "trainer/diffusion/noise_schedule.h"
#include "trainer/diffusion/options.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Where in the schedule the steps stand.
enum class TimestepSpacing { kLinspace, kLeading, kTrailing };

struct SamplerOptions {
  int64_t steps = 30;  // 1..1000
  PredictionType prediction_type = PredictionType::kEpsilon;
  NoiseSchedule schedule;  // not read by flow samplers
  TimestepSpacing spacing = TimestepSpacing::kLeading;
  int64_t steps_offset = 1;       // added to leading timesteps
  bool karras_sigmas = false;     // not read by ddim and pndm
  bool clip_sample = false;       // ddim, heun: clean latents within [-1, 1]
  bool set_alpha_to_one = false;  // ddim, pndm: the end has no noise at all

  // Flow samplers.
  double flow_shift = 1;
  std::optional<double> flow_mu;    // shifts by TimeShift(mu) instead
  std::vector<double> flow_sigmas;  // unshifted, `steps` of them; or empty
};

// The steps of one run, noisiest first.
struct SamplerPlan {
  std::vector<double> timesteps;  // what the denoiser is told, 0..1000
  std::vector<double> sigmas;     // one more; empty for ddim and pndm
  double initial_scale = 1;       // standard normal noise is multiplied by it
};

// What a sampler calls.
struct SamplerCalls {
  // The denoiser's output for latents `x` at a timestep.
  std::function<Tensor(const Tensor& x, double timestep)> predict;
  // Standard normal noise of the latents' shape for step i; ancestral samplers
  // only.
  std::function<Tensor(int64_t step)> noise;
  // The latents after step i; may be empty.
  std::function<void(int64_t step, const Tensor& x)> after_step;
};

struct Sampler {
  std::string_view name;
  bool is_flow;  // for rectified-flow models, the others for noise schedules
  SamplerPlan (*plan)(const SamplerOptions& options);
  // `x` is noise that is already multiplied by initial_scale.
  Tensor (*sample)(const SamplerOptions& options, const SamplerPlan& plan,
                   const Tensor& x, const SamplerCalls& calls);
};

absl::Span<const Sampler> AllSamplers();

// Errors: INVALID_ARGUMENT, naming those that exist for that kind of model.
absl::StatusOr<const Sampler*> FindSampler(std::string_view name, bool is_flow);

}  // namespace atelier::trainer
