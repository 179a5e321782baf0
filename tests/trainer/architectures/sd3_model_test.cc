#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_model.h"
#include "tests/trainer/architectures/tiny_sd3.h"
#include "trainer/architectures/sd3/keys.h"
#include "trainer/architectures/sd3/model.h"
#include "trainer/architectures/sd3/transformer.h"
#include "trainer/checkpoint/key_rule.h"

namespace atelier::trainer::sd3 {
namespace {

using ::atelier::trainer::testing::MemorySource;
using ::atelier::trainer::testing::TinyMmditConfig;
using ::atelier::trainer::testing::TinyOptions;
using ::atelier::trainer::testing::TinySd3Tensors;
using ::testing::HasSubstr;

using Tensors = std::map<std::string, Tensor>;

absl::StatusOr<Model> LoadTensors(
    const Tensors& main, const std::map<std::string, Tensors>& components = {},
    const ModelOptions& options = TinyOptions()) {
  const MemorySource source(main);
  ModelSources sources;
  sources.main = &source;
  for (const auto& [option, tensors] : components) {
    sources.components[option] = std::make_unique<MemorySource>(tensors);
  }
  return Load(sources, options);
}

// The names below `prefix`, which is taken off, and those that are not.
struct Split {
  Tensors part, rest;
};
Split TakeOut(const Tensors& tensors, const std::string& prefix) {
  Split split;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) {
      split.part[name.substr(prefix.size())] = tensor;
    } else {
      split.rest[name] = tensor;
    }
  }
  return split;
}

Tensors Medium() { return TinySd3Tensors(TinyMmditConfig()); }

// A transformer and autoencoder without text encoders, and those as files.
struct Parts {
  Tensors main;
  std::map<std::string, Tensors> encoders;
};
Parts SplitParts() {
  Parts parts;
  Split split = TakeOut(Medium(), kClipLPrefix);
  parts.encoders["clip_l"] = split.part;
  split = TakeOut(split.rest, kClipGPrefix);
  parts.encoders["clip_g"] = split.part;
  split = TakeOut(split.rest, kT5Prefix);
  parts.encoders["t5xxl"] = split.part;
  parts.main = split.rest;
  return parts;
}

std::vector<std::string> Names(const Tensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

std::vector<std::string> Names(const ExportedFile& file) {
  std::vector<std::string> names;
  for (const NamedTensor& tensor : file.tensors) names.push_back(tensor.name);
  return names;
}

std::string ErrorOf(const absl::StatusOr<Model>& model) {
  return model.ok() ? "" : std::string(model.status().message());
}

TEST(Sd3ModelTest, ReadsTheVariantOffTheKeys) {
  MmditConfig config = TinyMmditConfig();
  EXPECT_EQ(LoadTensors(TinySd3Tensors(config))->modelspec_architecture,
            "stable-diffusion-3-medium");
  config.qk_norm = true;
  EXPECT_EQ(LoadTensors(TinySd3Tensors(config))->modelspec_architecture,
            "stable-diffusion-3-5-large");
  config.dual_attention_blocks = 1;
  EXPECT_EQ(LoadTensors(TinySd3Tensors(config))->modelspec_architecture,
            "stable-diffusion-3-5-medium");
}

TEST(Sd3ModelTest, LeavesOutT5WhereTheFileHasTheClipsAlone) {
  const Tensors tensors = TakeOut(Medium(), kT5Prefix).rest;
  const auto model = LoadTensors(tensors);
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->warnings.size(), 1);
  EXPECT_THAT(model->warnings[0], HasSubstr("give its file as t5xxl"));
  const EncodedText text =
      model->conditioner->Encode({"a cat"}, EncoderChoice::kAll);
  const Conditioning conditioning =
      model->conditioner->Condition(text, {}, nullptr);
  EXPECT_EQ(conditioning.context.sizes(), at::IntArrayRef({1, 154, 128}));
  EXPECT_TRUE(conditioning.context.slice(1, 77).eq(0).all().item<bool>());
  EXPECT_EQ(Names(ExportFiles(*model, {})[0]), Names(tensors));
}

