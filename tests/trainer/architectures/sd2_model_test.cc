#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_ldm.h"
#include "tests/trainer/architectures/tiny_model.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/sd2/model.h"

namespace atelier::trainer::sd2_model_test {
namespace {

using ::atelier::trainer::testing::MemorySource;
using ::atelier::trainer::testing::SourcesOf;
using ::atelier::trainer::testing::TinyOptions;
using ::atelier::trainer::testing::TinySd1Tensors;
using ::atelier::trainer::testing::TinySd2Folder;
using ::atelier::trainer::testing::TinySd2Tensors;
using ::testing::HasSubstr;

using TensorMap = std::map<std::string, Tensor>;

constexpr char kText[] = "cond_stage_model.model.";

std::string LoadError(const TensorMap& tensors, const ModelOptions& options) {
  const MemorySource source(tensors);
  const auto model = sd2::Load(SourcesOf(source), options);
  return model.ok() ? "" : std::string(model.status().message());
}

TensorMap Exported(const Model& model) {
  TensorMap tensors;
  const auto files = sd2::ExportFiles(model, {});
  for (const NamedTensor& entry : files[0].tensors) {
    tensors[entry.name] = entry.tensor.to(entry.source_dtype);
  }
  return tensors;
}

TEST(Sd2ModelTest, RunsAllLayersButTheLastOfASingleFile) {
  const MemorySource source(TinySd2Tensors());
  const auto model = sd2::Load(SourcesOf(source), TinyOptions());
  ASSERT_TRUE(model.ok()) << model.status();
  const auto& text = dynamic_cast<ClipTextEncoder&>(
      *model->conditioner->TextEncoders()[0].module);
  EXPECT_EQ(text.config().layers, 2);
  EXPECT_TRUE(model->untouched.contains(
      std::string(kText) + "transformer.resblocks.2.attn.in_proj_weight"));
  EXPECT_TRUE(model->untouched.contains(std::string(kText) + "logit_scale"));
}

TEST(Sd2ModelTest, GivesAFolderTheLayerThatSingleFilesHaveInAddition) {
  const MemorySource folder(TinySd2Folder());
  const auto model = sd2::Load(SourcesOf(folder), TinyOptions());
  ASSERT_TRUE(model.ok()) << model.status();
  const TensorMap saved = Exported(*model);
  const std::string block = std::string(kText) + "transformer.resblocks.";
  EXPECT_TRUE(saved.at(block + "2.mlp.c_fc.weight")
                  .equal(saved.at(block + "1.mlp.c_fc.weight")));
  const MemorySource again(saved);
  const auto loaded = sd2::Load(SourcesOf(again), TinyOptions());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const std::vector<std::string> captions = {"a cat"};
  EXPECT_TRUE(
      loaded->conditioner->Encode(captions, EncoderChoice::kAll)[0].equal(
          model->conditioner->Encode(captions, EncoderChoice::kAll)[0]));
}

TEST(Sd2ModelTest, FillsCaptionsUpWithTheIdZero) {
  const MemorySource source(TinySd2Tensors());
  const auto model = sd2::Load(SourcesOf(source), TinyOptions());
  ASSERT_TRUE(model.ok()) << model.status();
  auto& text = dynamic_cast<ClipTextEncoder&>(
      *model->conditioner->TextEncoders()[0].module);
  Tensor ids = torch::zeros({1, 77}, torch::kInt64);
  ids[0][0] = 512;
  ids[0][1] = 'a' + 256;
  ids[0][2] = 513;
  const Tensor expected = text.FinalNorm(text.HiddenStates(ids).back());
  const std::vector<std::string> captions = {"a"};
  EXPECT_TRUE(
      model->conditioner->Encode(captions, EncoderChoice::kAll)[0].equal(
          expected));
}

TEST(Sd2ModelTest, SaysWhichObjectiveItsFilesHave) {
  const MemorySource source(TinySd2Tensors());
  ModelOptions options = TinyOptions();
  EXPECT_EQ(
      sd2::Load(SourcesOf(source), options).value().modelspec_architecture,
      "stable-diffusion-v2-512");
  options.diffusion.prediction_type = PredictionType::kVelocity;
  EXPECT_EQ(
      sd2::Load(SourcesOf(source), options).value().modelspec_architecture,
      "stable-diffusion-v2-768-v");
}

TEST(Sd2ModelTest, RefusesModelsOfTheFirstGeneration) {
  EXPECT_THAT(LoadError(TinySd1Tensors(), TinyOptions()),
              HasSubstr("is not a Stable Diffusion 2.x model"));
}

TEST(Sd2ModelTest, RefusesClipSkipBeyondTheLayers) {
  ModelOptions options = TinyOptions();
  options.clip_skip = 3;
  EXPECT_THAT(LoadError(TinySd2Tensors(), options),
              HasSubstr("clip_skip is 3"));
}

TEST(Sd2ModelTest, RefusesInpaintingModels) {
  TensorMap tensors = TinySd2Tensors();
  tensors["model.diffusion_model.input_blocks.0.0.weight"] =
      torch::zeros({64, 9, 3, 3});
  EXPECT_THAT(LoadError(tensors, TinyOptions()), HasSubstr("inpainting"));
}

TEST(Sd2ModelTest, NamesWhatTheTextEncoderLacks) {
  TensorMap tensors = TinySd2Tensors();
  tensors.erase(std::string(kText) +
                "transformer.resblocks.0.attn.in_proj_bias");
  EXPECT_THAT(LoadError(tensors, TinyOptions()),
              HasSubstr("text_model.encoder.layers.0.self_attn.k_proj.bias"));
}

}  // namespace
}  // namespace atelier::trainer::sd2_model_test
