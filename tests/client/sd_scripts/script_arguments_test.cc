#include "client/sd_scripts/script_arguments.h"

#include "gmock/gmock.h"

#include "tests/client/sd_scripts/sd_scripts_fixture.h"

namespace atelier::client::sd_scripts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ScriptArgumentsTest : public SdScriptsTest {
 protected:
  std::vector<Violation> Read(const std::vector<std::string>& words) {
    given_ = {};
    return ReadScriptArguments(words, **FindScript("sdxl_train.py"), &given_);
  }
  std::string Fault(const std::vector<std::string>& words) {
    const auto violations = Read(words);
    return violations.size() == 1 ? violations[0].message
                                  : std::to_string(violations.size());
  }
  GivenOptions given_;
};

TEST_F(ScriptArgumentsTest, ValuesStandBehindOrAfterAnEqualsSign) {
  EXPECT_THAT(Read({"--seed", "1", "--learning_rate=1e-5", "--xformers",
                    "--output_name=--odd"}),
              IsEmpty());
  EXPECT_EQ(given_.Value("seed"), "1");
  EXPECT_EQ(given_.Value("learning_rate"), "1e-5");
  EXPECT_EQ(given_.Value("output_name"), "--odd");
  EXPECT_TRUE(given_.Has("xformers"));
}

TEST_F(ScriptArgumentsTest, NamesMayBeCutShortWhileTheyAreUnambiguous) {
  EXPECT_THAT(Read({"--pretrained=m", "--max_data 2", "--max_data", "2"}),
              SizeIs(1));
  EXPECT_EQ(given_.Value("pretrained_model_name_or_path"), "m");
  EXPECT_EQ(given_.Value("max_data_loader_n_workers"), "2");
  EXPECT_THAT(Fault({"--max_train", "2"}),
              HasSubstr("max_train_steps, max_train_epochs"));
  EXPECT_THAT(Read({"--learning_rate", "2"}), IsEmpty());
}

TEST_F(ScriptArgumentsTest, ListsReachToTheNextOption) {
  EXPECT_THAT(Read({"--optimizer_args", "a=1", "b=-2", "-3", "--seed", "1"}),
              IsEmpty());
  EXPECT_THAT(given_.Find("optimizer_args")->values,
              ElementsAre("a=1", "b=-2", "-3"));
  EXPECT_THAT(Read({"--optimizer_args"}), IsEmpty());
  EXPECT_THAT(given_.Find("optimizer_args")->values, IsEmpty());
}

TEST_F(ScriptArgumentsTest, TheLastOfTwoCounts) {
  EXPECT_THAT(Read({"--seed", "1", "--optimizer_args", "a=1", "--seed", "2",
                    "--optimizer_args", "b=1"}),
              IsEmpty());
  EXPECT_EQ(given_.Value("seed"), "2");
  EXPECT_THAT(given_.Find("optimizer_args")->values, ElementsAre("b=1"));
}

TEST_F(ScriptArgumentsTest, NumbersBelowZeroAndTextsWithSpacesAreValues) {
  EXPECT_THAT(
      Read({"--adaptive_noise_scale", "-0.1", "--caption_prefix", "- a cat"}),
      IsEmpty());
  EXPECT_EQ(given_.Value("adaptive_noise_scale"), "-0.1");
  EXPECT_EQ(given_.Value("caption_prefix"), "- a cat");
}

TEST_F(ScriptArgumentsTest, TypesAndChoicesAreChecked) {
  EXPECT_THAT(Read({"--max_train_steps", "10_000"}), IsEmpty());
  EXPECT_EQ(given_.Value("max_train_steps"), "10000");
  EXPECT_THAT(Fault({"--seed", "1.5"}), HasSubstr("must be an integer"));
  EXPECT_THAT(Fault({"--noise_offset", "x"}), HasSubstr("must be a number"));
  EXPECT_THAT(Fault({"--loss_type", "l3"}), HasSubstr("must be one of l1"));
  EXPECT_THAT(Read({"--lr_warmup_steps", "10%"}), IsEmpty());
  EXPECT_THAT(Fault({"--lr_warmup_steps", "ten"}), HasSubstr("share"));
}

TEST_F(ScriptArgumentsTest, EveryFaultIsNamed) {
  EXPECT_THAT(Fault({"--learnig_rate", "1"}),
              HasSubstr("did you mean learning_rate?"));
  EXPECT_THAT(Fault({"--guidance_scale", "1"}),
              HasSubstr("it is one of flux_train.py"));
  EXPECT_THAT(Fault({"--ema_decay", "0.9"}), HasSubstr("before --"));
  EXPECT_THAT(Fault({"--seed"}), HasSubstr("needs a value"));
  EXPECT_THAT(Fault({"--seed", "--xformers"}), HasSubstr("needs a value"));
  EXPECT_THAT(Fault({"--xformers=1"}), HasSubstr("takes no value"));
  EXPECT_THAT(Fault({"stray"}), HasSubstr("unexpected argument"));
  EXPECT_THAT(Fault({"--help"}), HasSubstr("trains nothing"));
  EXPECT_THAT(Read({"--a", "x", "-b", "--", "y"}), SizeIs(3));
}

TEST_F(ScriptArgumentsTest, HostileWordsAreErrors) {
  const std::string huge(10 << 20, 'x');
  EXPECT_LT(Fault({"--" + huge}).size(), 400u);
  EXPECT_LT(Fault({huge}).size(), 400u);
  EXPECT_LT(Fault({"--seed", huge}).size(), 400u);
  EXPECT_THAT(Fault({std::string("--a\0b", 5)}), HasSubstr("unknown option"));
  EXPECT_THAT(Read({"", "-", "--=", "-\xff"}), SizeIs(4));
}

}  // namespace
}  // namespace atelier::client::sd_scripts
