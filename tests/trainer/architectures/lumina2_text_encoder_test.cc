#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_lumina2.h"
#include "tests/trainer/architectures/tiny_sentencepiece.h"
#include "trainer/architectures/lumina2/model.h"
#include "trainer/checkpoint/safetensors_writer.h"

namespace atelier::trainer::lumina2_text_encoder_test {
namespace {

using ::atelier::trainer::testing::LoadTinyLumina2;
using ::atelier::trainer::testing::MemorySource;
using ::atelier::trainer::testing::SourcesOf;
using ::atelier::trainer::testing::TinyLumina2AllInOne;
using ::atelier::trainer::testing::TinyLumina2Components;
using ::atelier::trainer::testing::TinyLumina2Error;
using ::atelier::trainer::testing::TinyLumina2Tensors;
using ::atelier::trainer::testing::TinyOptions;
using ::testing::HasSubstr;

using Tensors = std::map<std::string, Tensor>;
using Components = std::map<std::string, Tensors>;

ModelOptions WithoutTokenizers() {
  ModelOptions options;
  options.tokenizer_dir = "/nowhere";
  return options;
}

TEST(Lumina2TextEncoderTest, PutsTheSystemPromptBeforeCaptionsAlone) {
  ModelOptions options = TinyOptions();
  options.system_prompt = "Draw well";
  options.gemma2_max_token_length = 64;
  auto model =
      LoadTinyLumina2(TinyLumina2Tensors(), TinyLumina2Components(), options);
  ASSERT_TRUE(model.ok()) << model.status();
  const torch::NoGradGuard no_gradients;
  const std::vector<std::string> caption = {"a cat"};
  const std::vector<std::string> whole = {"Draw well <Prompt Start> a cat"};
  auto& conditioner = *model->conditioner;
  const auto captioned = conditioner.Encode(caption, EncoderChoice::kAll);
  const auto written = conditioner.EncodeNegative(whole, EncoderChoice::kAll);
  const auto negative =
      conditioner.EncodeNegative(caption, EncoderChoice::kAll);
  EXPECT_EQ(captioned[0].sizes(), at::IntArrayRef({1, 64, 64}));
  EXPECT_TRUE(captioned[0].equal(written[0]));
  EXPECT_TRUE(captioned[1].equal(written[1]));
  EXPECT_GT(captioned[1].sum().item<int64_t>(),
            negative[1].sum().item<int64_t>());
}

TEST(Lumina2TextEncoderTest, AReleasedEncoderIsGoneAndEncodesNothing) {
  auto model = LoadTinyLumina2(TinyLumina2Tensors());
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<std::string> captions = {"a cat"};
  const auto text = model->conditioner->Encode(captions, EncoderChoice::kAll);
  model->conditioner->ReleaseFrozen();
  EXPECT_TRUE(model->conditioner->TextEncoders().empty());
  for (const Tensor& place :
       model->conditioner->Encode(captions, EncoderChoice::kAll)) {
    EXPECT_FALSE(place.defined());
  }
  const std::vector<ImageGeometry> geometry(1);
  EXPECT_TRUE(
      model->conditioner->Condition(text, geometry, nullptr).context.defined());
}

TEST(Lumina2TextEncoderTest, TakesGemmaWithAndWithoutModelBeforeItsNames) {
  Components components = TinyLumina2Components();
  Tensors bare;
  for (const auto& [name, tensor] : components["gemma2"]) {
    bare[name.substr(std::string("model.").size())] = tensor;
  }
  bare["lm_head.weight"] = torch::zeros({1});
  components["gemma2"] = bare;
  EXPECT_EQ(TinyLumina2Error(TinyLumina2Tensors(), components), "");
}

TEST(Lumina2TextEncoderTest, TakesGemmaFromAFolderOfShardsWithItsTokenizer) {
  const atelier::testing::TempDir dir;
  atelier::trainer::testing::WriteTinySentencePiece(
      dir.File("tokenizer.model"), {"<pad>", "<eos>", "<bos>", "<unk>"});
  Tensors first = TinyLumina2Components()["gemma2"];
  Tensors second;
  second.insert(first.extract("model.norm.weight"));
  std::string map;
  for (const auto& [name, tensor] : first) {
    map += "\"" + name + "\": \"model-00001-of-00002.safetensors\", ";
  }
  map += "\"model.norm.weight\": \"model-00002-of-00002.safetensors\"";
  std::ofstream(dir.File("model.safetensors.index.json"))
      << "{\"weight_map\": {" << map << "}}";
  ASSERT_TRUE(
      WriteSafetensors(dir.File("model-00001-of-00002.safetensors"), first)
          .ok());
  ASSERT_TRUE(
      WriteSafetensors(dir.File("model-00002-of-00002.safetensors"), second)
          .ok());
  for (const std::string& path :
       {dir.path(), dir.File("model-00001-of-00002.safetensors"),
        dir.File("model.safetensors.index.json")}) {
    const MemorySource main(TinyLumina2Tensors());
    ModelSources sources = SourcesOf(main);
    sources.components["gemma2"] = OpenCheckpoint(path).value();
    sources.components["ae"] =
        std::make_unique<MemorySource>(TinyLumina2Components()["ae"]);
    const auto model = lumina2::Load(sources, WithoutTokenizers());
    EXPECT_TRUE(model.ok()) << model.status();
  }
}

TEST(Lumina2TextEncoderTest, RefusesAnEncoderOfAnotherWidth) {
  Components components = TinyLumina2Components();
  for (auto& [name, tensor] : components["gemma2"]) {
    if (tensor.dim() == 1) tensor = torch::zeros({32});
    if (name.ends_with("embed_tokens.weight")) tensor = torch::zeros({128, 32});
  }
  EXPECT_THAT(TinyLumina2Error(TinyLumina2Tensors(), components),
              HasSubstr("is 32 wide, the transformer takes captions of width "
                        "64"));
}

TEST(Lumina2TextEncoderTest, RefusesOtherLanguageModels) {
  Components components = TinyLumina2Components();
  std::erase_if(components["gemma2"], [](const auto& entry) {
    return entry.first.find("feedforward_layernorm") != std::string::npos;
  });
  EXPECT_THAT(TinyLumina2Error(TinyLumina2Tensors(), components),
              HasSubstr("does not hold the Gemma 2 text encoder"));
}

TEST(Lumina2TextEncoderTest, RefusesATokenizerWithMoreIdsThanTheEncoder) {
  Components components = TinyLumina2Components();
  Tensor& embedding = components["gemma2"]["model.embed_tokens.weight"];
  embedding = embedding.slice(0, 0, 50);
  EXPECT_THAT(TinyLumina2Error(TinyLumina2Tensors(), components),
              HasSubstr("the Gemma 2 text encoder knows 50"));
}

TEST(Lumina2TextEncoderTest, RefusesADamagedTokenizerInsideTheFile) {
  Tensors main = TinyLumina2AllInOne();
  Tensor& bytes = main["text_encoders.gemma2_2b.spiece_model"];
  bytes = bytes.slice(0, 0, bytes.numel() - 1);
  EXPECT_THAT(TinyLumina2Error(main, {}),
              HasSubstr("spiece_model in memory is not a "
                        "usable SentencePiece model"));
}

TEST(Lumina2TextEncoderTest, RefusesCaptionsBeyondThePositions) {
  ModelOptions options = TinyOptions();
  options.gemma2_max_token_length = 300;
  EXPECT_THAT(
      TinyLumina2Error(TinyLumina2Tensors(), TinyLumina2Components(), options),
      HasSubstr("gemma2_max_token_length is 300; must be from 1 to 299"));
}

}  // namespace
}  // namespace atelier::trainer::lumina2_text_encoder_test
