#include "gmock/gmock.h"

#include "tests/client/sd_scripts/sd_scripts_fixture.h"

namespace atelier::client::sd_scripts {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ScriptConfigTest : public SdScriptsTest {
 protected:
  absl::StatusOr<Conversion> With(const std::string& config,
                                  const std::string& options = "") {
    files_["/train/c.toml"] = config;
    return Text("sdxl_train.py --config_file=c " + options);
  }
  std::string Fault(const std::string& config) {
    return std::string(With(config).status().message());
  }
};

TEST_F(ScriptConfigTest, TablesAreFlattenedAndTheCommandWins) {
  const auto conversion = With(
      "seed = 1\n[model]\npretrained_model_name_or_path = 'm.safetensors'\n"
      "[any]\nlearning_rate = 1e-5\nmax_train_steps = 10\nfull_bf16 = true\n"
      "gradient_checkpointing = false\noptimizer_args = ['a=1', 'b=2']\n",
      "--seed 2");
  EXPECT_EQ(ValueOf(conversion, "seed"), "2");
  EXPECT_EQ(ValueOf(conversion, "learning_rate"), "1e-05");
  EXPECT_EQ(ValueOf(conversion, "max_train_steps"), "10");
  EXPECT_EQ(ValueOf(conversion, "full_bf16"), "true");
  EXPECT_EQ(ValueOf(conversion, "gradient_checkpointing"), "");
  EXPECT_EQ(ValueOf(conversion, "optimizer_args"), "a=1 b=2");
  EXPECT_EQ(ValueOf(conversion, "pretrained_model_name_or_path"),
            "/train/m.safetensors");
}

TEST_F(ScriptConfigTest, KeysKeepTheirPlace) {
  const auto conversion = With("seed = 1\nxformers = true\ndeepspeed = true\n");
  EXPECT_THAT(FateOf(conversion, "xformers (c.toml:2)"), StartsWith("ignored"));
  EXPECT_THAT(FateOf(conversion, "deepspeed (c.toml:3)"),
              StartsWith("refused"));
}

TEST_F(ScriptConfigTest, SwitchesThatAreOffAndEmptyValuesAreAsIfNotThere) {
  const auto conversion = With(
      "deepspeed = false\nvae = ''\noptimizer_args = []\n"
      "min_snr_gamma = 0\nsample_every_n_steps = 0\nepoch = 4\n"
      "max_token_length = 75\nresolution = [512, 768]\n");
  ASSERT_TRUE(conversion.ok()) << conversion.status();
  EXPECT_TRUE(Refusals(*conversion).empty());
  for (const char* name :
       {"vae", "optimizer_args", "min_snr_gamma", "sample_every_n_steps"}) {
    EXPECT_EQ(ValueOf(conversion, name), "") << name;
  }
  EXPECT_EQ(ValueOf(conversion, "max_token_length"), "75");
  EXPECT_EQ(ValueOf(conversion, "resolution"), "512,768");
}

TEST_F(ScriptConfigTest, FaultsAreNamedWithTheirPlace) {
  EXPECT_THAT(Fault("\nlearnig_rate = 1\n"),
              HasSubstr("c.toml:2: unknown option learnig_rate"));
  EXPECT_THAT(Fault("network_dim = 8\n"), HasSubstr("unknown option"));
  EXPECT_THAT(Fault("seed = 'x'\n"), HasSubstr("must be an integer"));
  EXPECT_THAT(Fault("xformers = 1\n"), HasSubstr("true or false"));
  EXPECT_THAT(Fault("seed = true\n"), HasSubstr("type"));
  EXPECT_THAT(Fault("[a.b]\nseed = 1\n"), HasSubstr("another table"));
  EXPECT_THAT(Fault("seed = \n"), HasSubstr("c.toml:1"));
  EXPECT_THAT(Fault("config_file = 'd'\n"), HasSubstr("another one"));
  EXPECT_THAT(Fault("loss_type = 'l3'\n"), HasSubstr("must be one of"));
  EXPECT_THAT(Text("sdxl_train.py --config_file x").status().message(),
              HasSubstr("config_file"));
}

}  // namespace
}  // namespace atelier::client::sd_scripts
