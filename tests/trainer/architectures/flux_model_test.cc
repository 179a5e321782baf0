#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/architectures/memory_source.h"
#include "tests/trainer/architectures/tiny_flux.h"
#include "trainer/architectures/components/export_transformer.h"
#include "trainer/architectures/flux/model.h"

namespace atelier::trainer::flux_model_test {
namespace {

using ::atelier::trainer::testing::MemorySource;
using ::atelier::trainer::testing::SourcesOf;
using ::atelier::trainer::testing::TinyFluxComponents;
using ::atelier::trainer::testing::TinyFluxTensors;
using ::atelier::trainer::testing::TinyOptions;
using ::testing::HasSubstr;

using Tensors = std::map<std::string, Tensor>;

absl::StatusOr<Model> LoadTiny(
    const Tensors& main,
    const std::map<std::string, Tensors>& components = TinyFluxComponents(),
    const ModelOptions& options = TinyOptions()) {
  const MemorySource source(main);
  ModelSources sources = SourcesOf(source);
  for (const auto& [option, tensors] : components) {
    sources.components[option] = std::make_unique<MemorySource>(tensors);
  }
  return flux::Load(sources, options);
}

std::string LoadError(
    const Tensors& main,
    const std::map<std::string, Tensors>& components = TinyFluxComponents()) {
  const auto model = LoadTiny(main, components);
  return model.ok() ? "" : std::string(model.status().message());
}

Tensors Under(const std::string& prefix, const Tensors& tensors) {
  Tensors result;
  for (const auto& [name, tensor] : tensors) result[prefix + name] = tensor;
  return result;
}

Tensors WithoutPrefix(const Model& model) {
  Tensors result;
  const auto files = ExportTransformer(model, {});
  for (const NamedTensor& entry : files[0].tensors) {
    result[entry.name] = entry.tensor.detach().to(entry.source_dtype);
  }
  return result;
}

void ExpectSame(const Tensors& actual, const Tensors& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(actual.contains(name)) << name;
    EXPECT_TRUE(actual.at(name).equal(tensor)) << name;
  }
}

TEST(FluxModelTest, SavesWithoutThePrefixThatItWasLoadedWith) {
  const auto model =
      LoadTiny(Under("model.diffusion_model.", TinyFluxTensors()));
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectSame(WithoutPrefix(*model), TinyFluxTensors());
}

TEST(FluxModelTest, FindsItsPartsInsideTheMainCheckpoint) {
  Tensors main = Under("model.diffusion_model.", TinyFluxTensors());
  auto parts = TinyFluxComponents();
  main.merge(Under("text_encoders.clip_l.transformer.", parts["clip_l"]));
  main.merge(Under("text_encoders.t5xxl.transformer.", parts["t5xxl"]));
  main.merge(Under("vae.", parts["ae"]));
  const auto model = LoadTiny(main, {});
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectSame(WithoutPrefix(*model), TinyFluxTensors());
}

TEST(FluxModelTest, TrainsTheTransformerAlone) {
  const auto model = LoadTiny(TinyFluxTensors());
  ASSERT_TRUE(model.ok()) << model.status();
  for (const auto& parameter : model->denoiser->named_parameters()) {
    EXPECT_TRUE(parameter.value().requires_grad()) << parameter.key();
  }
  const auto encoders = model->conditioner->TextEncoders();
  ASSERT_EQ(encoders.size(), 2u);
  EXPECT_EQ(encoders[0].name, "text_encoder1");
  EXPECT_EQ(encoders[1].name, "text_encoder2");
  for (const TextEncoder& encoder : encoders) {
    for (const Tensor& parameter : encoder.module->parameters()) {
      EXPECT_FALSE(parameter.requires_grad());
    }
  }
}

TEST(FluxModelTest, ReleasedEncodersAreGoneAndEncodeNothing) {
  auto model = LoadTiny(TinyFluxTensors());
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

TEST(FluxModelTest, DevAndSchnellDifferInGuidanceAndLength) {
  const std::vector<std::string> captions = {"a cat", "two dogs"};
  const std::vector<ImageGeometry> geometry(2);
  for (const bool is_dev : {true, false}) {
    ModelOptions options = TinyOptions();
    options.guidance_scale = 1.5;
    auto model =
        LoadTiny(TinyFluxTensors(is_dev), TinyFluxComponents(), options);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->modelspec_architecture,
              is_dev ? "flux-1-dev" : "flux-1-schnell");
    const Conditioning conditioning = model->conditioner->Condition(
        model->conditioner->Encode(captions, EncoderChoice::kFrozen), geometry,
        nullptr);
    EXPECT_EQ(conditioning.context.size(1), is_dev ? 512 : 256);
    ASSERT_EQ(conditioning.guidance.defined(), is_dev);
    if (is_dev) {
      EXPECT_TRUE(conditioning.guidance.equal(torch::full({2}, 1.5)));
    }
  }
}

TEST(FluxModelTest, RunsEachBlockThroughTheRunner) {
  const auto model = LoadTiny(TinyFluxTensors());
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_NE(model->denoiser->block_runner(), nullptr);
  EXPECT_EQ(model->denoiser->block_runner()->size(), 4);
}

TEST(FluxModelTest, ReadsFp8AndSavesItInBf16) {
  Tensors main = TinyFluxTensors();
  auto parts = TinyFluxComponents();
  for (auto& [name, tensor] : main) tensor = tensor.to(torch::kFloat8_e4m3fn);
  for (auto& [name, tensor] : parts["t5xxl"]) {
    tensor = tensor.to(torch::kFloat8_e4m3fn);
  }
  const auto model = LoadTiny(main, parts);
  ASSERT_TRUE(model.ok()) << model.status();
  Tensors expected;
  for (const auto& [name, tensor] : main) {
    expected[name] = tensor.to(torch::kBFloat16);
  }
  ExpectSame(WithoutPrefix(*model), expected);
}

TEST(FluxModelTest, NamesEveryTensorThatDoesNotFit) {
  Tensors main = TinyFluxTensors();
  main.erase("img_in.bias");
  main.erase("single_blocks.1.linear2.weight");
  main["txt_in.weight"] = torch::zeros({5, 64});
  main["double_blocks.0.other.weight"] = torch::zeros({1});
  const std::string error = LoadError(main);
  for (const char* name : {"img_in.bias", "single_blocks.1.linear2.weight",
                           "txt_in.weight", "double_blocks.0.other.weight"}) {
    EXPECT_THAT(error, HasSubstr(name));
  }
}

TEST(FluxModelTest, RefusesModelsThatAreGivenAPictureBesides) {
  Tensors main = TinyFluxTensors();
  main["img_in.weight"] = torch::zeros({128, 96});
  EXPECT_THAT(LoadError(main), HasSubstr("takes 96 channels a patch and "
                                         "returns 16"));
}

TEST(FluxModelTest, RefusesEncodersThatDoNotFitTheTransformer) {
  auto parts = TinyFluxComponents();
  for (auto& [name, tensor] : parts["clip_l"]) {
    if (tensor.dim() == 2 && tensor.size(1) == 64) {
      tensor = torch::zeros({tensor.size(0) == 64 ? 128 : tensor.size(0), 128});
    } else if (tensor.dim() == 1 && name.find("fc1") == std::string::npos) {
      tensor = torch::zeros({128});
    }
  }
  EXPECT_THAT(LoadError(TinyFluxTensors(), parts), HasSubstr("CLIP-L"));
}

TEST(FluxModelTest, RefusesAnEncoderWithFewerTokensThanItsTokenizer) {
  auto parts = TinyFluxComponents();
  Tensor& embedding = parts["t5xxl"]["shared.weight"];
  embedding = embedding.slice(0, 0, 50);
  EXPECT_THAT(LoadError(TinyFluxTensors(), parts),
              HasSubstr("the T5 text encoder of memory knows 50"));
}

}  // namespace
}  // namespace atelier::trainer::flux_model_test
