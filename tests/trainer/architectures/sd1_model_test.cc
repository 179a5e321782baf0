#include <ATen/autocast_mode.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_ldm.h"
#include "tests/trainer/architectures/tiny_model.h"
#include "trainer/architectures/ldm_unet/unet.h"
#include "trainer/architectures/sd1/model.h"

namespace atelier::trainer::sd1 {
namespace {

using ::atelier::trainer::testing::MemorySource;
using ::atelier::trainer::testing::SourcesOf;
using ::atelier::trainer::testing::TinyOptions;
using ::atelier::trainer::testing::TinySd1Tensors;
using ::testing::HasSubstr;

std::string LoadError(const std::map<std::string, Tensor>& tensors,
                      const ModelOptions& options) {
  const MemorySource source(tensors);
  const auto model = Load(SourcesOf(source), options);
  return model.ok() ? "" : std::string(model.status().message());
}

// The names as older files have them, without `text_model.`.
std::map<std::string, Tensor> WithBareTextNames() {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, tensor] : TinySd1Tensors()) {
    const std::string old = "cond_stage_model.transformer.text_model.";
    const bool is_text = name.starts_with(old);
    tensors[is_text ? kTextPrefix + name.substr(old.size()) : name] = tensor;
  }
  return tensors;
}

TEST(Sd1ModelTest, TakesTextNamesWithoutTextModelAndKeepsThem) {
  const auto tensors = WithBareTextNames();
  const MemorySource source(tensors);
  const auto model = Load(SourcesOf(source), TinyOptions());
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<std::string> exported, expected;
  const auto files = ExportFiles(*model, {});
  for (const auto& entry : files[0].tensors) {
    exported.push_back(entry.name);
  }
  for (const auto& [name, tensor] : tensors) expected.push_back(name);
  EXPECT_EQ(exported, expected);
}

TEST(Sd1ModelTest, LoadsIntoFp32ReadyForTraining) {
  const MemorySource source(TinySd1Tensors());
  const auto model = Load(SourcesOf(source), TinyOptions());
  ASSERT_TRUE(model.ok()) << model.status();
  for (const Tensor& parameter : model->denoiser->parameters()) {
    EXPECT_EQ(parameter.scalar_type(), torch::kFloat32);
    EXPECT_TRUE(parameter.requires_grad());
  }
}

TEST(Sd1ModelTest, KeepsCopiesOfWhatNoModuleHolds) {
  const MemorySource source(TinySd1Tensors());
  const auto model = Load(SourcesOf(source), TinyOptions());
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_TRUE(model->untouched.contains("model_ema.decay"));
  const Tensor stored = source.Read("model_ema.decay").value();
  EXPECT_TRUE(model->untouched.at("model_ema.decay").equal(stored));
  EXPECT_NE(model->untouched.at("model_ema.decay").data_ptr(),
            stored.data_ptr());
}

TEST(Sd1ModelTest, RefusesClipSkipBeyondTheLayers) {
  ModelOptions options = TinyOptions();
  options.clip_skip = 3;
  EXPECT_THAT(LoadError(TinySd1Tensors(), options),
              HasSubstr("clip_skip is 3"));
}

TEST(Sd1ModelTest, NamesTheFolderWithoutTokenizer) {
  ModelOptions options;
  options.tokenizer_dir = "/nowhere";
  EXPECT_THAT(LoadError(TinySd1Tensors(), options), HasSubstr("/nowhere"));
}

TEST(Sd1ModelTest, RefusesInpaintingModels) {
  auto tensors = TinySd1Tensors();
  tensors["model.diffusion_model.input_blocks.0.0.weight"] =
      torch::zeros({32, 9, 3, 3});
  EXPECT_THAT(LoadError(tensors, TinyOptions()), HasSubstr("inpainting"));
}

TEST(Sd1ModelTest, NamesWeightsThatAreNotFinite) {
  auto tensors = TinySd1Tensors();
  const std::string name = "model.diffusion_model.out.2.bias";
  tensors[name] = torch::full({4}, NAN);
  EXPECT_THAT(LoadError(tensors, TinyOptions()), HasSubstr("out.2.bias"));
}

TEST(Sd1ModelTest, NamesAnAutoencoderThatIsMissing) {
  auto tensors = TinySd1Tensors();
  std::erase_if(tensors, [](const auto& entry) {
    return entry.first.starts_with(kLdmVaePrefix);
  });
  EXPECT_THAT(LoadError(tensors, TinyOptions()),
              HasSubstr("comes without the autoencoder"));
}

TEST(Sd1ModelTest, EncodesLongCaptionsInRows) {
  ModelOptions options = TinyOptions();
  options.max_token_length = 150;
  const MemorySource source(TinySd1Tensors());
  const auto model = Load(SourcesOf(source), options);
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<std::string> captions = {std::string(200, 'a'), "b"};
  const EncodedText text =
      model->conditioner->Encode(captions, EncoderChoice::kAll);
  EXPECT_EQ(text[0].sizes(), at::IntArrayRef({2, 152, 64}));
}

TEST(Sd1ModelTest, EncodesWithoutPaddingWhenAsked) {
  ModelOptions options = TinyOptions();
  options.no_token_padding = true;
  const MemorySource source(TinySd1Tensors());
  const auto model = Load(SourcesOf(source), options);
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<std::string> captions = {"abc", "b"};
  const EncodedText text =
      model->conditioner->Encode(captions, EncoderChoice::kAll);
  EXPECT_EQ(text[0].sizes(), at::IntArrayRef({2, 5, 64}));
}

TEST(LdmUnetTest, ComputesUnderAutocast) {
  const MemorySource source(TinySd1Tensors());
  auto model = Load(SourcesOf(source), TinyOptions());
  ASSERT_TRUE(model.ok()) << model.status();
  Conditioning conditioning;
  conditioning.context = torch::randn({1, 77, 64});
  const Tensor latents = torch::randn({1, 4, 8, 8});
  const Tensor full =
      model->denoiser->forward(latents, torch::tensor({500}), conditioning);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, torch::kBFloat16);
  const Tensor half =
      model->denoiser->forward(latents, torch::tensor({500}), conditioning);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  EXPECT_EQ(half.scalar_type(), torch::kFloat32);
  const double error = ((half - full).norm() / full.norm()).item<double>();
  EXPECT_GT(error, 0);
  EXPECT_LT(error, 0.1);
}

}  // namespace
}  // namespace atelier::trainer::sd1