TEST(Sd3ModelTest, AsksForEachTextEncoderThatIsNowhere) {
  const Parts parts = SplitParts();
  for (const auto& [missing, tensors] : parts.encoders) {
    auto encoders = parts.encoders;
    encoders.erase(missing);
    EXPECT_THAT(ErrorOf(LoadTensors(parts.main, encoders)),
                HasSubstr("give its file as " + missing));
  }
}

TEST(Sd3ModelTest, ReadsATransformerAloneWithEveryComponentBeside) {
  Parts parts = SplitParts();
  const Split split = TakeOut(parts.main, kVaePrefix);
  parts.encoders["vae"] = split.part;
  const Tensors bare = TakeOut(split.rest, kMmditPrefix).part;
  const auto model = LoadTensors(bare, parts.encoders);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Names(ExportFiles(*model, {})[0]), Names(parts.main));
}

// The same in the names of Diffusers.
Tensors DiffusersNames(const Tensors& bare, const std::string& prefix) {
  const KeyMap keys =
      KeyMap::Make(DiffusersKeys(TinyMmditConfig().depth, prefix)).value();
  return keys.Apply(bare, KeyMap::Direction::kBackward).value();
}

TEST(Sd3ModelTest, ReadsADiffusersTransformer) {
  const Parts parts = SplitParts();
  auto components = parts.encoders;
  components["vae"] = TakeOut(parts.main, kVaePrefix).part;
  const Tensors bare = TakeOut(parts.main, kMmditPrefix).part;
  for (const std::string prefix : {"", "transformer/"}) {
    Tensors tensors = DiffusersNames(bare, prefix);
    const auto model = LoadTensors(tensors, components);
    ASSERT_TRUE(model.ok()) << model.status();
    const auto exported = ExportFiles(*model, {});
    for (const NamedTensor& entry : exported[0].tensors) {
      EXPECT_TRUE(
          entry.tensor.to(torch::kFloat16).equal(parts.main.at(entry.name)))
          << entry.name;
    }
    tensors[prefix + "transformer_blocks.0.attn3.to_q.weight"] =
        torch::zeros(1);
    EXPECT_THAT(ErrorOf(LoadTensors(tensors, components)),
                HasSubstr("attn3.to_q.weight"));
  }
}

TEST(Sd3ModelTest, SavesAReplacedTextEncoderInPlaceOfTheOldOne) {
  auto replacement = SplitParts().encoders.at("clip_g");
  replacement["text_model.final_layer_norm.bias"] =
      torch::full({64}, 2, torch::kFloat32);
  Tensors main = Medium();
  main[std::string(kClipGPrefix) + "logit_scale"] = torch::tensor(1.0);
  const auto model = LoadTensors(main, {{"clip_g", replacement}});
  ASSERT_TRUE(model.ok()) << model.status();
  const ExportedFile file = ExportFiles(*model, {})[0];
  EXPECT_EQ(Names(file), Names(Medium()));
  for (const NamedTensor& entry : file.tensors) {
    if (!entry.name.ends_with(
            "clip_g.transformer.text_model.final_layer_norm.bias")) {
      continue;
    }
    EXPECT_TRUE(entry.tensor.eq(2).all().item<bool>());
    EXPECT_EQ(entry.source_dtype, torch::kFloat32);
  }
}

TEST(Sd3ModelTest, SavesTrainedTextEncodersBesideAndInside) {
  const auto model = LoadTensors(Medium());
  ASSERT_TRUE(model.ok()) << model.status();
  const auto files = ExportFiles(*model, {"text_encoder1", "text_encoder3"});
  ASSERT_EQ(files.size(), 3);
  EXPECT_EQ(Names(files[0]), Names(Medium()));
  EXPECT_EQ(files[1].suffix, "_clip_l");
  EXPECT_EQ(Names(files[1]), Names(SplitParts().encoders.at("clip_l")));
  EXPECT_EQ(files[2].suffix, "_t5xxl");
  EXPECT_EQ(Names(files[2]), Names(SplitParts().encoders.at("t5xxl")));
}

