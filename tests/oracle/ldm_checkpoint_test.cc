// Checkpoints of Stable Diffusion 2 and XL: both forms give the same modules,
// what is exported is what was loaded, and the folder that is written is the
// reference's.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/oracle/ldm_model.h"
#include "tests/support/oracle.h"
#include "trainer/architectures/sd1/config.h"
#include "trainer/architectures/sd2/config.h"
#include "trainer/architectures/sdxl/config.h"
#include "trainer/text/clip_text_model.h"

namespace atelier::trainer::testing::ldm_oracle {
namespace {

using ::testing::HasSubstr;

using TensorMap = std::map<std::string, Tensor>;

const Architecture& RowOf(const LdmFixture& fixture) {
  return *FindArchitecture(fixture.family).value();
}

std::string FolderOf(const LdmFixture& fixture) {
  return fixture.family + "/diffusers";
}

const LdmFamily& FamilyOf(const LdmFixture& fixture) {
  if (fixture.family == "sd2") return sd2::Family();
  return fixture.family == "sdxl" ? sdxl::Family() : sd1::Family();
}

TensorMap ExportedFile(const LdmFixture& fixture, const Model& model) {
  TensorMap tensors;
  const auto files = RowOf(fixture).export_files(model, {});
  EXPECT_EQ(files.size(), 1);
  for (const NamedTensor& entry : files[0].tensors) {
    EXPECT_TRUE(
        tensors.emplace(entry.name, entry.tensor.to(entry.source_dtype)).second)
        << entry.name;
  }
  return tensors;
}

TensorMap ExportedFolder(const DiffusersExport& exported) {
  TensorMap tensors;
  for (const DiffusersComponent& component : exported.components) {
    for (const NamedTensor& entry : component.tensors) {
      tensors[component.folder + "/" + entry.name] =
          entry.tensor.to(entry.source_dtype);
    }
  }
  return tensors;
}

void ExpectEqualTensors(const TensorMap& actual, const TensorMap& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    const auto found = actual.find(name);
    if (found == actual.end()) {
      ADD_FAILURE() << name << " is missing";
      continue;
    }
    EXPECT_EQ(found->second.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(found->second.equal(tensor)) << name;
  }
}

class LdmForms : public ::testing::TestWithParam<LdmFixture> {
 protected:
  Model Load(const std::string& name) const {
    return LoadFrom(GetParam(), name, OptionsOf(GetParam())).value();
  }
};

TEST_P(LdmForms, SavesTheFileThatWasLoaded) {
  ExpectEqualTensors(ExportedFile(GetParam(), Load(GetParam().file)),
                     LoadOracle(GetParam().file));
}

TEST_P(LdmForms, GivesTheSameModulesFromTheFolder) {
  const Model file = Load(GetParam().file);
  const Model folder = Load(FolderOf(GetParam()));
  const auto compare = [](const torch::nn::Module& actual,
                          const torch::nn::Module& expected) {
    const TensorMap theirs = ParametersOf(expected);
    EXPECT_EQ(ParametersOf(actual).size(), theirs.size());
    for (const auto& [name, tensor] : ParametersOf(actual)) {
      EXPECT_EQ(tensor.scalar_type(), torch::kFloat32);
      EXPECT_TRUE(tensor.equal(theirs.at(name))) << name;
    }
  };
  compare(*folder.denoiser, *file.denoiser);
  compare(*folder.vae, *file.vae);
  const auto encoders = folder.conditioner->TextEncoders();
  const auto expected = file.conditioner->TextEncoders();
  ASSERT_EQ(encoders.size(), expected.size());
  for (size_t i = 0; i < encoders.size(); ++i) {
    compare(*encoders[i].module, *expected[i].module);
  }
}

TEST_P(LdmForms, SavesAFolderAsTheFileThatItCameFrom) {
  const Model model = Load(FolderOf(GetParam()));
  // The layer that the folder lacks is a copy of the last one.
  const auto& text = dynamic_cast<const ClipTextModel&>(
      *model.conditioner->TextEncoders().back().module);
  const std::string unused =
      GetParam().family == "sd2"
          ? absl::StrCat(".resblocks.", text.config().layers, ".")
          : "none";
  const TensorMap expected = LoadOracle(GetParam().file);
  for (const auto& [name, tensor] : ExportedFile(GetParam(), model)) {
    const auto found = expected.find(name);
    ASSERT_NE(found, expected.end()) << name;
    if (absl::StrContains(name, unused)) continue;
    EXPECT_TRUE(
        tensor.to(torch::kFloat32).equal(found->second.to(torch::kFloat32)))
        << name;
  }
}

TEST_P(LdmForms, SavesTheFolderThatWasLoaded) {
  const Model model = Load(FolderOf(GetParam()));
  const DiffusersExport exported = RowOf(GetParam()).export_diffusers(model);
  ExpectEqualTensors(ExportedFolder(exported),
                     LoadOracle(FolderOf(GetParam())));
}

TEST_P(LdmForms, WarnsOfAFolderThatWasTrainedForAnotherObjective) {
  ModelOptions options = OptionsOf(GetParam());
  const bool is_velocity =
      options.diffusion.prediction_type == PredictionType::kVelocity;
  EXPECT_TRUE(Load(FolderOf(GetParam())).warnings.empty());
  options.diffusion.prediction_type =
      is_velocity ? PredictionType::kEpsilon : PredictionType::kVelocity;
  const auto model = LoadFrom(GetParam(), FolderOf(GetParam()), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->warnings,
              ::testing::ElementsAre(HasSubstr("v_parameterization")));
}

// Which values may differ from the reference's: what a fixture of this size
// makes no sense of, and what the reference writes for itself.
bool MayDiffer(const std::string& key) {
  static const auto* const kKeys =
      new std::set<std::string>{"_diffusers_version",
                                "sample_size",
                                "force_upcast",
                                "upcast_attention",
                                "feature_extractor",
                                "image_encoder",
                                "requires_safety_checker",
                                "safety_checker",
                                "force_zeros_for_empty_prompt",
                                "rescale_betas_zero_snr"};
  return kKeys->contains(key);
}

TEST_P(LdmForms, WritesTheConfigurationsOfTheReference) {
  const Model model = Load(GetParam().file);
  const DiffusersExport exported = RowOf(GetParam()).export_diffusers(model);
  std::map<std::string, std::string> files = {
      {"model_index.json", exported.model_index}};
  for (const DiffusersComponent& component : exported.components) {
    for (const auto& [name, text] : component.files) {
      files[component.folder + "/" + name] = text;
    }
  }
  for (const auto& [name, text] : files) {
    if (name.find("config.json") == std::string::npos &&
        name.find("_index.json") == std::string::npos &&
        name.find("_map.json") == std::string::npos) {
      continue;
    }
    const auto expected = LoadOracleJson(FolderOf(GetParam()) + "/" + name);
    const auto written = nlohmann::json::parse(text);
    for (const auto& [key, value] : written.items()) {
      // The fixture's networks do not name their classes.
      if (MayDiffer(key) || (key[0] == '_' && !expected.contains(key))) {
        continue;
      }
      ASSERT_TRUE(expected.contains(key)) << name << " " << key;
      EXPECT_EQ(value, expected[key]) << name << " " << key;
    }
  }
  EXPECT_TRUE(files.contains("tokenizer/vocab.json"));
  EXPECT_TRUE(files.contains("tokenizer/merges.txt"));
}

TEST_P(LdmForms, TranslatesEveryDiffusersName) {
  const KeyMap keys =
      KeyMap::Make(LdmDiffusersKeys(FamilyOf(GetParam()), {})).value();
  const auto json = LoadOracleJson(GetParam().family + "/keymap.json");
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

TEST_P(LdmForms, DetectsItsOwnOnly) {
  for (const LdmFixture& other : {kSd1, kSd2, kSdxl}) {
    for (const std::string& name : {other.file, FolderOf(other)}) {
      const auto source = OpenCheckpoint(OraclePath(name)).value();
      EXPECT_EQ(RowOf(GetParam()).detect(source->index()).has_value(),
                other.family == GetParam().family)
          << name;
    }
  }
  for (const char* name : {"flux/flux1-dev.safetensors", "sd3/diffusers",
                           "sd3/sd3_medium_incl_clips_t5xxl.safetensors",
                           "lumina/lumina2_all_in_one.safetensors"}) {
    const auto model = LoadFrom(GetParam(), name, OptionsOf(GetParam()));
    ASSERT_FALSE(model.ok()) << name;
    EXPECT_THAT(std::string(model.status().message()),
                HasSubstr("it seems to be"));
  }
}

INSTANTIATE_TEST_SUITE_P(All, LdmForms, ::testing::Values(kSd1, kSd2, kSdxl),
                         [](const auto& test) { return test.param.family; });

}  // namespace
}  // namespace atelier::trainer::testing::ldm_oracle
