#include "tests/trainer/architectures/tiny_model.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

#include "trainer/architectures/ldm_unet/unet.h"
#include "trainer/architectures/sd1/config.h"
#include "trainer/text/clip_text_model.h"
#include "trainer/text/unicode.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::testing {

void AddRandomWeights(const std::string& prefix, torch::nn::Module& module,
                      std::map<std::string, Tensor>& tensors) {
  for (const auto& parameter : module.named_parameters()) {
    const std::string& name = parameter.key();
    auto generator = at::make_generator<at::CPUGeneratorImpl>(
        std::hash<std::string>{}(name));
    const Tensor noise =
        torch::randn(parameter.value().sizes(), generator) * 0.1;
    const bool is_scale =
        parameter.value().dim() == 1 && name.ends_with("weight");
    tensors[prefix + name] = (is_scale ? 1 + noise : noise).to(torch::kFloat16);
  }
}

std::map<std::string, Tensor> TinySd1Tensors() {
  LdmUnetConfig unet;
  unet.model_channels = 32;
  unet.time_channels = 32;
  unet.context_channels = 64;
  unet.channels = {32, 32, 64, 64};
  unet.depths = {1, 1, 1, 0};
  unet.heads = 8;
  ClipTextConfig text;
  text.layers = 2;
  text.width = 64;
  text.mlp_width = 64;
  text.vocabulary = 514;
  AutoencoderConfig vae;
  vae.channels = {32, 32};
  vae.encoder_blocks = 1;
  vae.decoder_blocks = 2;

  std::map<std::string, Tensor> tensors;
  LdmUnet unet_module(unet);
  ClipTextModel text_module(text);
  AutoencoderKl vae_module(vae);
  AddRandomWeights(sd1::kUnetPrefix, unet_module, tensors);
  AddRandomWeights(sd1::kTextPrefix, text_module, tensors);
  AddRandomWeights(sd1::kVaePrefix, vae_module, tensors);
  tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] =
      torch::arange(77).unsqueeze(0);
  tensors["model_ema.decay"] = torch::tensor(0.5);
  return tensors;
}

std::string WriteTinyTokenizer(const std::string& folder) {
  std::filesystem::create_directories(folder);
  std::ofstream vocabulary(folder + "/vocab.json");
  vocabulary << "{";
  int shifted = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') ||
                           (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const int symbol = printable ? byte : 0x100 + shifted++;
    std::string text =
        EncodeUtf8(std::u32string(1, static_cast<char32_t>(symbol)));
    if (text == "\"" || text == "\\") text = "\\" + text;
    vocabulary << "\"" << text << "\":" << byte << ",\"" << text
               << "</w>\":" << byte + 256 << ",";
  }
  vocabulary << "\"<|startoftext|>\":512,\"<|endoftext|>\":513}";
  std::ofstream(folder + "/merges.txt") << "#version: 0.2\n";
  return folder;
}

ModelOptions TinyOptions() {
  ModelOptions options;
  options.tokenizer_dir =
      ::testing::TempDir() + "/tiny_tokenizer." + std::to_string(getpid());
  WriteTinyTokenizer(options.tokenizer_dir + "/clip");
  return options;
}

TinyArchitecture TinyArchitectureOf(const Architecture& architecture) {
  if (architecture.name == "sd1") return {"sd1", TinySd1Tensors()};
  ADD_FAILURE() << "no tiny checkpoint for " << architecture.name
                << "; add one to tiny_model.cc";
  return {};
}

}  // namespace atelier::trainer::testing
