// Stable Diffusion 1.x checkpoints: every form gives the same tensors, what is
// exported is what was loaded, and bad files end with an error that names them.
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/oracle/sd1_model.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/sd1/config.h"
#include "trainer/vae/load_autoencoder.h"

namespace atelier::trainer::testing {
namespace {

using ::testing::HasSubstr;

std::map<std::string, Tensor> Export(const Model& model) {
  std::map<std::string, Tensor> tensors;
  const auto architecture = FindArchitecture("sd1").value();
  const auto files = architecture->export_files(model, {});
  for (const NamedTensor& entry : files[0].tensors) {
    EXPECT_TRUE(tensors.emplace(entry.name, entry.tensor).second) << entry.name;
  }
  return tensors;
}

// The tensors of a file as they stand there, Diffusers names translated.
std::map<std::string, Tensor> Stored(const std::string& name) {
  std::map<std::string, Tensor> tensors = LoadOracle(name);
  if (!tensors.contains("unet/conv_in.weight")) return tensors;
  const auto json = LoadOracleJson("sd1/keymap.json");
  std::map<std::string, Tensor> result;
  for (const auto& [key, tensor] : tensors) {
    const size_t slash = key.find('/');
    const std::string part = key.substr(0, slash);
    const std::string rest = key.substr(slash + 1);
    const std::string original = part == "text_encoder"
                                     ? "cond_stage_model.transformer." + rest
                                     : json[part][rest].get<std::string>();
    const bool is_linear =
        original.find(".mid.attn_1.") != std::string::npos && tensor.dim() == 2;
    result[original] = is_linear ? tensor.unsqueeze(2).unsqueeze(3) : tensor;
  }
  return result;
}

class Sd1Forms : public ::testing::TestWithParam<const char*> {};

TEST_P(Sd1Forms, ExportsWhatWasLoaded) {
  const auto stored = Stored(GetParam());
  const Model model = LoadSd1(GetParam(), Sd1Options()).value();
  const auto exported = Export(model);
  ASSERT_EQ(exported.size(), stored.size());
  for (const auto& [name, tensor] : stored) {
    const auto found = exported.find(name);
    ASSERT_NE(found, exported.end()) << name;
    ASSERT_TRUE(model.source_dtypes.contains(name)) << name;
    EXPECT_EQ(model.source_dtypes.at(name), tensor.scalar_type()) << name;
    const Tensor saved = found->second.to(model.source_dtypes.at(name));
    EXPECT_TRUE(saved.equal(tensor)) << name;
  }
}

TEST_P(Sd1Forms, GivesTheSameModules) {
  const Model model = LoadSd1(GetParam(), Sd1Options()).value();
  const Model first = LoadSd1("sd1/sd1.safetensors", Sd1Options()).value();
  const auto expected = first.denoiser->named_parameters();
  for (const auto& parameter : model.denoiser->named_parameters()) {
    EXPECT_TRUE(parameter.value().equal(expected[parameter.key()]))
        << parameter.key();
    EXPECT_EQ(parameter.value().scalar_type(), torch::kFloat32);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Sd1Forms,
                         ::testing::Values("sd1/sd1.safetensors",
                                           "sd1/sd1.ckpt", "sd1/diffusers"));

TEST(Sd1CheckpointOracle, TranslatesEveryDiffusersName) {
  const KeyMap keys = KeyMap::Make(LdmDiffusersKeys(sd1::Family(), {})).value();
  const auto json = LoadOracleJson("sd1/keymap.json");
  for (const std::string part : {"unet", "vae"}) {
    for (const auto& [name, original] : json[part].items()) {
      const auto plan =
          keys.MakePlan({part + "/" + name}, KeyMap::Direction::kForward)
              .value();
      ASSERT_EQ(plan.targets.size(), 1) << name;
      EXPECT_EQ(plan.targets.begin()->first, original.get<std::string>());
    }
  }
}

TEST(Sd1CheckpointOracle, DetectsItsOwnOnly) {
  const auto sd1 = FindArchitecture("sd1").value();
  const auto detect = [&](const std::string& name) {
    return sd1->detect(OpenCheckpoint(OraclePath(name)).value()->index())
        .has_value();
  };
  EXPECT_TRUE(detect("sd1/sd1.safetensors"));
  EXPECT_TRUE(detect("sd1/sd1.ckpt"));
  EXPECT_TRUE(detect("sd1/diffusers"));
  for (const char* other :
       {"sd2/sd2_768v.safetensors", "sd2/diffusers", "sdxl/sdxl.safetensors",
        "sdxl/diffusers", "flux/flux1-dev.safetensors", "flux/ae.safetensors",
        "sd3/sd3_medium_incl_clips_t5xxl.safetensors", "sd3/diffusers",
        "lumina/lumina2.safetensors",
        "lumina/lumina2_all_in_one.safetensors"}) {
    EXPECT_FALSE(detect(other)) << other;
  }
}

struct WrongFile {
  const char* name;
  const char* words;
};
class Sd1WrongFiles : public ::testing::TestWithParam<WrongFile> {};

TEST_P(Sd1WrongFiles, AreRefusedWithWhatTheySeemToBe) {
  if (!HasOracle(GetParam().name)) GTEST_SKIP() << "not in these fixtures";
  const auto model = LoadSd1(GetParam().name, Sd1Options());
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(model.status().message()),
              HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    All, Sd1WrongFiles,
    ::testing::Values(
        WrongFile{"sd2/sd2_768v.safetensors", "Stable Diffusion 2"},
        WrongFile{"sdxl/sdxl.safetensors", "Stable Diffusion XL"},
        WrongFile{"sdxl/diffusers", "Stable Diffusion XL"},
        WrongFile{"sd3/diffusers", "Stable Diffusion 3"},
        WrongFile{"sd3/sd3.5_medium.safetensors", "Stable Diffusion 3"},
        WrongFile{"flux/flux1-dev.safetensors", "FLUX.1"},
        WrongFile{"flux/diffusers", "FLUX.1"},
        WrongFile{"flux/ae.safetensors", "autoencoder"},
        WrongFile{"flux/clip_l.safetensors", "CLIP text encoder"},
        WrongFile{"flux/t5xxl.safetensors", "T5"},
        WrongFile{"lumina/lumina2.safetensors", "Lumina"},
        WrongFile{"bad/wrong_architecture.safetensors", "language model"},
        WrongFile{"bad/lora_instead_of_model.safetensors", "LoRA"},
        WrongFile{"bad/clip_l_nan.safetensors", "CLIP text encoder"},
        WrongFile{"bad/sd1_missing_keys.safetensors",
                  "input_blocks.0.0.bias"}));

TEST(Sd1CheckpointOracle, RefusesAnAutoencoderOfAnotherModel) {
  const auto sd1 = FindArchitecture("sd1").value();
  const auto source = OpenCheckpoint(OraclePath("sd1/sd1.safetensors")).value();
  ModelSources sources;
  sources.main = source.get();
  sources.components["vae"] =
      OpenCheckpoint(OraclePath("flux/ae.safetensors")).value();
  const auto model = sd1->load(sources, Sd1Options());
  EXPECT_THAT(std::string(model.status().message()),
              HasSubstr("latent channels"));
}

TEST(Sd1CheckpointOracle, TakesASeparateAutoencoder) {
  const auto sd1 = FindArchitecture("sd1").value();
  const auto source = OpenCheckpoint(OraclePath("sd1/sd1.safetensors")).value();
  ModelSources sources;
  sources.main = source.get();
  sources.components["vae"] =
      OpenCheckpoint(OraclePath("sdxl/sdxl.safetensors")).value();
  const CheckpointSource* other = sources.Find("vae");
  const auto model = sd1->load(sources, Sd1Options());
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string name = "first_stage_model.decoder.conv_in.weight";
  EXPECT_TRUE(Export(*model)[name].equal(
      other->Read(name).value().to(torch::kFloat32)));
}

}  // namespace
}  // namespace atelier::trainer::testing
