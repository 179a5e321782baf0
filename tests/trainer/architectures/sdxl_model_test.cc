#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_ldm.h"
#include "tests/trainer/architectures/tiny_model.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/sdxl/conditioner.h"
#include "trainer/architectures/sdxl/model.h"

namespace atelier::trainer::sdxl_model_test {
namespace {

using ::atelier::trainer::testing::MemorySource;
using ::atelier::trainer::testing::SourcesOf;
using ::atelier::trainer::testing::TinyOptions;
using ::atelier::trainer::testing::TinySdxlFolder;
using ::atelier::trainer::testing::TinySdxlTensors;
using ::testing::HasSubstr;

using TensorMap = std::map<std::string, Tensor>;

constexpr char kText2[] = "conditioner.embedders.1.model.";

std::string LoadError(const TensorMap& tensors) {
  const MemorySource source(tensors);
  const auto model = sdxl::Load(SourcesOf(source), TinyOptions());
  return model.ok() ? "" : std::string(model.status().message());
}

Model LoadTensors(const TensorMap& tensors,
                  const ModelOptions& options = TinyOptions()) {
  const MemorySource source(tensors);
  return sdxl::Load(SourcesOf(source), options).value();
}

TEST(SdxlModelTest, LoadsAFolderAsTheSingleFile) {
  const Model file = LoadTensors(TinySdxlTensors());
  const Model folder = LoadTensors(TinySdxlFolder());
  const std::vector<std::string> captions = {"two dogs"};
  const auto expected = file.conditioner->Encode(captions, EncoderChoice::kAll);
  const auto actual = folder.conditioner->Encode(captions, EncoderChoice::kAll);
  for (int place = 0; place < sdxl::kTextPlaces; ++place) {
    EXPECT_TRUE(actual[place].equal(expected[place])) << place;
  }
}

TEST(SdxlModelTest, ProjectsByTheTransposeOfWhatTheFileHolds) {
  const TensorMap tensors = TinySdxlTensors();
  const Model model = LoadTensors(tensors);
  const auto parameters =
      model.conditioner->TextEncoders()[1].module->named_parameters();
  EXPECT_TRUE(parameters["text_projection.weight"].equal(
      tensors.at(std::string(kText2) + "text_projection")
          .t()
          .to(torch::kFloat32)));
}

TEST(SdxlModelTest, NeverTrainsWhatTheContextIsReadBefore) {
  const Model model = LoadTensors(TinySdxlTensors());
  for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
    for (const auto& parameter : encoder.module->named_parameters()) {
      const std::string& name = parameter.key();
      const bool is_behind =
          encoder.name == "text_encoder1" &&
          (name.starts_with("text_model.encoder.layers.1.") ||
           name.starts_with("text_model.final_layer_norm."));
      EXPECT_EQ(parameter.value().requires_grad(), !is_behind) << name;
    }
  }
}

TEST(SdxlModelTest, TellsTheSizesHeightFirst) {
  Model model = LoadTensors(TinySdxlTensors());
  const std::vector<std::string> captions = {"a"};
  const std::vector<ImageGeometry> geometry = {{640, 480, 3, 5, 512, 384}};
  const Conditioning conditioning = model.conditioner->Condition(
      model.conditioner->Encode(captions, EncoderChoice::kAll), geometry,
      nullptr);
  const Tensor expected =
      torch::tensor({{480.0f, 640.0f, 5.0f, 3.0f, 384.0f, 512.0f}});
  EXPECT_TRUE(conditioning.size_ids.equal(expected));
  EXPECT_EQ(conditioning.context.sizes(), at::IntArrayRef({1, 77, 128}));
  EXPECT_EQ(conditioning.pooled.sizes(), at::IntArrayRef({1, 64}));
}

TEST(SdxlModelTest, PoolsLongCaptionsInTheirFirstRow) {
  ModelOptions options = TinyOptions();
  options.max_token_length = 150;
  const Model model = LoadTensors(TinySdxlTensors(), options);
  const std::vector<std::string> captions = {std::string(75, 'a') + " b",
                                             std::string(75, 'a') + " c"};
  const auto text = model.conditioner->Encode(captions, EncoderChoice::kAll);
  EXPECT_EQ(text[sdxl::kClipGHidden].sizes(), at::IntArrayRef({2, 152, 64}));
  EXPECT_TRUE(text[sdxl::kClipGPooled][0].equal(text[sdxl::kClipGPooled][1]));
  EXPECT_FALSE(text[sdxl::kClipLHidden][0].equal(text[sdxl::kClipLHidden][1]));
}

TEST(SdxlModelTest, RunsOnlyTheEncodersThatAreAskedFor) {
  const Model model = LoadTensors(TinySdxlTensors());
  for (const TextEncoder& encoder : model.conditioner->TextEncoders()) {
    if (encoder.name != "text_encoder2") continue;
    for (Tensor& parameter : encoder.module->parameters()) {
      parameter.set_requires_grad(false);
    }
  }
  const std::vector<std::string> captions = {"a"};
  const auto trained =
      model.conditioner->Encode(captions, EncoderChoice::kTrained);
  EXPECT_TRUE(trained[sdxl::kClipLHidden].defined());
  EXPECT_FALSE(trained[sdxl::kClipGPooled].defined());
  const auto frozen =
      model.conditioner->Encode(captions, EncoderChoice::kFrozen);
  EXPECT_FALSE(frozen[sdxl::kClipLHidden].defined());
  EXPECT_TRUE(frozen[sdxl::kClipGPooled].defined());
}

TEST(SdxlModelTest, RefusesTheRefiner) {
  TensorMap tensors;
  for (auto& [name, tensor] : TinySdxlTensors()) {
    if (name.starts_with("conditioner.embedders.0.")) continue;
    const bool is_text = name.starts_with(kText2);
    tensors[is_text ? "conditioner.embedders.0.model." +
                          name.substr(sizeof(kText2) - 1)
                    : name] = tensor;
  }
  EXPECT_THAT(LoadError(tensors), HasSubstr("is the refiner"));
  TensorMap folder = TinySdxlFolder();
  std::erase_if(folder, [](const auto& entry) {
    return entry.first.starts_with("text_encoder/");
  });
  EXPECT_THAT(LoadError(folder), HasSubstr("is the refiner"));
}

TEST(SdxlModelTest, RefusesInpaintingModels) {
  TensorMap tensors = TinySdxlTensors();
  tensors["model.diffusion_model.input_blocks.0.0.weight"] =
      torch::zeros({32, 9, 3, 3});
  EXPECT_THAT(LoadError(tensors), HasSubstr("inpainting"));
}

TEST(SdxlModelTest, WarnsThatClipSkipHasNoEffect) {
  ModelOptions options = TinyOptions();
  options.clip_skip = 2;
  const Model model = LoadTensors(TinySdxlTensors(), options);
  EXPECT_THAT(model.warnings, ::testing::ElementsAre(HasSubstr("clip_skip")));
}

TEST(SdxlModelTest, PutsEveryParameterIntoOneOf23Blocks) {
  const Model model = LoadTensors(TinySdxlTensors());
  std::set<int> blocks;
  for (const auto& parameter : model.denoiser->named_parameters()) {
    const auto block = sdxl::BlockOf(parameter.key());
    ASSERT_TRUE(block.has_value()) << parameter.key();
    blocks.insert(*block);
  }
  EXPECT_EQ(blocks.size(), 23);
  EXPECT_EQ(sdxl::BlockOf("label_emb.0.0.weight"), 0);
  EXPECT_EQ(sdxl::BlockOf("input_blocks.8.1.norm.weight"), 9);
  EXPECT_EQ(sdxl::BlockOf("middle_block.2.out_layers.0.bias"), 12);
  EXPECT_EQ(sdxl::BlockOf("output_blocks.0.0.in_layers.2.weight"), 13);
  EXPECT_EQ(sdxl::BlockOf("out.2.bias"), 22);
}

}  // namespace
}  // namespace atelier::trainer::sdxl_model_test
