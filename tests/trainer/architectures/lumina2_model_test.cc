#include <ATen/autocast_mode.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/tiny_lumina2.h"
#include "trainer/architectures/components/export_transformer.h"
#include "trainer/architectures/lumina2/model.h"
#include "trainer/architectures/lumina2/recipe.h"

namespace atelier::trainer::lumina2_model_test {
namespace {

using ::atelier::trainer::testing::LoadTinyLumina2;
using ::atelier::trainer::testing::TinyLumina2AllInOne;
using ::atelier::trainer::testing::TinyLumina2Error;
using ::atelier::trainer::testing::TinyLumina2Tensors;
using ::testing::HasSubstr;

using Tensors = std::map<std::string, Tensor>;

void ExpectSaved(const Model& model, const Tensors& expected) {
  const auto files = ExportTransformer(model, {});
  ASSERT_EQ(files.size(), 1u);
  ASSERT_EQ(files[0].tensors.size(), expected.size());
  for (const NamedTensor& entry : files[0].tensors) {
    ASSERT_TRUE(expected.contains(entry.name)) << entry.name;
    EXPECT_EQ(entry.source_dtype, expected.at(entry.name).scalar_type());
    EXPECT_TRUE(
        entry.tensor.to(entry.source_dtype).equal(expected.at(entry.name)))
        << entry.name;
  }
}

ModelOptions WithoutTokenizers() {
  ModelOptions options;
  options.tokenizer_dir = "/nowhere";
  return options;
}

TEST(Lumina2ModelTest, SavesTheTransformerOfAnAllInOneFile) {
  const auto model =
      LoadTinyLumina2(TinyLumina2AllInOne(), {}, WithoutTokenizers());
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectSaved(*model, TinyLumina2Tensors());
}

TEST(Lumina2ModelTest, SavesNoNormThatTheFileLacked) {
  Tensors main = TinyLumina2Tensors();
  main.erase("norm_final.weight");
  const auto model = LoadTinyLumina2(main);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectSaved(*model, main);
}

TEST(Lumina2ModelTest, ReadsFp8AndSavesItInBf16) {
  Tensors main = TinyLumina2Tensors();
  Tensors expected;
  for (auto& [name, tensor] : main) {
    tensor = tensor.to(torch::kFloat8_e4m3fn);
    expected[name] = tensor.to(torch::kBFloat16);
  }
  const auto model = LoadTinyLumina2(main);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectSaved(*model, expected);
}

TEST(Lumina2ModelTest, TrainsTheTransformerAlone) {
  const auto model = LoadTinyLumina2(TinyLumina2Tensors());
  ASSERT_TRUE(model.ok()) << model.status();
  for (const auto& parameter : model->denoiser->named_parameters()) {
    EXPECT_EQ(parameter.value().requires_grad(),
              parameter.key() != "norm_final.weight")
        << parameter.key();
  }
  const auto encoders = model->conditioner->TextEncoders();
  ASSERT_EQ(encoders.size(), 1u);
  EXPECT_EQ(encoders[0].name, "text_encoder1");
  for (const Tensor& parameter : encoders[0].module->parameters()) {
    EXPECT_FALSE(parameter.requires_grad());
  }
}

TEST(Lumina2ModelTest, RunsEachBlockThroughTheRunner) {
  const auto model = LoadTinyLumina2(TinyLumina2Tensors());
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_NE(model->denoiser->block_runner(), nullptr);
  EXPECT_EQ(model->denoiser->block_runner()->size(), 6);
}

TEST(Lumina2ModelTest, DrawsPreviewsWithANegativePrompt) {
  auto model = LoadTinyLumina2(TinyLumina2Tensors());
  ASSERT_TRUE(model.ok()) << model.status();
  const torch::NoGradGuard no_gradients;
  const std::vector<ImageGeometry> geometry(1);
  auto& conditioner = *model->conditioner;
  const std::vector<std::string> prompt = {"a cat"}, negative = {""};
  PreviewRequest request;
  request.positive = conditioner.Condition(
      conditioner.Encode(prompt, EncoderChoice::kAll), geometry, nullptr);
  request.negative = conditioner.Condition(
      conditioner.EncodeNegative(negative, EncoderChoice::kAll), geometry,
      nullptr);
  request.width = 64;
  request.height = 96;
  request.steps = 3;
  request.cfg_scale = 3.5;
  request.sampler = "euler";
  const auto guided =
      model->recipe->Preview(*model->denoiser, request, torch::kCPU);
  ASSERT_TRUE(guided.ok()) << guided.status();
  EXPECT_EQ(guided->sizes(), at::IntArrayRef({1, 4, 12, 8}));
  EXPECT_TRUE(guided->isfinite().all().item<bool>());
  request.cfg_scale = 1;
  const auto plain =
      model->recipe->Preview(*model->denoiser, request, torch::kCPU);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE(guided->equal(*plain));
}

TEST(Lumina2RecipeTest, TakesTheValuesOfThePublishedPipeline) {
  const FlowFamily family = lumina2::Lumina2Family(16);
  EXPECT_EQ(family.preview.shift, 6);
  EXPECT_EQ(family.preview.cfg_trunc_ratio, 0.25);
  EXPECT_EQ(family.preview.renorm_cfg, 1);
  const Architecture& row = *FindArchitecture("lumina2").value();
  EXPECT_EQ(row.preview.width, 1024);
  EXPECT_EQ(row.preview.height, 1024);
  EXPECT_EQ(row.preview.steps, 36);
  EXPECT_EQ(row.preview.cfg_scale, 3.5);
  EXPECT_EQ(row.preview.size_multiple, 16);
}

TEST(Lumina2ModelTest, NamesEveryTensorThatDoesNotFit) {
  Tensors main = TinyLumina2Tensors();
  main.erase("x_embedder.bias");
  main.erase("context_refiner.1.attention.out.weight");
  main["t_embedder.mlp.0.weight"] = torch::zeros({5, 64});
  main["layers.0.other.weight"] = torch::zeros({1});
  const std::string error = TinyLumina2Error(main);
  for (const char* name :
       {"x_embedder.bias", "context_refiner.1.attention.out.weight",
        "t_embedder.mlp.0.weight", "layers.0.other.weight"}) {
    EXPECT_THAT(error, HasSubstr(name));
  }
}

TEST(Lumina2ModelTest, RefusesWidthsThatHeadsDoNotFill) {
  Tensors main = TinyLumina2Tensors();
  main["x_embedder.weight"] = torch::zeros({100, 16});
  EXPECT_THAT(TinyLumina2Error(main),
              HasSubstr("expected multiples of 96 and 4"));
}

TEST(Lumina2ModelTest, ComputesUnderAutocast) {
  auto model = LoadTinyLumina2(TinyLumina2Tensors());
  ASSERT_TRUE(model.ok()) << model.status();
  const torch::NoGradGuard no_gradients;
  Conditioning conditioning;
  conditioning.context = torch::randn({1, 8, 64});
  conditioning.context_mask = torch::ones({1, 8}, torch::kInt64);
  const Tensor latents = torch::randn({1, 4, 8, 8});
  const Tensor full =
      model->denoiser->forward(latents, torch::tensor({500.0}), conditioning);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, torch::kBFloat16);
  const Tensor half =
      model->denoiser->forward(latents, torch::tensor({500.0}), conditioning);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  const double error = ((half - full).norm() / full.norm()).item<double>();
  EXPECT_GT(error, 0);
  EXPECT_LT(error, 0.1);
}

}  // namespace
}  // namespace atelier::trainer::lumina2_model_test
