#include "proto/cc/options_from_flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/proto/violations.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Flags {
  v1::TrainingConfig config;
  std::vector<std::string> problems;
  std::vector<std::string> fields;
};

Flags Read(const std::vector<std::string>& tokens) {
  Flags flags;
  const auto violations = OptionsFromFlags(tokens, "/home/ana", &flags.config);
  flags.problems = Messages(violations);
  flags.fields = Fields(violations);
  return flags;
}

TEST(OptionsFromFlagsTest, ValueFollowsOrIsJoined) {
  const Flags flags = Read({"--learning_rate", "1e-4", "--seed=7"});
  EXPECT_THAT(flags.problems, IsEmpty());
  EXPECT_EQ(flags.config.optimizer().learning_rate(), 1e-4);
  EXPECT_EQ(flags.config.run().seed(), 7);
}

TEST(OptionsFromFlagsTest, BooleanIsAPresenceFlagThatCanBeSwitchedOff) {
  const Flags flags =
      Read({"--cache_latents", "--flip_aug=false", "--save_state", "false",
            "--enable_bucket", "--seed", "1"});
  EXPECT_THAT(flags.problems, IsEmpty());
  EXPECT_TRUE(flags.config.dataset().cache_latents());
  EXPECT_TRUE(flags.config.dataset().has_flip_aug());
  EXPECT_FALSE(flags.config.dataset().flip_aug());
  EXPECT_FALSE(flags.config.output().save_state());
  EXPECT_TRUE(flags.config.dataset().enable_bucket());
}

TEST(OptionsFromFlagsTest, ListTakesValuesUpToTheNextFlag) {
  const Flags flags = Read({"--optimizer_args", "a=1", "b=2", "--seed", "1",
                            "--sample_prompt=a cat --w 512"});
  EXPECT_THAT(flags.problems, IsEmpty());
  EXPECT_THAT(flags.config.optimizer().optimizer_args(),
              ElementsAre("a=1", "b=2"));
  EXPECT_THAT(flags.config.sample().sample_prompt(),
              ElementsAre("a cat --w 512"));
}

TEST(OptionsFromFlagsTest, RelativePathsBecomeAbsolute) {
  const Flags flags = Read({"--vae", "../x/vae.safetensors", "--output_dir",
                            "/out", "--caption_prefix", "a/b"});
  EXPECT_EQ(flags.config.model().vae(), "/home/x/vae.safetensors");
  EXPECT_EQ(flags.config.output().output_dir(), "/out");
  EXPECT_EQ(flags.config.caption().caption_prefix(), "a/b");
}

TEST(OptionsFromFlagsTest, NegativeNumberIsAValue) {
  const Flags flags = Read({"--stop_text_encoder_training", "-1"});
  EXPECT_THAT(flags.problems, IsEmpty());
  EXPECT_EQ(flags.config.optimizer().stop_text_encoder_training(), -1);
}

TEST(OptionsFromFlagsTest, DashesAndUnderscoresAreTheSame) {
  EXPECT_EQ(Read({"--learning-rate", "1"}).config.optimizer().learning_rate(),
            1);
}

TEST(OptionsFromFlagsTest, EveryProblemIsReportedAtOnce) {
  const Flags flags = Read({"--learnig_rate", "1", "--mixed_precision", "bf17",
                            "stray", "--seed", "--train_batch_size", "2"});
  EXPECT_THAT(
      flags.problems,
      ElementsAre("unknown option learnig_rate; did you mean learning_rate?",
                  "mixed_precision is \"bf17\"; must be one of no, fp16, bf16; "
                  "did you mean bf16?",
                  "unexpected argument \"stray\"; an option begins with --",
                  "seed needs a value; one that begins with -- is written "
                  "--seed=VALUE"));
  EXPECT_THAT(flags.fields,
              ElementsAre("--learnig_rate", "training.run.mixed_precision",
                          "stray", "training.run.seed"));
  EXPECT_EQ(flags.config.dataset().train_batch_size(), 2);
}

TEST(OptionsFromFlagsTest, OfASingleOptionTheLastCounts) {
  EXPECT_EQ(Read({"--seed", "1", "--seed", "2"}).config.run().seed(), 2);
}

TEST(OptionsFromFlagsTest, FlagsWinOverWhatIsThere) {
  v1::TrainingConfig config;
  config.mutable_run()->set_seed(1);
  config.mutable_run()->set_max_train_steps(5);
  OptionsFromFlags({"--seed", "2"}, "/", &config);
  EXPECT_EQ(config.run().seed(), 2);
  EXPECT_EQ(config.run().max_train_steps(), 5);
}

}  // namespace
}  // namespace atelier
