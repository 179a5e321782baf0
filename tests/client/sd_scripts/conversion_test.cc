#include "client/sd_scripts/conversion.h"

#include "gmock/gmock.h"

#include "proto/cc/job_file.h"
#include "proto/cc/options_from_toml.h"
#include "tests/client/sd_scripts/sd_scripts_fixture.h"

namespace atelier::client::sd_scripts {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ConversionTest : public SdScriptsTest {};

TEST_F(ConversionTest, ScriptsNameTheArchitecture) {
  const std::vector<std::pair<std::string, v1::Architecture>> cases = {
      {"train_db.py", v1::ARCHITECTURE_SD1},
      {"train_db.py --v2", v1::ARCHITECTURE_SD2},
      {"fine_tune.py", v1::ARCHITECTURE_SD1},
      {"fine_tune.py --v2", v1::ARCHITECTURE_SD2},
      {"sdxl_train.py", v1::ARCHITECTURE_SDXL},
      {"sd3_train.py", v1::ARCHITECTURE_SD3},
      {"flux_train.py", v1::ARCHITECTURE_FLUX},
      {"lumina_train.py", v1::ARCHITECTURE_LUMINA2}};
  for (const auto& [script, architecture] : cases) {
    const auto conversion = Options(script, "");
    ASSERT_TRUE(conversion.ok()) << conversion.status();
    EXPECT_EQ(conversion->spec.architecture(), architecture) << script;
  }
}

TEST_F(ConversionTest, OptionsThatAScriptDoesNotHearAreIgnoredAsItDoes) {
  EXPECT_EQ(ValueOf(Options("train_db.py", "--clip_skip 2"), "clip_skip"), "2");
  for (const char* script : {"sdxl_train.py", "flux_train.py"}) {
    const auto conversion = Options(script, "--clip_skip 2");
    EXPECT_EQ(ValueOf(conversion, "clip_skip"), "");
    EXPECT_EQ(FateOf(conversion, "--clip_skip"),
              "ignored: sd-scripts does nothing with it");
  }
  EXPECT_EQ(
      ValueOf(Options("sd3_train.py", "--min_timestep 5"), "min_timestep"),
      "5");
  EXPECT_THAT(
      FateOf(Options("flux_train.py", "--min_timestep 5"), "--min_timestep"),
      StartsWith("ignored"));
  EXPECT_THAT(FateOf(Options("sdxl_train.py", "--v2"), "--v2"),
              StartsWith("refused"));
}

TEST_F(ConversionTest, WhatChangesTheResultIsRefused) {
  for (const char* option :
       {"--deepspeed", "--debug_dataset", "--dataset_class a.B",
        "--resume_from_huggingface", "--output_config"}) {
    const auto conversion = Options("flux_train.py", option);
    ASSERT_TRUE(conversion.ok()) << conversion.status();
    EXPECT_EQ(Refusals(*conversion).size(), 1u) << option;
  }
  EXPECT_EQ(Refusals(*Options("flux_train.py", "--model_type chroma")).size(),
            1u);
  EXPECT_TRUE(Refusals(*Options("flux_train.py", "--model_type flux")).empty());
}

TEST_F(ConversionTest, StatesOfSdScriptsAreRefusedAndOthersResumed) {
  files_["/train/old/random_states_0.pkl"] = "";
  EXPECT_THAT(FateOf(Options("sdxl_train.py", "--resume old"), "--resume"),
              HasSubstr("cannot be read"));
  EXPECT_EQ(ValueOf(Options("sdxl_train.py", "--resume new"), "resume"),
            "/train/new");
}

TEST_F(ConversionTest, NamesOfTheHubAreRefused) {
  const std::string command =
      "train_db.py --train_data_dir d --pretrained_model_name_or_path ";
  EXPECT_THAT(
      FateOf(Text(command + "some/model"), "--pretrained_model_name_or_path"),
      HasSubstr("download the model"));
  files_["/train/some/model"] = "";
  EXPECT_EQ(
      ValueOf(Text(command + "some/model"), "pretrained_model_name_or_path"),
      "/train/some/model");
  for (const char* path : {"./a/b", "a/b.safetensors", "/a/b", "folder"}) {
    EXPECT_TRUE(Refusals(*Text(command + path)).empty()) << path;
  }
}

TEST_F(ConversionTest, WhatIsTakenAsItIsIsNotTalkedAbout) {
  const auto conversion =
      Options("sdxl_train.py",
              "--save_model_as safetensors --save_precision fp16 --resume s "
              "--learning_rate 1e-5 --optimizer_type Lion");
  ASSERT_TRUE(conversion.ok()) << conversion.status();
  EXPECT_TRUE(Notable(conversion->dispositions).empty())
      << JobText(*conversion);
}

TEST_F(ConversionTest, SecretsAreNeverShown) {
  const auto conversion = Options(
      "sdxl_train.py", "--wandb_api_key s3cret --huggingface_token s3cret");
  ASSERT_TRUE(conversion.ok()) << conversion.status();
  EXPECT_THAT(JobText(*conversion), Not(HasSubstr("s3cret")));
  EXPECT_THAT(JobText(*conversion), HasSubstr("--wandb_api_key"));
}

TEST_F(ConversionTest, DefaultsOfSdScriptsAreSetWhereOursDiffer) {
  const auto flux = Options("flux_train.py", "--mixed_precision bf16");
  EXPECT_EQ(ValueOf(flux, "full_bf16"), "true");
  EXPECT_EQ(ValueOf(flux, "save_precision"), "bf16");
  EXPECT_EQ(ValueOf(flux, "model_prediction_type"), "raw");
  EXPECT_THAT(FateOf(flux, "model_prediction_type"), HasSubstr("sigma_scaled"));
  EXPECT_EQ(
      ValueOf(Options("flux_train.py", "--model_prediction_type sigma_scaled"),
              "model_prediction_type"),
      "sigma_scaled");
  EXPECT_EQ(ValueOf(Options("flux_train.py", ""), "save_precision"), "float");
  EXPECT_EQ(ValueOf(Options("sd3_train.py", ""), "full_bf16"), "false");
  EXPECT_EQ(ValueOf(Options("sd3_train.py", ""), "save_precision"), "");
  const auto xl = Options("sdxl_train.py", "--cache_latents_to_disk");
  EXPECT_EQ(ValueOf(xl, "save_precision"), "float");
  EXPECT_EQ(ValueOf(xl, "save_model_as"), "ckpt");
  EXPECT_EQ(ValueOf(xl, "cache_format"), "npz");
  EXPECT_EQ(ValueOf(Options("sdxl_train.py",
                            "--full_bf16 --mixed_precision "
                            "bf16 --save_precision fp16"),
                    "save_precision"),
            "fp16");
}

// Defaults that the schema may change at any time: what the command does not
// say is then written out.
TEST_F(ConversionTest, NoDefaultOfAScriptDiffersSilently) {
  for (const Script& script : AllScripts()) {
    const auto conversion = Options(script.file, "");
    ASSERT_TRUE(conversion.ok()) << conversion.status();
    v1::TrainingConfig filled = conversion->spec.training();
    FillDefaults(script.architecture, &filled);
    for (const OptionRow& row : AllRows()) {
      const Option* option = FindOption(row.name);
      if (FindRow(row.name, script) != &row || *row.fallback == '\0' ||
          TreatmentOf(row, script, script.architecture).option == nullptr) {
        continue;
      }
      v1::TrainingConfig upstream;
      ASSERT_TRUE(SetOptionFromText(*option, row.fallback, &upstream).ok())
          << row.name;
      EXPECT_EQ(ValueOf(filled, row.name), ValueOf(upstream, row.name))
          << script.file << " " << row.name;
    }
  }
}

TEST_F(ConversionTest, FineTuneLeavesTheTextEncoderAloneUnlessAsked) {
  EXPECT_EQ(ValueOf(Options("fine_tune.py", "--learning_rate_te 1"),
                    "stop_text_encoder_training"),
            "-1");
  EXPECT_EQ(ValueOf(Options("fine_tune.py", "--learning_rate_te 1"),
                    "learning_rate_te"),
            "");
  const auto trained =
      Options("fine_tune.py", "--train_text_encoder --learning_rate_te 1");
  EXPECT_EQ(ValueOf(trained, "stop_text_encoder_training"), "");
  EXPECT_EQ(ValueOf(trained, "learning_rate_te"), "1");
  EXPECT_EQ(ValueOf(Options("train_db.py", ""), "stop_text_encoder_training"),
            "");
  EXPECT_THAT(Text("fine_tune.py --train_data_dir d").status().message(),
              HasSubstr("--in_json"));
}

TEST_F(ConversionTest, WhatAnotherOptionOverrulesIsIgnored) {
  const auto conversion =
      Options("sdxl_train.py", "--train_data_dir d --in_json j");
  EXPECT_EQ(ValueOf(conversion, "train_data_dir"), "");
  EXPECT_EQ(FateOf(conversion, "--in_json"),
            "ignored: sd-scripts does not read it beside --dataset_config");
}

TEST_F(ConversionTest, SwappedBlocksAreAddedUp) {
  EXPECT_EQ(ValueOf(Options("flux_train.py",
                            "--double_blocks_to_swap 6 "
                            "--single_blocks_to_swap 10"),
                    "blocks_to_swap"),
            "11");
  EXPECT_EQ(ValueOf(Options("flux_train.py",
                            "--blocks_to_swap 8 "
                            "--single_blocks_to_swap 10"),
                    "blocks_to_swap"),
            "8");
}

TEST_F(ConversionTest, FormsOfCheckpointsFollowTheSourceAndTheSwitch) {
  const auto form = [&](const std::string& options) {
    return ValueOf(Options("train_db.py", options), "save_model_as");
  };
  EXPECT_EQ(form(""), "ckpt");
  EXPECT_EQ(form("--use_safetensors"), "");
  EXPECT_EQ(form("--save_model_as=ckpt --use_safetensors"), "safetensors");
  EXPECT_EQ(form("--save_model_as diffusers"), "diffusers");
  EXPECT_EQ(ValueOf(Text("train_db.py --pretrained_model_name_or_path folder"),
                    "save_model_as"),
            "diffusers");
  EXPECT_EQ(ValueOf(Options("flux_train.py", "--save_model_as ckpt"),
                    "save_model_as"),
            "");
}

TEST_F(ConversionTest, TrackersOfOthersGetNothing) {
  EXPECT_EQ(ValueOf(Options("sdxl_train.py", "--logging_dir l --log_with all"),
                    "log_with"),
            "tensorboard");
  EXPECT_THAT(
      FateOf(Options("sdxl_train.py", "--log_with wandb"), "--log_with"),
      StartsWith("ignored"));
}

TEST_F(ConversionTest, ValuesThatATrainingOptionDoesNotTakeAreErrors) {
  EXPECT_THAT(Options("sdxl_train.py", "--keep_tokens -3").status().message(),
              HasSubstr("keep_tokens"));
  EXPECT_THAT(Options("sdxl_train.py", std::string("--output_name \xff"))
                  .status()
                  .message(),
              HasSubstr("output_name"));
}

TEST_F(ConversionTest, JobFileSaysWhatWasIgnoredAndReadsBack) {
  const auto conversion = Options(
      "sdxl_train.py", "--xformers --caption_prefix 'a \"b\"\nc' --seed 3");
  ASSERT_TRUE(conversion.ok()) << conversion.status();
  const std::string text = JobText(*conversion);
  EXPECT_THAT(text, StartsWith("# From a command of sdxl_train.py.\n"));
  EXPECT_THAT(text, HasSubstr("# ignored: --xformers: "));
  const auto read = JobSpecFromToml(text, "job.toml", "/elsewhere");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->SerializeAsString(), conversion->spec.SerializeAsString());
}

}  // namespace
}  // namespace atelier::client::sd_scripts
