// What a judgement leads to: one warning with the place to go back to, and the
// end of the run where that is wanted.
#include "trainer/train/hooks/watch.h"

#include "tests/trainer/train/train_fixture.h"
#include "trainer/train/hooks/validation.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;
using testing::TrainTest;

class WatchTest : public TrainTest {
 protected:
  // Gradients of one size for long, then ten of another.
  static void SetGradients(Progress& progress, double last) {
    progress.step = 60;
    progress.course.grad_norms = RecentValues(220);
    for (int i = 0; i < 50; ++i) progress.course.grad_norms.Add(1);
    for (int i = 0; i < 10; ++i) progress.course.grad_norms.Add(last);
  }

  // Warnings of two looks at exploding gradients, one at sound ones, and
  // another at exploding ones; `ends` is whether the run ends then.
  std::vector<Warning> Look(OnOverfit choice, bool& ends) {
    Training training;
    training.on_overfit = choice;
    Reporter reporter(events_, stop_);
    std::filesystem::create_directories(dir_.File("out"));
    auto manifest = Manifest::Open(dir_.File("out"));
    EXPECT_TRUE(
        manifest->Add({"t-step40.safetensors", "checkpoint", 40, 1, "", false})
            .ok());
    EXPECT_TRUE(
        manifest->Add({"t-step55.safetensors", "checkpoint", 55, 1, "", false})
            .ok());
    CheckpointHook checkpoints(training, dir_.File("out"), *std::move(manifest),
                               reporter);
    Watch watch(training, checkpoints, reporter);
    Progress progress;
    for (const double norm : {30.0, 30.0, 1.0, 30.0}) {
      SetGradients(progress, norm);
      watch.AfterStep(progress);
    }
    const ValidationHook validation(training, checkpoints, reporter);
    ends = !validation.EndsRun(progress).empty();
    return events_.Of<Warning>();
  }
};

TEST_F(WatchTest, WarnsOnceForEachTimeWithTheCheckpointToGoBackTo) {
  bool ends = true;
  const std::vector<Warning> warnings = Look(OnOverfit::kWarn, ends);
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_THAT(warnings[0].message, HasSubstr("gradients explode"));
  // Ten steps before, when they were sound.
  EXPECT_THAT(warnings[0].message,
              HasSubstr("go back to t-step40.safetensors, step 40"));
  EXPECT_FALSE(ends);
}

TEST_F(WatchTest, SaysNothingWhereItIsOff) {
  bool ends = true;
  EXPECT_TRUE(Look(OnOverfit::kOff, ends).empty());
  EXPECT_FALSE(ends);
}

TEST_F(WatchTest, EndsTheRunWhereAsked) {
  bool ends = false;
  EXPECT_EQ(Look(OnOverfit::kStop, ends).size(), 2u);
  EXPECT_TRUE(ends);
}

TEST_F(WatchTest, OverfittingIsJudgedAfterAValidationOnly) {
  Training training;
  training.validate.timesteps = {500};
  Reporter reporter(events_, stop_);
  std::filesystem::create_directories(dir_.File("out"));
  auto manifest = Manifest::Open(dir_.File("out"));
  CheckpointHook checkpoints(training, dir_.File("out"), *std::move(manifest),
                             reporter);
  Watch watch(training, checkpoints, reporter);
  Progress progress;
  for (int i = 1; i <= 12; ++i) {
    const double held_out = i < 6 ? 1.0 - 0.1 * i : 0.5 + 0.1 * (i - 5);
    progress.course.validation.Add(
        10 * i, {{"weights", held_out, 0, {held_out}, {1.0 - 0.05 * i}}}, 0);
  }
  progress.step = 121;
  watch.AfterStep(progress);
  EXPECT_TRUE(events_.Of<Warning>().empty());
  progress.step = 120;
  watch.AfterStep(progress);
  ASSERT_EQ(events_.Of<Warning>().size(), 1u);
  EXPECT_THAT(events_.Of<Warning>()[0].message, HasSubstr("overfits"));
  EXPECT_THAT(events_.Of<Warning>()[0].message,
              HasSubstr("lowest validation loss was that of step 50"));
}

}  // namespace
}  // namespace atelier::trainer
