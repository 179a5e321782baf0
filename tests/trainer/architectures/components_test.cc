#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_flux.h"
#include "tests/trainer/architectures/tiny_sentencepiece.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/components/load_t5.h"
#include "trainer/architectures/components/load_vae.h"
#include "trainer/architectures/components/t5_tokenizer.h"

namespace atelier::trainer::components_test {
namespace {

using ::atelier::trainer::testing::MemorySource;
using ::atelier::trainer::testing::SourcesOf;
using ::atelier::trainer::testing::TinyFluxComponents;
using ::atelier::trainer::testing::TinyFluxTensors;
using ::testing::HasSubstr;

using Tensors = std::map<std::string, Tensor>;

// Sources with one component beside a transformer.
class Given {
 public:
  Given(const std::string& option, Tensors tensors)
      : main_(TinyFluxTensors()), sources_(SourcesOf(main_)) {
    sources_.components[option] =
        std::make_unique<MemorySource>(std::move(tensors));
  }
  const ModelSources& sources() const { return sources_; }

 private:
  MemorySource main_;
  ModelSources sources_;
};

Tensors Part(const std::string& option) { return TinyFluxComponents()[option]; }

ClipLoadOptions ClipOptions(bool wants_projection = false) {
  ClipLoadOptions options;
  options.place = ClipPlace("the CLIP-L text encoder", "clip_l",
                            {"text_encoders.clip_l.transformer."});
  options.wants_projection = wants_projection;
  return options;
}

TEST(LoadClipTest, TakesNamesWithAndWithoutTextModel) {
  Tensors bare;
  const Tensors usual = Part("clip_l");
  for (const auto& [name, tensor] : usual) {
    bare[name.substr(std::string("text_model.").size())] = tensor;
  }
  const Given given("clip_l", bare);
  const auto clip = LoadClip(given.sources(), ClipOptions());
  ASSERT_TRUE(clip.ok()) << clip.status();
  for (const auto& parameter : clip->encoder->named_parameters()) {
    EXPECT_TRUE(
        parameter.value().equal(usual.at(parameter.key()).to(torch::kFloat32)))
        << parameter.key();
    EXPECT_TRUE(clip->dtypes.contains(parameter.key())) << parameter.key();
  }
}

TEST(LoadClipTest, WithoutAProjectionThePooledStateIsItself) {
  const Given given("clip_l", Part("clip_l"));
  const auto clip = LoadClip(given.sources(), ClipOptions(true));
  ASSERT_TRUE(clip.ok()) << clip.status();
  EXPECT_FALSE(clip->encoder->has_projection());
  EXPECT_EQ(clip->encoder->pooled_width(), 64);
  const Tensor pooled = torch::ones({1, 64});
  EXPECT_TRUE(clip->encoder->Project(pooled).equal(pooled));
}

TEST(LoadClipTest, LoadsOrKeepsTheProjection) {
  Tensors tensors = Part("clip_l");
  tensors["text_projection.weight"] = torch::full({32, 64}, 0.5);
  tensors["text_model.embeddings.position_ids"] = torch::arange(77);
  const Given given("clip_l", tensors);
  const auto projected = LoadClip(given.sources(), ClipOptions(true));
  ASSERT_TRUE(projected.ok()) << projected.status();
  EXPECT_EQ(projected->encoder->pooled_width(), 32);
  EXPECT_EQ(
      projected->encoder->Project(torch::ones({1, 64}))[0][0].item<double>(),
      32);
  EXPECT_TRUE(
      projected->untouched.contains("text_model.embeddings.position_ids"));
  const auto plain = LoadClip(given.sources(), ClipOptions());
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_TRUE(plain->untouched.contains("text_projection.weight"));
}

TEST(LoadClipTest, NamesEveryTensorThatDoesNotFit) {
  Tensors tensors = Part("clip_l");
  tensors.erase("text_model.final_layer_norm.bias");
  tensors["text_model.encoder.other"] = torch::zeros({1});
  const Given given("clip_l", tensors);
  const std::string error(
      LoadClip(given.sources(), ClipOptions()).status().message());
  EXPECT_THAT(error, HasSubstr("text_model.final_layer_norm.bias"));
  EXPECT_THAT(error, HasSubstr("text_model.encoder.other"));
}

TEST(LoadT5Test, TheEmbeddingHasEitherNameOrBoth) {
  const Tensors shared = Part("t5xxl");
  Tensors both = shared;
  both["encoder.embed_tokens.weight"] = shared.at("shared.weight");
  Tensors tokens = both;
  tokens.erase("shared.weight");
  for (const Tensors& tensors : {shared, both, tokens}) {
    const Given given("t5xxl", tensors);
    const auto t5 = LoadT5(given.sources(), T5Place({}));
    ASSERT_TRUE(t5.ok()) << t5.status();
    EXPECT_TRUE(t5->encoder->shared->weight.equal(
        shared.at("shared.weight").to(torch::kFloat32)));
    EXPECT_EQ(t5->has_embed_tokens,
              tensors.contains("encoder.embed_tokens.weight"));
    EXPECT_TRUE(t5->dtypes.contains("shared.weight"));
  }
}

TEST(LoadT5Test, LeavesTheDecoderAlone) {
  Tensors tensors = Part("t5xxl");
  tensors["decoder.final_layer_norm.weight"] = torch::zeros({64});
  tensors["lm_head.weight"] = torch::zeros({128, 64});
  const Given given("t5xxl", tensors);
  EXPECT_TRUE(LoadT5(given.sources(), T5Place({})).ok());
}

TEST(LoadVaeTest, TakesEachPrefixAndChecksTheChannels) {
  VaeLoadOptions options;
  options.latent_channels = 4;
  for (const char* prefix : {"", "vae.", "first_stage_model."}) {
    Tensors tensors;
    for (const auto& [name, tensor] : Part("ae")) {
      tensors[prefix + name] = tensor;
    }
    const Given given("ae", tensors);
    const auto vae = LoadVae(given.sources(), options);
    EXPECT_TRUE(vae.ok()) << vae.status();
  }
  options.latent_channels = 16;
  const Given given("ae", Part("ae"));
  EXPECT_THAT(std::string(LoadVae(given.sources(), options).status().message()),
              HasSubstr("has 4 latent channels, the denoiser takes 16"));
}

TEST(FindComponentTest, SaysWhatAWrongFileSeemsToBe) {
  const Given given("t5xxl", Part("ae"));
  const auto t5 = LoadT5(given.sources(), T5Place({}));
  EXPECT_EQ(t5.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(t5.status().message()),
              HasSubstr("t5xxl: memory does not hold the T5 text encoder"));
  EXPECT_THAT(std::string(t5.status().message()),
              HasSubstr("it seems to be an autoencoder (VAE) alone"));
}

TEST(FindComponentTest, AsksForAPartThatIsNowhere) {
  const Given given("clip_l", Part("clip_l"));
  const auto t5 = LoadT5(given.sources(), T5Place({"text_encoder_2/"}));
  EXPECT_EQ(t5.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(t5.status().message()),
              HasSubstr("comes without the T5 text encoder; give its file as "
                        "t5xxl"));
}

TEST(FindComponentTest, TheOptionsFileReplacesTheMainCheckpoints) {
  Tensors main;
  for (const auto& [name, tensor] : Part("ae")) {
    main["vae." + name] = torch::zeros_like(tensor);
  }
  const MemorySource source(main);
  ModelSources sources = SourcesOf(source);
  VaeLoadOptions options;
  options.latent_channels = 4;
  EXPECT_EQ(LoadVae(sources, options)->source, &source);
  sources.components["ae"] = std::make_unique<MemorySource>(Part("ae"));
  EXPECT_EQ(LoadVae(sources, options)->source, sources.Find("ae"));
}

TEST(OpenT5TokenizerTest, NamesTheFolderWhereNoVocabularyIs) {
  const atelier::testing::TempDir dir;
  const Given given("t5xxl", Part("t5xxl"));
  const auto t5 = LoadT5(given.sources(), T5Place({}));
  ASSERT_TRUE(t5.ok()) << t5.status();
  EXPECT_THAT(std::string(OpenT5Tokenizer(dir.path(), *t5).status().message()),
              HasSubstr("no T5 tokenizer in tokenizer_dir `" + dir.path()));
  testing::WriteTinySentencePiece(dir.File("t5/spiece.model"),
                                  {"<pad>", "</s>", "<unk>"});
  const auto tokenizer = OpenT5Tokenizer(dir.path(), *t5);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->Encode("a b").size(), 4u);  // two spaces, two letters
}

}  // namespace
}  // namespace atelier::trainer::components_test
