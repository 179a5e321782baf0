#include "tests/trainer/architectures/tiny_model.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

#include "tests/trainer/architectures/tiny_flux.h"
#include "tests/trainer/architectures/tiny_ldm.h"
#include "tests/trainer/architectures/tiny_lumina2.h"
#include "tests/trainer/architectures/tiny_sd3.h"
#include "tests/trainer/architectures/tiny_sentencepiece.h"
#include "trainer/text/unicode.h"

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
  WriteTinySentencePiece(options.tokenizer_dir + "/t5/spiece.model",
                         {"<pad>", "</s>", "<unk>"});
  WriteTinySentencePiece(options.tokenizer_dir + "/gemma2/tokenizer.model",
                         {"<pad>", "<eos>", "<bos>", "<unk>"});
  return options;
}

TinyArchitecture TinyArchitectureOf(const Architecture& architecture) {
  if (architecture.name == "sd1") return {"sd1", TinySd1Tensors(), {}};
  if (architecture.name == "sd2") return {"sd2", TinySd2Tensors(), {}};
  if (architecture.name == "sdxl") return {"sdxl", TinySdxlTensors(), {}};
  if (architecture.name == "sd3") return TinySd3();
  if (architecture.name == "flux") return TinyFlux();
  if (architecture.name == "lumina2") return TinyLumina2();
  ADD_FAILURE() << "no tiny checkpoint for " << architecture.name
                << "; add one to tiny_model.cc";
  return {};
}

}  // namespace atelier::trainer::testing
