#include "proto/cc/options_schema.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proto/cc/options_from_toml.h"

namespace atelier {
namespace {

using ::testing::HasSubstr;

absl::Status Set(const char* name, const char* text,
                 v1::TrainingConfig* config) {
  return SetOptionFromText(*FindOption(name), text, config);
}

std::string Refusal(const char* name, const char* text) {
  v1::TrainingConfig config;
  const absl::Status status = Set(name, text, &config);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(SetOptions(config).empty()) << "must not half-set " << name;
  return std::string(status.message());
}

TEST(OptionsSchemaTest, NamesAreUniqueOverAllGroupsAliasesAndJobKeys) {
  std::set<std::string> seen(JobKeys().begin(), JobKeys().end());
  for (const std::string& name : OptionNames()) {
    EXPECT_TRUE(seen.insert(name).second) << name;
  }
}

TEST(OptionsSchemaTest, NoGroupIsNamedAsAnOption) {
  for (const Option& option : AllOptions()) {
    EXPECT_EQ(FindOption(option.group->name()), nullptr);
  }
}

TEST(OptionsSchemaTest, EveryOptionIsOptionalOrAListAndHasHelp) {
  for (const Option& option : AllOptions()) {
    EXPECT_TRUE(option.is_list() || option.field->has_presence())
        << option.name;
    EXPECT_FALSE(option.info.help().empty()) << option.name;
    EXPECT_NE(option.field->cpp_type(),
              google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE)
        << option.name;
  }
}

TEST(OptionsSchemaTest, EveryDefaultFitsItsOption) {
  for (const Option& option : AllOptions()) {
    for (int i = 0; i <= v1::Architecture_MAX; ++i) {
      const std::string value =
          option.DefaultFor(static_cast<v1::Architecture>(i));
      if (value.empty()) continue;
      v1::TrainingConfig config;
      EXPECT_TRUE(SetOptionFromText(option, value, &config).ok())
          << option.name << " = " << value;
    }
  }
}

TEST(OptionsSchemaTest, AliasLeadsToTheSameOption) {
  ASSERT_NE(FindOption("caption_extention"), nullptr);
  EXPECT_EQ(FindOption("caption_extention")->name, "caption_extension");
}

TEST(OptionsSchemaTest, UnknownNameBringsTheNearest) {
  EXPECT_EQ(FindOption("learnig_rate"), nullptr);
  EXPECT_EQ(UnknownOption("learnig_rate"),
            "unknown option learnig_rate; did you mean learning_rate?");
  EXPECT_EQ(UnknownOption("zzzzqqqq"), "unknown option zzzzqqqq");
}

TEST(OptionsSchemaTest, TextBecomesTheFieldsType) {
  v1::TrainingConfig config;
  EXPECT_TRUE(Set("learning_rate", "1e-4", &config).ok());
  EXPECT_TRUE(Set("train_batch_size", "4", &config).ok());
  EXPECT_TRUE(Set("cache_latents", "true", &config).ok());
  EXPECT_TRUE(Set("optimizer_args", "a=1", &config).ok());
  EXPECT_TRUE(Set("optimizer_args", "b=2", &config).ok());
  EXPECT_EQ(config.optimizer().learning_rate(), 1e-4);
  EXPECT_EQ(config.dataset().train_batch_size(), 4);
  EXPECT_TRUE(config.dataset().cache_latents());
  EXPECT_EQ(config.optimizer().optimizer_args_size(), 2);
}

TEST(OptionsSchemaTest, RefusalNamesValueAndWhatIsAllowed) {
  EXPECT_EQ(Refusal("learning_rate", "fast"),
            "learning_rate is \"fast\"; must be a number");
  EXPECT_EQ(Refusal("learning_rate", "-1"),
            "learning_rate is -1; must be at least 0 and at most 1000");
  EXPECT_EQ(Refusal("huber_c", "0"), "huber_c is 0; must be above 0");
  EXPECT_EQ(Refusal("train_batch_size", "1.5"),
            "train_batch_size is 1.5; must be an integer");
  EXPECT_EQ(Refusal("cache_latents", "perhaps"),
            "cache_latents is \"perhaps\"; must be true or false");
  EXPECT_EQ(Refusal("mixed_precision", "bf17"),
            "mixed_precision is \"bf17\"; must be one of no, fp16, bf16; did "
            "you mean bf16?");
  EXPECT_THAT(Refusal("learning_rate", "nan"), HasSubstr("finite"));
  EXPECT_THAT(Refusal("adaptive_noise_scale", "inf"), HasSubstr("finite"));
  EXPECT_THAT(Refusal("seed", "99999999999999999999"), HasSubstr("seed is"));
  EXPECT_THAT(Refusal("min_bucket_reso", "3000000000"), HasSubstr("32 bits"));
  EXPECT_THAT(Refusal("vae", ""), HasSubstr("a path"));
  EXPECT_THAT(Refusal("caption_prefix", "a\xff"), HasSubstr("UTF-8"));
}

TEST(OptionsSchemaTest, NumberStandsForATextButNotTheOtherWayRound) {
  v1::TrainingConfig config;
  EXPECT_TRUE(SetOption(*FindOption("resolution"), int64_t{512}, &config).ok());
  EXPECT_EQ(config.dataset().resolution(), "512");
  EXPECT_TRUE(SetOption(*FindOption("max_train_steps"), 1e3, &config).ok());
  EXPECT_EQ(config.run().max_train_steps(), 1000);
  EXPECT_FALSE(
      SetOption(*FindOption("learning_rate"), std::string("1e-4"), &config)
          .ok());
  EXPECT_FALSE(
      SetOption(*FindOption("cache_latents"), int64_t{1}, &config).ok());
}

TEST(OptionsSchemaTest, DefaultsFillOnlyWhatIsUnset) {
  v1::TrainingConfig config;
  config.mutable_optimizer()->set_learning_rate(0.5);
  FillDefaults(v1::ARCHITECTURE_SD1, &config, [] { return 42; });
  EXPECT_EQ(config.optimizer().learning_rate(), 0.5);
  EXPECT_EQ(config.run().max_train_steps(), 1600);
  EXPECT_EQ(config.run().seed(), 42);
  EXPECT_EQ(config.caption().caption_extension(), ".caption");
  EXPECT_FALSE(config.optimizer().has_learning_rate_te());
}

TEST(OptionsSchemaTest, DefaultsOfOtherArchitecturesStayUnset) {
  v1::TrainingConfig config;
  FillDefaults(v1::ARCHITECTURE_FLUX, &config);
  EXPECT_FALSE(config.model().has_no_token_padding());
  EXPECT_FALSE(config.run().has_seed());
}

TEST(OptionsSchemaTest, GivenSeedIsNotDrawnAgain) {
  v1::TrainingConfig config;
  config.mutable_run()->set_seed(7);
  FillDefaults(v1::ARCHITECTURE_SD1, &config, [] { return 42; });
  EXPECT_EQ(config.run().seed(), 7);
}

TEST(OptionsSchemaTest, OverrideReplacesListsAndLeavesTheRest) {
  v1::TrainingConfig file;
  file.mutable_optimizer()->add_optimizer_args("a=1");
  file.mutable_optimizer()->add_optimizer_args("b=1");
  file.mutable_run()->set_seed(3);
  v1::TrainingConfig flags;
  flags.mutable_optimizer()->add_optimizer_args("c=1");
  OverrideOptions(flags, &file);
  ASSERT_EQ(file.optimizer().optimizer_args_size(), 1);
  EXPECT_EQ(file.optimizer().optimizer_args(0), "c=1");
  EXPECT_EQ(file.run().seed(), 3);
}

TEST(OptionsSchemaTest, NumbersPrintInTheShortestFormThatReadsBack) {
  EXPECT_EQ(ValueText(0.1), "0.1");
  EXPECT_EQ(ValueText(1.0), "1");
  EXPECT_EQ(ValueText(2e-6), "2e-06");
  EXPECT_EQ(ValueText(int64_t{-1}), "-1");
  EXPECT_EQ(ValueText(true), "true");
}

TEST(OptionsSchemaTest, ArchitecturesAreKnownByTheirShortNames) {
  EXPECT_EQ(*ParseArchitecture("lumina2"), v1::ARCHITECTURE_LUMINA2);
  EXPECT_EQ(ParseArchitecture("sdlx").status().message(),
            "architecture is \"sdlx\"; must be one of sd1, sd2, sdxl, sd3, "
            "flux, lumina2; did you mean sdxl?");
}

}  // namespace
}  // namespace atelier
