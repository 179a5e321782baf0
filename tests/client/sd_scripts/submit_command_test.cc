// `submit` with a command of sd-scripts, against the fake daemon.
#include <fstream>

#include "gmock/gmock.h"

#include "tests/client/client_fixture.h"

namespace atelier::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SubmitCommandTest : public ClientTest {
 protected:
  int Submit(const std::vector<std::string>& before,
             const std::vector<std::string>& more = {}) {
    std::vector<std::string> tokens = {"submit"};
    tokens.insert(tokens.end(), before.begin(), before.end());
    for (const char* word :
         {"--", "accelerate", "launch", "sdxl_train.py", "--dataset_config",
          "my data.toml", "--pretrained_model_name_or_path", "m.safetensors",
          "--seed=1", "--xformers"}) {
      tokens.push_back(word);
    }
    tokens.insert(tokens.end(), more.begin(), more.end());
    return Run(tokens);
  }
  const v1::JobSpec& Submitted() { return daemon_.submissions.back().spec(); }
};

TEST_F(SubmitCommandTest, WordsAfterTwoDashesBecomeAJob) {
  ASSERT_EQ(Submit({"--name", "cats"}), 0) << Err();
  EXPECT_EQ(Submitted().architecture(), v1::ARCHITECTURE_SDXL);
  EXPECT_EQ(Submitted().name(), "cats");
  EXPECT_EQ(Submitted().training().dataset().dataset_config(),
            dir_.File("my data.toml"));
  EXPECT_EQ(Submitted().training().run().seed(), 1);
  EXPECT_THAT(Err(), HasSubstr("ignored: --xformers: "));
}

TEST_F(SubmitCommandTest, FlagsBeforeTheDashesWin) {
  ASSERT_EQ(Submit({"sdxl", "--seed", "2", "--ema_decay=0.99"}), 0) << Err();
  EXPECT_EQ(Submitted().training().run().seed(), 2);
  EXPECT_EQ(Submitted().training().run().ema_decay(), "0.99");
  EXPECT_EQ(Submit({"sd1"}), 2);
  EXPECT_THAT(Err(), HasSubstr("another architecture"));
}

TEST_F(SubmitCommandTest, OneQuotedTextAndAFileAreTheSame) {
  const std::string text =
      "accelerate launch sdxl_train.py --dataset_config 'my data.toml' \\\n"
      " --pretrained_model_name_or_path m.safetensors --seed=1 --xformers\n";
  ASSERT_EQ(Submit({}), 0) << Err();
  ASSERT_EQ(Run({"submit", "--", text}), 0) << Err();
  std::ofstream(dir_.File("run.sh")) << text;
  ASSERT_EQ(Run({"submit", "--command-file", "run.sh"}), 0) << Err();
  ASSERT_THAT(daemon_.submissions, SizeIs(3));
  for (const auto& submission : daemon_.submissions) {
    EXPECT_EQ(submission.spec().SerializeAsString(),
              daemon_.submissions[0].spec().SerializeAsString());
  }
}

TEST_F(SubmitCommandTest, NothingIsSentOfWhatIsRefused) {
  EXPECT_EQ(Submit({}, {"--deepspeed"}), 2);
  EXPECT_THAT(Err(), HasSubstr("error: refused: --deepspeed: "));
  EXPECT_EQ(Submit({"--config", "job.toml"}), 2);
  EXPECT_THAT(Err(), HasSubstr("give one"));
  EXPECT_EQ(Submit({"--command-file", "run.sh"}), 2);
  EXPECT_EQ(Run({"submit", "--"}), 2);
  EXPECT_THAT(daemon_.submissions, IsEmpty());
}

TEST_F(SubmitCommandTest, JsonHasWhatBecameOfTheCommand) {
  ASSERT_EQ(Submit({"--json"}), 0);
  EXPECT_EQ(Err(), "");
  const auto command = JsonLines()[0]["command"];
  EXPECT_EQ(command[0]["given"], "--dataset_config");
  EXPECT_EQ(command[3]["given"], "--xformers");
  EXPECT_EQ(command[3]["does"], "ignored");
}

}  // namespace
}  // namespace atelier::client
