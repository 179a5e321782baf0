// The fixture's FLUX.1 models, in each form that they are stored in.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/oracle.h"
#include "trainer/architectures/architecture.h"
#include "trainer/architectures/flux/model.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::testing::flux_oracle {

inline constexpr char kDev[] = "flux/flux1-dev.safetensors";
inline constexpr char kSchnell[] = "flux/flux1-schnell.safetensors";
inline constexpr char kDiffusers[] = "flux/diffusers";

// Components by option, for files that have the transformer alone.
using Components = std::map<std::string, std::string>;

inline Components AllFiles() {
  return {{"clip_l", "flux/clip_l.safetensors"},
          {"t5xxl", "flux/t5xxl.safetensors"},
          {"ae", "flux/ae.safetensors"}};
}

// With T5 as long as in the fixture's contexts.
inline ModelOptions Options() {
  static const int64_t length =
      LoadOracle("flux/text.safetensors")["t5.ids"].size(1);
  ModelOptions options;
  options.tokenizer_dir = OraclePath(kDiffusers);
  options.t5xxl_max_token_length = length;
  return options;
}

inline absl::StatusOr<Model> LoadModel(
    const std::string& main, const Components& components = AllFiles(),
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
  return flux::Load(sources, options);
}

inline std::vector<std::string> Prompts() {
  std::vector<std::string> prompts;
  for (const auto& text : LoadOracleJson("flux/prompts.json")) {
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
  const torch::NoGradGuard no_gradients;
  const std::vector<ImageGeometry> geometry(prompts.size());
  return model.conditioner->Condition(
      model.conditioner->Encode(prompts, EncoderChoice::kAll), geometry,
      nullptr);
}

}  // namespace atelier::trainer::testing::flux_oracle
