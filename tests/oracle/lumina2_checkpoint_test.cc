// Lumina Image 2 checkpoints: every form gives the same tensors, what is
// exported is what was loaded, and files of another kind end with an error that
// says so.
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/oracle/lumina2_model.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/components/export_transformer.h"
#include "trainer/architectures/lumina2/keys.h"

namespace atelier::trainer::testing {
namespace lumina2_oracle {

using ::testing::HasSubstr;

constexpr char kNorm[] = "norm_final.weight";

struct Form {
  const char* main;
  Components components;
  bool has_norm_final = true;  // Diffusers drops it
};

class LuminaForms : public ::testing::TestWithParam<Form> {};

TEST_P(LuminaForms, ExportsTheOriginalFile) {
  auto stored = LoadOracle(kTransformer);
  if (!GetParam().has_norm_final) stored[kNorm].fill_(1);
  const Model model = LoadModel(GetParam().main, GetParam().components).value();
  const auto files = ExportTransformer(model, {});
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].suffix, "");
  ASSERT_EQ(files[0].tensors.size(), stored.size());
  for (const NamedTensor& entry : files[0].tensors) {
    ASSERT_TRUE(stored.contains(entry.name)) << entry.name;
    const Tensor& expected = stored.at(entry.name);
    EXPECT_EQ(entry.source_dtype, expected.scalar_type()) << entry.name;
    EXPECT_TRUE(entry.tensor.to(entry.source_dtype).equal(expected))
        << entry.name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, LuminaForms,
    ::testing::Values(Form{kTransformer, AllFiles()}, Form{kAllInOne, {}},
                      Form{kDiffusers, {}, false},
                      Form{"lumina/diffusers/transformer", AllFiles(), false},
                      Form{"lumina/diffusers/transformer/"
                           "diffusion_pytorch_model.safetensors",
                           AllFiles(), false},
                      Form{kTransformer,
                           {{"gemma2", "lumina/diffusers/text_encoder"},
                            {"ae", "lumina/diffusers/vae"}}},
                      Form{kTransformer,
                           {{"gemma2", kAllInOne}, {"ae", kAllInOne}}}));

TEST(LuminaCheckpointOracle, FindsTheTokenizerWithTheWeights) {
  ModelOptions options = Options();
  options.tokenizer_dir = "/nowhere";
  EXPECT_TRUE(LoadModel(kAllInOne, {}, options).ok());
  EXPECT_TRUE(LoadModel(kDiffusers, {}, options).ok());
  Components components = AllFiles();
  components["gemma2"] = "lumina/diffusers/text_encoder";
  EXPECT_TRUE(LoadModel(kTransformer, components, options).ok());
  components["gemma2"] = "lumina/diffusers/text_encoder/model.safetensors";
  EXPECT_TRUE(LoadModel(kTransformer, components, options).ok());
  const auto model = LoadModel(kTransformer, AllFiles(), options);
  EXPECT_EQ(model.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(model.status().message()),
              HasSubstr("/nowhere/gemma2/tokenizer.model"));
}

TEST(LuminaCheckpointOracle, TranslatesEveryDiffusersName) {
  const auto index = OpenCheckpoint(OraclePath(kTransformer)).value()->index();
  const KeyMap keys =
      KeyMap::Make(lumina2::DiffusersKeys(lumina2::ReadNextDitConfig(
                       index, *lumina2::FindNextDit(index))))
          .value();
  const auto json = LoadOracleJson("lumina/keymap.json")["transformer"];
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

TEST(LuminaCheckpointOracle, BothLayoutsTellTheSameSizes) {
  const auto read = [](const std::string& name) {
    const auto source = OpenCheckpoint(OraclePath(name)).value();
    return lumina2::ReadNextDitConfig(source->index(),
                                      *lumina2::FindNextDit(source->index()));
  };
  const lumina2::NextDitConfig original = read(kTransformer);
  for (const char* name : {kAllInOne, kDiffusers}) {
    const lumina2::NextDitConfig config = read(name);
    EXPECT_EQ(config.width, original.width) << name;
    EXPECT_EQ(config.heads, original.heads) << name;
    EXPECT_EQ(config.key_value_heads, original.key_value_heads) << name;
    EXPECT_EQ(config.layers, original.layers) << name;
    EXPECT_EQ(config.noise_refiners, original.noise_refiners) << name;
    EXPECT_EQ(config.context_refiners, original.context_refiners) << name;
    EXPECT_EQ(config.caption_width, original.caption_width) << name;
    EXPECT_EQ(config.feed_forward, original.feed_forward) << name;
    EXPECT_EQ(config.modulation_width, original.modulation_width) << name;
  }
}

TEST(LuminaCheckpointOracle, DetectsItsOwnOnly) {
  const auto detected = [](const std::string& name) {
    return lumina2::Detect(OpenCheckpoint(OraclePath(name)).value()->index())
        .value_or("");
  };
  EXPECT_EQ(detected(kTransformer), "Lumina Image 2");
  EXPECT_EQ(detected(kAllInOne), "Lumina Image 2");
  EXPECT_EQ(detected(kDiffusers), "Lumina Image 2, Diffusers");
  EXPECT_EQ(detected("lumina/diffusers/transformer"),
            "Lumina Image 2, Diffusers");
  for (const char* other :
       {"sd1/sd1.safetensors", "sd2/diffusers", "sdxl/sdxl.safetensors",
        "sd3/sd3_medium_incl_clips_t5xxl.safetensors", "sd3/diffusers",
        "flux/flux1-dev.safetensors", "flux/diffusers", "lumina/ae.safetensors",
        "lumina/gemma2.safetensors"}) {
    EXPECT_EQ(detected(other), "") << other;
  }
}

std::string LoadError(const std::string& main, const Components& components) {
  const auto model = LoadModel(main, components);
  return model.ok() ? "" : std::string(model.status().message());
}

TEST(LuminaCheckpointOracle, RefusesOtherModelsSayingWhatTheySeemToBe) {
  EXPECT_THAT(LoadError("flux/flux1-dev.safetensors", AllFiles()),
              HasSubstr("is not a Lumina Image 2 model; it seems to be "
                        "FLUX.1"));
  EXPECT_THAT(LoadError("lumina/gemma2.safetensors", AllFiles()),
              HasSubstr("a language model"));
}

TEST(LuminaCheckpointOracle, NamesTheOptionOfAComponentThatIsNowhere) {
  for (const char* option : {"gemma2", "ae"}) {
    Components components = AllFiles();
    components.erase(option);
    EXPECT_THAT(LoadError(kTransformer, components),
                HasSubstr(std::string("give its file as ") + option));
  }
}

TEST(LuminaCheckpointOracle, RefusesAComponentOfTheWrongKind) {
  Components components = AllFiles();
  components["gemma2"] = "flux/t5xxl.safetensors";
  EXPECT_THAT(LoadError(kTransformer, components), HasSubstr("gemma2: "));
  EXPECT_THAT(LoadError(kTransformer, components),
              HasSubstr("it seems to be a T5 text encoder"));
  components = AllFiles();
  components["ae"] = "sd1/sd1.safetensors";
  EXPECT_THAT(LoadError(kTransformer, components),
              HasSubstr("has 4 latent channels, the denoiser takes 16"));
}

}  // namespace lumina2_oracle
}  // namespace atelier::trainer::testing
