// Which checkpoints and states are there at the end.
#include <set>

#include "tests/trainer/train/train_fixture.h"
#include "trainer/train/hooks/checkpoint_names.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using testing::TrainTest;

class RetentionTest : public TrainTest {
 protected:
  std::vector<std::string> Files(const std::string& output) {
    std::vector<std::string> names;
    for (const auto& entry :
         std::filesystem::directory_iterator(dir_.File(output))) {
      const std::string name = entry.path().filename().string();
      if (name.front() == '.' || name == "loss_ledger.json") continue;
      names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

TEST(CheckpointNamesTest, AreThoseOfSdScripts) {
  const CheckpointNames named("my");
  EXPECT_EQ(named.Epoch(3), "my-000003");
  EXPECT_EQ(named.Step(500), "my-step00000500");
  EXPECT_EQ(named.Final(), "my");
  const CheckpointNames unnamed("");
  EXPECT_EQ(unnamed.Epoch(3), "epoch-000003");
  EXPECT_EQ(unnamed.Step(500), "at-step00000500");
  EXPECT_EQ(unnamed.Final(), "last");
}

TEST(CheckpointNamesTest, TheStepToRemoveCountsSteps) {
  EXPECT_EQ(StepToRemove(50, 10, 30), 10);
  EXPECT_EQ(StepToRemove(40, 10, 30), 0);
  EXPECT_EQ(StepToRemove(30, 10, 30), std::nullopt);
  EXPECT_EQ(StepToRemove(60, 10, 25), 30);
  EXPECT_EQ(EpochToRemove(6, 2, 2), 2);
  EXPECT_EQ(EpochToRemove(2, 2, 2), std::nullopt);
}

TEST_F(RetentionTest, KeepsTheLastStepsAndTheFinalCheckpoint) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_output()->set_save_every_n_steps(1);
  spec.mutable_training()->mutable_output()->set_save_last_n_steps(2);
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_THAT(
      Files("out"),
      ElementsAre("t-step00000004.safetensors", "t-step00000005.safetensors",
                  "t-step00000006.safetensors", "t.safetensors"));
}

TEST_F(RetentionTest, StatesMayBeKeptShorterThanCheckpoints) {
  v1::JobSpec spec = Spec("out");
  v1::OutputOptions& output = *spec.mutable_training()->mutable_output();
  output.set_save_every_n_epochs(1);
  output.set_save_state(true);
  output.set_save_last_n_epochs_state(1);
  spec.mutable_training()->mutable_run()->set_max_train_epochs(3);
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_THAT(Files("out"),
              ElementsAre("t-000001.safetensors", "t-000002-state",
                          "t-000002.safetensors", "t-state", "t.safetensors"));
}

TEST_F(RetentionTest, TakesNoFileThatTheJobDidNotWrite) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_output()->set_save_every_n_steps(1);
  spec.mutable_training()->mutable_output()->set_save_last_n_steps(1);
  std::filesystem::create_directories(dir_.File("out"));
  const std::string foreign = Out("out", "t-step00000000.safetensors");
  std::ofstream(foreign) << "someone else's";
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_TRUE(std::filesystem::exists(foreign));
}

TEST_F(RetentionTest, AStateOfAStopGoesWhenTheNextOneIsWhole) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_output()->set_save_state(true);
  ASSERT_TRUE(absl::IsCancelled(RunAndStopAfter(spec, 2)));
  EXPECT_THAT(Files("out"), ElementsAre("t-step00000002-state"));
  ASSERT_TRUE(Run(spec, /*from_newest=*/true).ok());
  EXPECT_THAT(Files("out"), ElementsAre("t-state", "t.safetensors"));
}

TEST_F(RetentionTest, ACheckpointOnRequestIsNamedForItsStep) {
  v1::JobSpec spec = Spec("out");
  events_.on_event = [&](const Event& event) {
    if (event.step == 2 && std::holds_alternative<StepDone>(event.kind)) {
      stop_.RequestCheckpoint();
    }
  };
  ASSERT_TRUE(Run(spec).ok());
  EXPECT_THAT(Files("out"),
              ElementsAre("t-step00000002.safetensors", "t.safetensors"));
}

}  // namespace
}  // namespace atelier::trainer
