// The fixture's Lumina Image 2 model, in each form that it is stored in.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/oracle.h"
#include "trainer/architectures/architecture.h"
#include "trainer/architectures/lumina2/model.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::testing::lumina2_oracle {

inline constexpr char kTransformer[] = "lumina/lumina2.safetensors";
inline constexpr char kAllInOne[] = "lumina/lumina2_all_in_one.safetensors";
inline constexpr char kDiffusers[] = "lumina/diffusers";

// Components by option, for files that have the transformer alone.
using Components = std::map<std::string, std::string>;

inline Components AllFiles() {
  return {{"gemma2", "lumina/gemma2.safetensors"},
          {"ae", "lumina/ae.safetensors"}};
}

inline std::string SystemPrompt() {
  const std::string whole =
      LoadOracleJson("lumina/prompts.json")["with_system_prompt"][0]
          .get<std::string>();
  return whole.substr(0, whole.find(" <Prompt Start>"));
}

// With the fixture's system prompt and lengths.
inline ModelOptions Options() {
  static const int64_t length =
      LoadOracle("lumina/text.safetensors")["ids"].size(1);
  ModelOptions options;
  options.tokenizer_dir = OraclePath("lumina/diffusers/tokenizer");
  options.gemma2_max_token_length = length;
  options.system_prompt = SystemPrompt();
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
  return lumina2::Load(sources, options);
}

inline std::vector<std::string> Prompts() {
  std::vector<std::string> prompts;
  const auto json = LoadOracleJson("lumina/prompts.json");
  for (const auto& text : json["prompts"]) {
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

}  // namespace atelier::trainer::testing::lumina2_oracle
