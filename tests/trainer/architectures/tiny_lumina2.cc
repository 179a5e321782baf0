#include "tests/trainer/architectures/tiny_lumina2.h"

#include <fstream>
#include <iterator>

#include "tests/support/temp_dir.h"
#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_sentencepiece.h"
#include "trainer/architectures/lumina2/model.h"
#include "trainer/architectures/lumina2/transformer.h"
#include "trainer/text/gemma2.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::testing {
namespace {

// The bytes of a tokenizer as a tensor.
Tensor TokenizerTensor() {
  const atelier::testing::TempDir dir;
  WriteTinySentencePiece(dir.File("m/tokenizer.model"),
                         {"<pad>", "<eos>", "<bos>", "<unk>"});
  std::ifstream file(dir.File("m/tokenizer.model"), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return torch::from_blob(bytes.data(), {static_cast<int64_t>(bytes.size())},
                          torch::kUInt8)
      .clone();
}

}  // namespace

std::map<std::string, Tensor> TinyLumina2Tensors() {
  lumina2::NextDitConfig config;
  config.width = 2 * lumina2::kHeadDim;
  config.heads = 2;
  config.key_value_heads = 1;
  config.layers = 2;
  config.patch_channels = 16;  // 4 latent channels
  config.caption_width = 64;
  config.feed_forward = 64;
  config.modulation_width = 64;
  lumina2::NextDitImpl transformer(config);
  std::map<std::string, Tensor> tensors;
  AddRandomWeights("", transformer, tensors);
  for (auto& [name, tensor] : tensors) tensor = tensor.to(torch::kBFloat16);
  return tensors;
}

std::map<std::string, std::map<std::string, Tensor>> TinyLumina2Components() {
  Gemma2Config gemma;
  gemma.vocabulary = 128;
  gemma.width = 64;
  gemma.feed_forward = 64;
  gemma.heads = 2;
  gemma.key_value_heads = 1;
  gemma.layers = 2;
  AutoencoderConfig ae;
  ae.channels = {32, 32};
  ae.encoder_blocks = 1;
  ae.decoder_blocks = 2;
  ae.has_quant_conv = false;

  Gemma2 gemma_module(gemma);
  AutoencoderKl ae_module(ae);
  std::map<std::string, std::map<std::string, Tensor>> components;
  AddRandomWeights("model.", *gemma_module, components["gemma2"]);
  AddRandomWeights("", ae_module, components["ae"]);
  return components;
}

TinyArchitecture TinyLumina2() {
  return {"lumina2", TinyLumina2Tensors(), TinyLumina2Components(),
          "noise_refiner.0."};
}

std::map<std::string, Tensor> TinyLumina2AllInOne() {
  std::map<std::string, Tensor> main;
  const auto add = [&main](const std::string& prefix,
                           const std::map<std::string, Tensor>& part) {
    for (const auto& [name, tensor] : part) main[prefix + name] = tensor;
  };
  auto parts = TinyLumina2Components();
  add("model.diffusion_model.", TinyLumina2Tensors());
  add("text_encoders.gemma2_2b.transformer.", parts["gemma2"]);
  add("vae.", parts["ae"]);
  main["text_encoders.gemma2_2b.logit_scale"] = torch::tensor(1.0);
  main["text_encoders.gemma2_2b.spiece_model"] = TokenizerTensor();
  return main;
}

absl::StatusOr<Model> LoadTinyLumina2(
    const std::map<std::string, Tensor>& main,
    const std::map<std::string, std::map<std::string, Tensor>>& components,
    const ModelOptions& options) {
  const MemorySource source(main);
  ModelSources sources = SourcesOf(source);
  for (const auto& [option, tensors] : components) {
    sources.components[option] = std::make_unique<MemorySource>(tensors);
  }
  return lumina2::Load(sources, options);
}

std::string TinyLumina2Error(
    const std::map<std::string, Tensor>& main,
    const std::map<std::string, std::map<std::string, Tensor>>& components,
    const ModelOptions& options) {
  const auto model = LoadTinyLumina2(main, components, options);
  return model.ok() ? "" : std::string(model.status().message());
}

}  // namespace atelier::trainer::testing
