// FLUX.1 checkpoints: every form gives the same tensors, what is exported is
// what was loaded, and files of another kind end with an error that says so.
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/oracle/flux_model.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/components/export_transformer.h"
#include "trainer/architectures/flux/keys.h"

namespace atelier::trainer::testing {
namespace flux_oracle {

using ::testing::HasSubstr;

std::map<std::string, NamedTensor> Exported(const Model& model) {
  std::map<std::string, NamedTensor> tensors;
  const auto files = ExportTransformer(model, {});
  EXPECT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].suffix, "");
  for (const NamedTensor& entry : files[0].tensors) {
    EXPECT_TRUE(tensors.emplace(entry.name, entry).second) << entry.name;
  }
  return tensors;
}

struct Form {
  const char* main;
  const char* original;  // the same in the original layout
  Components components;
};

class FluxForms : public ::testing::TestWithParam<Form> {};

TEST_P(FluxForms, ExportsTheOriginalFile) {
  const auto stored = LoadOracle(GetParam().original);
  const Model model = LoadModel(GetParam().main, GetParam().components).value();
  const auto exported = Exported(model);
  ASSERT_EQ(exported.size(), stored.size());
  for (const auto& [name, tensor] : stored) {
    ASSERT_TRUE(exported.contains(name)) << name;
    const NamedTensor& entry = exported.at(name);
    EXPECT_EQ(entry.source_dtype, tensor.scalar_type()) << name;
    EXPECT_TRUE(entry.tensor.to(entry.source_dtype).equal(tensor)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FluxForms,
    ::testing::Values(
        Form{kDev, kDev, AllFiles()}, Form{kSchnell, kSchnell, AllFiles()},
        Form{kDiffusers, kDev, {}},
        Form{"flux/diffusers/transformer", kDev, AllFiles()},
        Form{"flux/diffusers/transformer/diffusion_pytorch_model.safetensors",
             kDev, AllFiles()},
        Form{kDev,
             kDev,
             {{"clip_l", "flux/diffusers/text_encoder"},
              {"t5xxl", "flux/diffusers/text_encoder_2"},
              {"ae", "flux/diffusers/vae"}}}));

TEST(FluxCheckpointOracle, TranslatesEveryDiffusersName) {
  const KeyMap keys = KeyMap::Make(flux::DiffusersKeys()).value();
  const auto json = LoadOracleJson("flux/keymap.json")["transformer"];
  std::vector<std::string> names;
  std::map<std::string, std::set<std::string>> expected;
  for (const auto& [name, original] : json.items()) {
    names.push_back(name);
    expected[original.get<std::string>()].insert(name);
  }
  const auto plan = keys.MakePlan(names, KeyMap::Direction::kForward).value();
  EXPECT_TRUE(plan.unmatched.empty());
  std::map<std::string, std::set<std::string>> found;
  for (const auto& [target, pieces] : plan.targets) {
    for (const auto& piece : pieces) found[target].insert(piece.source);
  }
  EXPECT_EQ(found, expected);
}

TEST(FluxCheckpointOracle, DetectsItsOwnOnly) {
  const auto detected = [](const std::string& name) {
    return flux::Detect(OpenCheckpoint(OraclePath(name)).value()->index())
        .value_or("");
  };
  EXPECT_EQ(detected(kDev), "FLUX.1 dev");
  EXPECT_EQ(detected(kSchnell), "FLUX.1 schnell");
  EXPECT_EQ(detected(kDiffusers), "FLUX.1 dev, Diffusers");
  EXPECT_EQ(detected("flux/diffusers/transformer"), "FLUX.1 dev, Diffusers");
  for (const char* other :
       {"sd1/sd1.safetensors", "sd2/diffusers", "sdxl/sdxl.safetensors",
        "sd3/sd3_medium_incl_clips_t5xxl.safetensors", "sd3/diffusers",
        "lumina/lumina2.safetensors", "lumina/diffusers", "flux/ae.safetensors",
        "flux/t5xxl.safetensors"}) {
    EXPECT_EQ(detected(other), "") << other;
  }
}

std::string LoadError(const std::string& main, const Components& components) {
  const auto model = LoadModel(main, components);
  return model.ok() ? "" : std::string(model.status().message());
}

TEST(FluxCheckpointOracle, RefusesOtherModelsSayingWhatTheySeemToBe) {
  EXPECT_THAT(LoadError("sd3/diffusers", AllFiles()),
              HasSubstr("is not a FLUX.1 model; it seems to be Stable "
                        "Diffusion 3"));
  EXPECT_THAT(LoadError("flux/t5xxl.safetensors", AllFiles()),
              HasSubstr("a T5 text encoder"));
}

TEST(FluxCheckpointOracle, NamesTheOptionOfAComponentThatIsNowhere) {
  for (const char* option : {"clip_l", "t5xxl", "ae"}) {
    Components components = AllFiles();
    components.erase(option);
    EXPECT_THAT(LoadError(kDev, components),
                HasSubstr(std::string("give its file as ") + option));
  }
}

TEST(FluxCheckpointOracle, RefusesAComponentOfTheWrongKind) {
  Components components = AllFiles();
  components["t5xxl"] = "flux/clip_l.safetensors";
  EXPECT_THAT(LoadError(kDev, components), HasSubstr("t5xxl: "));
  EXPECT_THAT(LoadError(kDev, components),
              HasSubstr("it seems to be a CLIP text encoder alone"));
  components = AllFiles();
  components["ae"] = "sd1/sd1.safetensors";
  EXPECT_THAT(LoadError(kDev, components),
              HasSubstr("has 4 latent channels, the denoiser takes 16"));
}

}  // namespace flux_oracle
}  // namespace atelier::trainer::testing
