// One step of SD3's training, from the reference's latents, noise and
// timesteps.
#pragma once

#include "tests/oracle/sd3_model.h"
#include "tests/support/oracle.h"

namespace atelier::trainer::testing::sd3_oracle {

inline constexpr double kPredictionRel = 1e-4;
inline constexpr double kPredictionMax = 5e-4;
inline constexpr double kLossRel = 1e-4;

// A batch of the reference, and what becomes of it.
struct Step {
  Tensor latents, noise;
  NoiseLevels levels;
};

struct Outcome {
  Tensor output, loss;
};

inline NoiseLevels LevelsAt(const Tensor& timesteps) {
  return {timesteps, timesteps / 1000};
}

inline Outcome RunStep(Model& model, const Step& step,
                       const Conditioning& conditioning) {
  const Tensor noisy =
      model.recipe->AddNoise(step.latents, step.noise, step.levels);
  Outcome outcome;
  outcome.output =
      model.denoiser->forward(noisy, step.levels.timesteps, conditioning);
  outcome.loss = model.recipe->Loss(
      model.recipe->Prediction(outcome.output, noisy, step.levels),
      model.recipe->Target(step.latents, step.noise, step.levels), step.levels,
      torch::ones({step.latents.size(0)}), {});
  return outcome;
}

// The stored batch. The parameter: with gradient checkpointing or without.
class Sd3Step : public ::testing::TestWithParam<bool> {
 protected:
  Step StoredStep() {
    return {stored_["latents"], stored_["noise"],
            LevelsAt(stored_["timesteps"])};
  }
  Conditioning StoredConditioning() {
    Conditioning conditioning;
    conditioning.context = stored_["context"];
    conditioning.pooled = stored_["pooled"];
    return conditioning;
  }
  Tensor Predict(const Model& model, const Conditioning& conditioning) {
    const torch::NoGradGuard no_gradients;
    return model.denoiser->forward(stored_["noisy"], stored_["timesteps"],
                                   conditioning);
  }

  std::map<std::string, Tensor> stored_ =
      LoadOracle("sd3/denoiser.safetensors");
};

}  // namespace atelier::trainer::testing::sd3_oracle