TEST(Sd3ModelTest, SavesTrainedEightBitWeightsInSixteen) {
  Parts parts = SplitParts();
  for (auto& [name, tensor] : parts.encoders["t5xxl"]) {
    tensor = tensor.to(torch::kFloat8_e4m3fn);
  }
  const auto model = LoadTensors(parts.main, parts.encoders);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto files = ExportFiles(*model, {"text_encoder3"});
  for (const NamedTensor& entry : files[1].tensors) {
    EXPECT_EQ(entry.source_dtype, torch::kBFloat16) << entry.name;
  }
}

TEST(Sd3ModelTest, FreezesTheLastBlocks) {
  ModelOptions options = TinyOptions();
  options.num_last_block_to_freeze = 1;
  const auto model = LoadTensors(Medium(), {}, options);
  ASSERT_TRUE(model.ok()) << model.status();
  for (const auto& item : model->denoiser->named_parameters()) {
    EXPECT_EQ(item.value().requires_grad(),
              !item.key().starts_with("joint_blocks.1."))
        << item.key();
  }
  options.num_last_block_to_freeze = 3;
  EXPECT_THAT(ErrorOf(LoadTensors(Medium(), {}, options)),
              HasSubstr("num_last_block_to_freeze is 3"));
}

TEST(Sd3ModelTest, RefusesTextEncodersOfAnotherWidth) {
  Parts parts = SplitParts();
  MmditConfig config = TinyMmditConfig();
  config.pooled_width = 192;
  const Tensors wide = TakeOut(TinySd3Tensors(config), "text_encoders.").rest;
  EXPECT_THAT(ErrorOf(LoadTensors(wide, parts.encoders)),
              HasSubstr("exactly 192"));
  config = TinyMmditConfig();
  config.context_width = 192;
  EXPECT_THAT(ErrorOf(LoadTensors(
                  TakeOut(TinySd3Tensors(config), "text_encoders.").rest,
                  parts.encoders)),
              HasSubstr("t5xxl is 128 wide; the transformer takes 192"));
}

TEST(Sd3ModelTest, ScalesPositionsOnlyToSidesThatExist) {
  ModelOptions options = TinyOptions();
  options.enable_scaled_pos_embed = true;
  EXPECT_THAT(ErrorOf(LoadTensors(Medium(), {}, options)),
              HasSubstr("enable_scaled_pos_embed"));
  options.latent_sides = {1};
  EXPECT_THAT(ErrorOf(LoadTensors(Medium(), {}, options)),
              HasSubstr("a resolution of 1 latent cells"));
}

TEST(Sd3ModelTest, DrawsPreviews) {
  const auto model = LoadTensors(Medium());
  ASSERT_TRUE(model.ok()) << model.status();
  const EncodedText text =
      model->conditioner->Encode({"a cat", ""}, EncoderChoice::kAll);
  const auto row = [&](int64_t i) {
    EncodedText part;
    for (const Tensor& place : text) part.push_back(place.slice(0, i, i + 1));
    return model->conditioner->Condition(part, {}, nullptr);
  };
  PreviewRequest request;
  request.positive = row(0);
  request.negative = row(1);
  request.width = 72;  // an odd number of latent cells
  request.height = 64;
  request.steps = 3;
  request.sampler = "euler";
  const auto drawn =
      model->recipe->Preview(*model->denoiser, request, torch::kCPU);
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  EXPECT_EQ(drawn->sizes(), at::IntArrayRef({1, 16, 8, 9}));
  request.flow_shift = 3;  // the family's own
  EXPECT_TRUE(model->recipe->Preview(*model->denoiser, request, torch::kCPU)
                  ->equal(*drawn));
  request.flow_shift = 1;
  EXPECT_FALSE(model->recipe->Preview(*model->denoiser, request, torch::kCPU)
                   ->equal(*drawn));
}

}  // namespace
}  // namespace atelier::trainer::sd3
