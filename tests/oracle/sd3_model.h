// The fixture's Stable Diffusion 3 models, in each form that they are stored
// in.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/oracle.h"
#include "trainer/architectures/architecture.h"
#include "trainer/architectures/sd3/model.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::testing::sd3_oracle {

inline constexpr char kSingleFile[] =
    "sd3/sd3_medium_incl_clips_t5xxl.safetensors";
inline constexpr char kSd35File[] = "sd3/sd3.5_medium.safetensors";
inline constexpr char kSd35Diffusers[] =
    "sd3/diffusers_sd35/transformer/diffusion_pytorch_model.safetensors";

// Components by option, for files without text encoders.
using Components = std::map<std::string, std::string>;

inline Components TextFiles() {
  return {{"clip_l", "sd3/clip_l.safetensors"},
          {"clip_g", "sd3/clip_g.safetensors"},
          {"t5xxl", "sd3/t5xxl.safetensors"}};
}

inline Components With(Components components, const std::string& option,
                       const std::string& file) {
  components[option] = file;
  return components;
}

inline std::map<std::string, Tensor>& TextTensors() {
  static auto* const tensors =
      new std::map<std::string, Tensor>(LoadOracle("sd3/text.safetensors"));
  return *tensors;
}

// With T5 as long as in the fixture's contexts.
inline ModelOptions Options() {
  ModelOptions options;
  options.tokenizer_dir = OraclePath("sd3/diffusers");
  options.t5xxl_max_token_length = TextTensors()["t5.ids"].size(1);
  return options;
}

inline absl::StatusOr<Model> LoadModel(
    const std::string& main, const Components& components = {},
    const ModelOptions& options = Options()) {
  auto source = OpenCheckpoint(OraclePath(main));
  if (!source.ok()) return source.status();
  ModelSources sources;
  sources.main = source->get();
  for (const auto& [option, name] : components) {
    auto component = OpenCheckpoint(OraclePath(name));
    if (!component.ok()) return component.status();
    sources.components[option] = *std::move(component);
  }
  return sd3::Load(sources, options);
}

inline std::vector<std::string> Prompts() {
  std::vector<std::string> prompts;
  for (const auto& text : LoadOracleJson("sd3/prompts.json")) {
    prompts.push_back(text.get<std::string>());
  }
  return prompts;
}

inline std::vector<std::string> PromptsAt(const Tensor& indices) {
  const std::vector<std::string> all = Prompts();
  std::vector<std::string> prompts;
  for (int64_t i = 0; i < indices.numel(); ++i) {
    prompts.push_back(all[static_cast<size_t>(indices[i].item<int64_t>())]);
  }
  return prompts;
}

// What the denoiser takes for these prompts.
inline Conditioning Encode(Model& model,
                           const std::vector<std::string>& prompts) {
  const std::vector<ImageGeometry> geometry(prompts.size());
  return model.conditioner->Condition(
      model.conditioner->Encode(prompts, EncoderChoice::kAll), geometry,
      nullptr);
}

}  // namespace atelier::trainer::testing::sd3_oracle
