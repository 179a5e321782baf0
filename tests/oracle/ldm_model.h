// The fixtures' Stable Diffusion 1, 2 and XL models, and one training step of
// each.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/oracle.h"
#include "trainer/architectures/architecture.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::testing::ldm_oracle {

struct LdmFixture {
  std::string family;  // of the registry, and the fixtures' folder
  std::string file;    // the single file
  PredictionType prediction = PredictionType::kEpsilon;
};

inline const LdmFixture kSd1 = {"sd1", "sd1/sd1.safetensors"};
inline const LdmFixture kSd2 = {"sd2", "sd2/sd2_768v.safetensors",
                                PredictionType::kVelocity};
inline const LdmFixture kSdxl = {"sdxl", "sdxl/sdxl.safetensors"};

inline ModelOptions OptionsOf(const LdmFixture& fixture) {
  ModelOptions options;
  options.tokenizer_dir = OraclePath(fixture.family + "/diffusers");
  options.diffusion.prediction_type = fixture.prediction;
  return options;
}

// From a file or folder of the fixtures.
inline absl::StatusOr<Model> LoadFrom(const LdmFixture& fixture,
                                      const std::string& name,
                                      const ModelOptions& options) {
  const auto architecture = FindArchitecture(fixture.family);
  if (!architecture.ok()) return architecture.status();
  const auto source = OpenCheckpoint(OraclePath(name));
  if (!source.ok()) return source.status();
  ModelSources sources;
  sources.main = source->get();
  return (*architecture)->load(sources, options);
}

inline Model LoadLdmModel(const LdmFixture& fixture) {
  return LoadFrom(fixture, fixture.file, OptionsOf(fixture)).value();
}

inline std::vector<std::string> PromptsAt(const LdmFixture& fixture,
                                          const Tensor& indices) {
  const auto json = LoadOracleJson(fixture.family + "/prompts.json");
  std::vector<std::string> prompts;
  for (int64_t i = 0; i < indices.numel(); ++i) {
    prompts.push_back(json[indices[i].item<int64_t>()].get<std::string>());
  }
  return prompts;
}

// From the fixture's time_ids [B, 6]; of other families, any.
inline std::vector<ImageGeometry> GeometryOf(const Tensor& time_ids,
                                             size_t batch) {
  std::vector<ImageGeometry> geometry(batch);
  for (size_t i = 0; time_ids.defined() && i < batch; ++i) {
    const auto value = [&](int64_t place) {
      return static_cast<int>(
          time_ids[static_cast<int64_t>(i)][place].item<float>());
    };
    geometry[i] = {value(1), value(0), value(3), value(2), value(5), value(4)};
  }
  return geometry;
}

inline Conditioning ConditionOn(Model& model,
                                const std::vector<std::string>& prompts,
                                const Tensor& time_ids) {
  return model.conditioner->Condition(
      model.conditioner->Encode(prompts, EncoderChoice::kAll),
      GeometryOf(time_ids, prompts.size()), nullptr);
}

// The loss of a batch, from its latents, noise and timesteps.
inline Tensor BatchLoss(Model& model, const Tensor& latents,
                        const Tensor& noise, const Tensor& timesteps,
                        const Conditioning& conditioning) {
  const NoiseLevels levels = {timesteps, Tensor()};
  const Tensor noisy = model.recipe->AddNoise(latents, noise, levels);
  const Tensor pred = model.denoiser->forward(noisy, timesteps, conditioning);
  const Tensor target = model.recipe->Target(latents, noise, levels);
  return model.recipe->Loss(pred, target, levels,
                            torch::ones({latents.size(0)}), {});
}

// Our parameter for each name of the reference.
inline std::map<std::string, Tensor> UnetParameters(const LdmFixture& fixture,
                                                    const Model& model) {
  const auto ours = model.denoiser->named_parameters();
  const std::string prefix = "model.diffusion_model.";
  std::map<std::string, Tensor> result;
  const auto json = LoadOracleJson(fixture.family + "/keymap.json");
  for (const auto& [diffusers, original] : json["unet"].items()) {
    result[diffusers] = ours[original.get<std::string>().substr(prefix.size())];
  }
  return result;
}

inline std::map<std::string, Tensor> ParametersOf(
    const torch::nn::Module& module) {
  std::map<std::string, Tensor> result;
  for (const auto& parameter : module.named_parameters()) {
    result[parameter.key()] = parameter.value();
  }
  return result;
}

}  // namespace atelier::trainer::testing::ldm_oracle
